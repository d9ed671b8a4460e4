"""Two tenants whose sessions and participants are called the same: nothing of one is on a page of the other."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.running import Running, running
from tests.test_sessions import Elements, page, plain, told

KEYS = {name: f"{name}-0123456789abcdef0123456789abcdef" for name in ("acme", "umbrella")}
#: What each says of its ann: what it lost of 100 packets each two seconds, and which application it is.
LOST = {"acme": 0, "umbrella": 30}
TRACKS = {"acme": "a", "umbrella": "u"}


async def say(exporter: Running, tenant: str, participant: str, second: int, *, is_here: bool = True) -> None:
    """One report of somebody of a tenant: each hears the other, by SSRCs that both tenants use."""
    mine, theirs = (1, 2) if participant == "ann" else (2, 1)
    lost = LOST[tenant] * second // 2
    document = {
        "app": {"name": f"{tenant}-app"}, "time": exporter.now * 1000, "peer_connection": f"pc-{tenant}",
        "stats": [
            {"id": "in", "type": "inbound-rtp", "kind": "audio", "ssrc": theirs, "timestamp": exporter.now * 1000,
             "packetsReceived": 50 * second - lost, "packetsLost": lost},
            {"id": "out", "type": "outbound-rtp", "kind": "audio", "ssrc": mine, "timestamp": exporter.now * 1000,
             "packetsSent": 50 * second},
        ],
        **({} if is_here else {"left": True}),
    }  # fmt: skip
    answer = await exporter.http.post(
        exporter.ingest(f"/v1/reports/room/{participant}"), json=document,
        headers={"authorization": f"Bearer {KEYS[tenant]}"},
    )  # fmt: skip
    assert answer.status_code == 202, answer.text


def calls(folder: Path, look: Callable[[Running], Awaitable[None]], *, is_live: bool) -> None:
    """The same call of ann and bob at both, of which one loses packets; look at it, or at what is left of it."""
    keys = folder / "keys"
    keys.write_text("".join(f"{tenant} {key}\n" for tenant, key in KEYS.items()))

    async def test() -> None:
        settings = {"ingest__tenants": "acme,umbrella", "ingest__keys_file": str(keys)}
        async with running(None, start=START, metrics__fold_interval="0", **settings) as exporter:
            for second in range(2, 32, 2):
                for tenant in KEYS:
                    for participant in ("ann", "bob"):
                        await say(exporter, tenant, participant, second, is_here=is_live or second < 30)
                exporter.wait(2)
            await look(exporter)

    asyncio.run(test())


START = 1_795_171_640.0
either = pytest.mark.parametrize("is_live", [True, False], ids=["live", "ended"])


@either
def test_a_list_of_a_tenant_has_its_own_alone(tmp_path: Path, is_live: bool) -> None:
    """By its name, and by what is searched; who names none sees both, told apart."""

    async def look(exporter: Running) -> None:
        state = "live" if is_live else "ended"
        for query in ("", "&search=ann", "&search=room", "&search=ROO"):
            rows = (await told(exporter, f"?state={state}{query}"))["sessions"]
            assert [(row["tenant"], row["session"], row["participants"], row["live"]) for row in rows] == [
                ("umbrella", "room", ["ann", "bob"], is_live), ("acme", "room", ["ann", "bob"], is_live),
            ]  # fmt: skip
            for tenant, issues in (("acme", {}), ("umbrella", {"loss": 2})):
                (row,) = (await told(exporter, f"?state={state}{query}&tenant={tenant}"))["sessions"]
                assert (row["tenant"], row["issues"]) == (tenant, issues)
                seen = plain(await page(exporter, f"/sessions?state={state}{query}&tenant={tenant}"))
                other = "umbrella" if tenant == "acme" else "acme"
                assert f"room ({tenant})" in seen
                assert other not in seen
        (row,) = (await told(exporter, f"?state={state}&search=umbrella"))["sessions"]
        assert row["tenant"] == "umbrella"
        assert (await told(exporter, f"?state={state}&tenant=nobody"))["sessions"] == []
        links = Elements(await page(exporter, f"/sessions?state={state}")).links
        rooms = sorted(link.partition("&at=")[0] for link in links if link.startswith("sessions/room"))
        assert rooms == ["sessions/room?tenant=acme", "sessions/room?tenant=umbrella"]

    calls(tmp_path, look, is_live=is_live)


@either
def test_a_session_and_a_participant_are_those_of_their_tenant(tmp_path: Path, is_live: bool) -> None:
    """On pages and as JSON: verdicts, peer connections, who hears whom, the ticket, and links that stay with it."""

    async def look(exporter: Running) -> None:
        for tenant, other in (("acme", "umbrella"), ("umbrella", "acme")):
            is_bad = tenant == "umbrella"
            session = await told(exporter, f"/room?tenant={tenant}")
            assert session["tenant"] == tenant
            assert sorted(one["participant"] for one in session["participants"]) == ["ann", "bob"]
            assert [("loss" in issues_of(one)) for one in session["participants"]] == [is_bad, is_bad]
            assert session["around"] == {}, "the other call is another's"
            assert {(one["receiver"], one["sender"], "loss" in one["issues"]) for one in session["heard"]} == {
                ("ann", "bob", is_bad), ("bob", "ann", is_bad),
            }  # fmt: skip
            whole = await told(exporter, f"/room/participants/ann?tenant={tenant}")
            (stay,) = whole["stays"]
            assert (whole["tenant"], ("loss" in issues_of(stay))) == (tenant, is_bad)
            assert [one["peer_connection"] for one in stay["peer_connections"]] == [f"pc-{tenant}"]
            assert stay["about"] == {"rtc.app.name": f"{tenant}-app"}
            assert max(value for _, value in stay["series"]["loss_in"]["points"]) == (0.3 if is_bad else 0.0)
            for path in ("/sessions/room", "/sessions/room/ann"):
                text = await page(exporter, f"{path}?tenant={tenant}")
                seen = plain(text)
                assert f", tenant {tenant}" in seen, "the page says whose it is"
                assert f"tenant {tenant}, session room" in seen, "the ticket says whose it is"
                assert f"{tenant}-app" in seen
                assert other not in text
                assert ("packets were lost" in seen) == is_bad
                inside = [link for link in Elements(text).links if "room" in link]
                assert inside
                assert all(f"tenant={tenant}" in link for link in inside)

    calls(tmp_path, look, is_live=is_live)


@either
def test_who_names_no_tenant_or_another_finds_nothing(tmp_path: Path, is_live: bool) -> None:
    """There is no session of nobody, and no way from one tenant to another."""

    async def look(exporter: Running) -> None:
        for query in ("", "?tenant=", "?tenant=nobody", "?tenant=acme,umbrella", "?tenant=*"):
            await page(exporter, f"/sessions/room{query}", 404)
            await page(exporter, f"/sessions/room/ann{query}", 404)
            await told(exporter, f"/room{query}", 404)
            await told(exporter, f"/room/participants/ann{query}", 404)

    calls(tmp_path, look, is_live=is_live)


def issues_of(one: dict[str, Any]) -> set[str]:
    return {issue["issue"] for issue in one["issues"]}
