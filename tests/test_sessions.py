"""
Looking sessions up: a real exporter, recorded calls played into it, and what its pages and its API say of them.

The facts are those of ``tests/data/*.facts.json``: what was done to a call, and when.
"""

import asyncio
import html
import json
import re
from collections.abc import Awaitable, Callable
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, unquote

import pytest

from rtc_exporter import w3c
from rtc_exporter.pages.shell import POLICY, segment, unsegment
from tests.captures import DATA
from tests.replayed import play, start
from tests.running import START, Running, running, with_exporter

#: Where a browser takes a name for a step.
STEPS = (".", "..", "~", "~..", "...")
#: What would be an element, an attribute, a script, a style, an address or a step, were it not text.
PAYLOADS = (
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'onmouseover='alert(1)", "<svg/onload=alert(1)>",
    "javascript:alert(1)", "</textarea><script>alert(1)</script>", "</style><script>alert(1)</script>", "]]><x>",
    "&lt;b&gt;", "{{7*7}}", "${7*7}", "%3Cscript%3E", "../../etc/passwd", "..\\..\\windows", "..%2f..%2fetc", "a/b/c",
    "a?b=c#d", "a;b", "//evil.example/x", "https://evil.example/", "~", "..", ".", "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe",
    "a\N{NO-BREAK SPACE}b", "ö\N{SNOWMAN}", "-", "null", "x" * 100, "' OR 1=1 --",
)  # fmt: skip


class Elements(HTMLParser):
    """Tags, attributes, text and links of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action")]

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


async def page(exporter: Running, path: str, status: int = 200) -> str:
    """A page, with the policy that it has to have."""
    answer = await exporter.http.get(exporter.admin(path))
    assert answer.status_code == status, answer.text
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    return answer.text


async def told(exporter: Running, path: str, status: int = 200) -> dict[str, Any]:
    """What the API says."""
    answer = await exporter.http.get(exporter.admin(f"/api/v1/sessions{path}"))
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def plain(text: str) -> str:
    """Text as it is seen."""
    return " ".join(Elements(text).text.split())


def facts(case: str) -> dict[str, Any]:
    """What was done to a recorded call."""
    found: dict[str, Any] = json.loads((DATA / f"{case}.facts.json").read_text())
    return found


def frames(case: str, people: int = 2) -> list[str]:
    """The recordings of a call."""
    return [f"{case}.p{number}.frames" for number in range(1, people + 1)]


def replayed(case: str, look: Callable[[Running], Awaitable[None]], people: int = 2, **settings: str) -> None:
    """Play a call, and look at it when it is over."""

    async def test() -> None:
        names = frames(case, people)
        async with running(None, start=start(names), **settings) as exporter:
            await play(exporter, names)
            await look(exporter)

    asyncio.run(test())


# ── facts of recorded calls


def test_an_outage_is_seen_at_its_time_and_loss_at_the_right_participants() -> None:
    """``degraded``: 10 % loss from 10 s to 55 s, nothing for 3 s after 30 s; both are told with both participants."""
    case = facts("degraded-cr")
    room, began = case["room"], case["started_at"]
    block = next(action["t"] for action in case["actions"] if action.get("block"))

    async def look(exporter: Running) -> None:
        (row,) = (await told(exporter, "?state=ended"))["sessions"]
        assert (row["session"], row["class"], row["participants"]) == (room, "bad", ["p1", "p2"])
        assert {"loss", "no_media"} <= row["issues"].keys()
        session = await told(exporter, f"/{room}")
        for one in session["participants"]:
            outages = [issue for issue in one["issues"] if issue["issue"] == "no_media"]
            assert len(outages) == 1
            assert abs(outages[0]["begin"] - began - block) < 3
            losses = [issue for issue in one["issues"] if issue["issue"] == "loss"]
            assert all(began + 8 < issue["begin"] < issue["end"] < began + 65 for issue in losses)
        pairs = {(one["receiver"], one["sender"]): one["issues"] for one in session["heard"]}
        assert pairs.keys() == {("p1", "p2"), ("p2", "p1")}
        assert all("loss" in issues for issues in pairs.values())
        sent = {"congestion", "bandwidth_limited", "resolution_drop"}
        assert not any(sent & issues.keys() for issues in pairs.values()), "what is sent is not what is heard"
        assert all(35 <= issues["loss"] <= 55 for issues in pairs.values()), "of the 45 s that it was there"
        assert all(60 <= one["seconds"] <= 80 for one in session["heard"]), "of the 76 s of the call"

        seen = plain(await page(exporter, f"/sessions/{room}"))
        assert "Trouble with the network" in seen
        assert "no media · network" in seen
        one = plain(await page(exporter, f"/sessions/{room}/p2"))
        assert "Nothing at all arrived" in one
        assert "Round trip time" in one
        assert re.search(r"looking for a path · [0-9.]+ ms · PC_0", one)
        assert "rated 4 of 5" in one

    replayed("degraded-cr", look)


def test_a_relayed_call_shows_its_path() -> None:
    """``relay``: both go through the TURN server."""
    room = facts("relay-cr")["room"]

    async def look(exporter: Running) -> None:
        (row,) = (await told(exporter, "?state=all"))["sessions"]
        assert any(path.startswith("relay/") for path in row["paths"])
        assert "relay/" in plain(await page(exporter, "/sessions?state=all"))
        assert "connected over relay/" in plain(await page(exporter, f"/sessions/{room}"))
        assert "connected over relay/" in plain(await page(exporter, f"/sessions/{room}/p1"))
        assert "Path over time" in plain(await page(exporter, f"/sessions/{room}/p1"))
        (one,) = (await told(exporter, f"/{room}/participants/p1"))["stays"]
        (way,) = one["paths"]
        assert (way["path"], way["peer_connection"]) == ("relay/udp over wired", "PC_0")
        assert 35 < way["end"] - way["begin"] < one["duration"]

    replayed("relay-cr", look)


def test_a_call_that_never_came_about_shows_the_phase_in_which_it_failed() -> None:
    """``icefail``: ICE found no path; the setup says that it was looked for, and for how long."""
    room = facts("icefail-cr")["room"]

    async def look(exporter: Running) -> None:
        session = await told(exporter, f"/{room}")
        assert {one["class"] for one in session["participants"]} == {"bad"}
        outcomes = {two["outcome"] for one in session["participants"] for two in one["peer_connections"]}
        assert outcomes == {"ice_failed"}
        assert "never connected: ICE found no path" in plain(await page(exporter, f"/sessions/{room}"))
        (stay,) = (await told(exporter, f"/{room}/participants/p1"))["stays"]
        failed = [stage for stage in stay["setup"] if stage["is_bad"]]
        assert [stage["name"] for stage in failed] == ["ice_failed"]
        assert failed[0]["end"] - failed[0]["begin"] > 5
        assert "looking for a path, in vain" in plain(await page(exporter, f"/sessions/{room}/p1"))

    replayed("icefail-cr", look)


def test_who_gave_no_camera_is_told_so() -> None:
    """``gumdenied``: the stage of asking ends badly, and the words of the API are there."""
    room = facts("gumdenied-cr")["room"]

    async def look(exporter: Running) -> None:
        seen = plain(await page(exporter, f"/sessions/{room}"))
        assert "NotAllowedError" in seen
        stays = [
            stay
            for name in ("p1", "p2")
            for stay in (await told(exporter, f"/{room}/participants/{name}"))["stays"]
        ]  # fmt: skip
        assert any(stage["name"] == "get_user_media" and stage["is_bad"] for stay in stays for stage in stay["setup"])

    replayed("gumdenied-cr", look)


def test_a_live_call_moves_and_its_healthy_pairs_are_well() -> None:
    """``mesh``: four hear one another; while it goes on it is live, and afterwards it has ended."""

    async def test() -> None:
        names = frames("mesh-cr", 4)
        async with running(start=start(names)) as exporter:

            async def look() -> None:
                (row,) = (await told(exporter, ""))["sessions"]
                assert (row["live"], row["end"], len(row["participants"])) == (True, None, 4)
                session = await told(exporter, f"/{row['session']}")
                assert len(session["heard"]) == 12
                assert all(one["here"] for one in session["participants"])
                seen = await page(exporter, f"/sessions/{row['session']}")
                assert 'id="live"' in seen
                assert "well, " in plain(seen)

            await play(exporter, names, look)
            assert (await told(exporter, ""))["total"] == 0
            assert (await told(exporter, "?state=ended"))["total"] == 1

    asyncio.run(test())


# ── what pages are made of


def test_pages_bring_no_script_and_no_style_along() -> None:
    """Nothing inline, nothing from elsewhere, and every link leads somewhere."""
    room = facts("degraded-cr")["room"]

    async def look(exporter: Running) -> None:
        for path in ("/sessions?state=all", f"/sessions/{room}", f"/sessions/{room}/p1"):
            text = await page(exporter, path)
            elements = Elements(text)
            assert text.count("<script") == 1
            assert "style" not in elements.tags
            assert not {name for name in elements.attributes if name.startswith("on") or name == "style"}
            for link in elements.links:
                if not link.startswith(("#", "data:")):
                    address = str((await exporter.http.get(exporter.admin(path))).url.join(html.unescape(link)))
                    assert (await exporter.http.get(address)).status_code == 200, (path, link)

    replayed("degraded-cr", look)


def test_links_lead_to_grafana_where_it_is_set() -> None:
    """With session and time; and to no trace where none was made."""
    room = facts("degraded-cr")["room"]
    settings = {"links__grafana": "https://grafana.example/g/", "links__trace": "https://t.example/{trace_id}"}

    async def look(exporter: Running) -> None:
        links = Elements(await page(exporter, f"/sessions/{room}/p1")).links
        (board,) = [link for link in links if "grafana" in link]
        assert board.startswith(
            f"https://grafana.example/g/d/rtc-participant?var-session={room}&var-participant=p1&from="
        )
        assert not [link for link in links if "t.example" in link]

    replayed("degraded-cr", look, 2, **settings)


def test_a_trace_is_linked_where_spans_are_made() -> None:
    """By the id that its spans have."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}

    async def test() -> None:
        async with running(environ, links__trace="https://t.example/trace/{trace_id}") as exporter:
            await post(exporter, "room", "alice")
            (one,) = (await told(exporter, "/room"))["participants"]
            assert len(one["trace_id"]) == 32
            links = Elements(await page(exporter, "/sessions/room/alice")).links
            assert f"https://t.example/trace/{one['trace_id']}" in links

    asyncio.run(test())


# ── whoever is called whatever


async def post(exporter: Running, session: str, participant: str, **more: object) -> int:
    """One report of somebody."""
    report = {
        "peerConnectionId": "pc", "timestamp": exporter.now * 1000,
        "stats": {"a": {"id": "a", "type": "inbound-rtp", "kind": "audio", "ssrc": 1, "timestamp": exporter.now * 1000,
                        "packetsReceived": 5, "packetsLost": 0, "bytesReceived": 50}},
    } | more  # fmt: skip
    params = {"session": session, "participant": participant}
    answer = await exporter.http.post(exporter.ingest("/v1/reports"), params=params, json=report)
    return answer.status_code


CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Safari/537.36"
#: What events say in words.
FACTS = (
    "state", "error", "call", "kind", "track", "type", "protocol", "scheme", "issue", "session", "microphone", "camera",
)  # fmt: skip


def document(payload: str, now: float) -> dict[str, Any]:
    """A document that says the payload wherever plain JSON has a text: ids, facts, and every member of every type."""
    facts = dict.fromkeys(FACTS, payload)
    known = ["iceconnectionstatechange", "connectionstatechange", "icecandidateerror", "getUserMediaOnFailure"]
    events: list[dict[str, Any]] = [
        {"name": name, **facts} for name in ("create", *known, "mute", "ended", "networkchange", "feedback")
    ]
    events += [{"name": payload, "peer_connection": payload, **facts}, {"name": "issue", "flag": True, **facts}]
    stats: dict[str, Any] = {
        f"{payload}{number}": {"type": type, **dict.fromkeys(row.members, payload), "timestamp": now * 1000}
        for number, (type, row) in enumerate(w3c.STATS.items())
    }
    packets = 50 * (now - START)
    counters = {"packetsReceived": packets, "packetsLost": packets, "bytesReceived": packets, "ssrc": 7}
    stats[f"{payload} in"] = {
        "type": "inbound-rtp", "kind": "audio", "mid": payload, "trackIdentifier": payload, **counters,
        "codecId": f"{payload} codec", "timestamp": now * 1000,
    }  # fmt: skip
    stats[f"{payload} codec"] = {"type": "codec", "mimeType": f"audio/{payload}", "timestamp": now * 1000}
    return {
        "session": payload, "participant": payload, "user_agent": payload, "traceparent": payload, "time": now * 1000,
        "app": {"name": payload, "version": payload}, "peer_connection": payload, "stats": stats, "events": events,
    }  # fmt: skip


@pytest.mark.parametrize("payload", PAYLOADS)
def test_whatever_somebody_says_is_text(payload: str) -> None:
    """In every field that a client chooses: shown as text, found by its address, or refused."""
    name = segment(payload)

    @with_exporter(metrics__fold_interval="0")
    async def scenario(exporter: Running) -> None:
        for _ in range(8):
            answer = await exporter.http.post(exporter.ingest("/v1/reports"), json=document(payload, exporter.now))
            assert answer.status_code in (202, 400)
            exporter.wait(2)
        is_taken = answer.status_code == 202
        pages = ["/sessions", "/sessions?state=all", f"/sessions?search={quote(payload)}&tenant={quote(payload)}"]
        if is_taken:
            assert (await told(exporter, f"/{name}"))["session"] == payload
            (stay,) = (await told(exporter, f"/{name}/participants/{name}"))["stays"]
            assert {"loss", "capture_failed"} <= {issue["issue"] for issue in stay["issues"]}
            pages += [f"/sessions/{name}", f"/sessions/{name}/{name}"]
        for path in pages:
            text = await page(exporter, path)
            elements = Elements(text)
            assert text.count("<script") == 1
            assert not {"img", "x", "b", "iframe", "style"} & set(elements.tags) - {"b" if is_taken else ""}
            assert not {name for name in elements.attributes if name.startswith("on")}
            assert not [link for link in elements.links if link.startswith(("javascript:", "//", "http:", "https:"))]
        for path in (
            f"/sessions/{name}/nobody",
            f"/sessions/{name}?tenant={quote(payload)}",
            f"/sessions/nobody/{name}",
        ):
            assert Elements(await page(exporter, path, 404)).tags.count("script") == 1
        assert exporter.value("rtc.exporter.errors.internal") == 0

    scenario()


@pytest.mark.parametrize("name", [*STEPS, "a", "a/b", "ö", "%2e%2e", *PAYLOADS])
def test_an_id_is_one_segment_and_comes_back(name: str) -> None:
    """Whatever it is, it is no step and no separator."""
    written = segment(name)

    assert "/" not in written
    assert written.replace("%2E", ".").replace("%2e", ".") not in (".", "..")
    assert unsegment(unquote(written)) == name


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("?sort=<script>", 400), ("?state=x", 400), ("?limit=0", 400), ("?limit=1001", 400), ("?limit=1e3", 400),
        ("?offset=-1", 400), ("?offset=%D9%A3", 400), ("?limit=99999999999999999999", 400), ("/nobody", 404),
        ("/", 404), ("/room?at=x", 400), ("/room?at=nan", 400), ("/room?at=-1", 400), ("/room?tenant=other", 404),
        ("/room/participants/nobody", 404), ("/room/participants", 404), ("/room/x/alice", 404), ("/%FF", 404),
        ("/..%2f..%2fetc%2fpasswd", 404), ("/a/b/c/d/e", 404), ("?search=%00%01", 200), ("?search=room", 200),
        ("/room", 200), ("/room?at=1", 200), ("/room/participants/alice", 200),
    ],
)  # fmt: skip
def test_what_is_asked_is_answered_or_refused(path: str, status: int) -> None:
    """With a reason, as JSON; and there is never a fault of ours."""

    @with_exporter()
    async def scenario(exporter: Running) -> None:
        assert await post(exporter, "room", "alice") == 202
        found = await told(exporter, path, status)
        assert ("error" in found) == (status != 200)
        assert "<script>" not in found.get("error", "")
        assert exporter.value("rtc.exporter.errors.internal") == 0

    scenario()


@pytest.mark.parametrize("path", ["/sessions/nobody", "/sessions/room/nobody", "/sessions/a/b/c", "/sessions/"])
def test_a_page_that_is_not_there_says_so(path: str) -> None:
    """As a page, with the way back."""

    @with_exporter()
    async def scenario(exporter: Running) -> None:
        assert await post(exporter, "room", "alice") == 202
        text = await page(exporter, path, 404)
        address = (await exporter.http.get(exporter.admin(path))).url
        for link in Elements(text).links:
            if not link.startswith("data:"):
                assert (await exporter.http.get(str(address.join(link)))).status_code == 200

    scenario()


# ── lists


@with_exporter()
async def test_a_list_is_searched_and_sorted(exporter: Running) -> None:
    """By session and by participant, without regard to capitals; the largest or the oldest first."""
    for session, participant in (("Alpha", "ann"), ("beta", "bob"), ("beta", "cid"), ("gamma", "ANNA")):
        assert await post(exporter, session, participant) == 202
        exporter.wait(2)

    async def names(query: str) -> list[str]:
        return [row["session"] for row in (await told(exporter, query))["sessions"]]

    assert await names("?sort=age") == ["Alpha", "beta", "gamma"]
    assert await names("?sort=newest") == ["gamma", "beta", "Alpha"]
    assert (await names("?sort=size"))[0] == "beta"
    assert await names("?search=ann&sort=age") == ["Alpha", "gamma"]
    assert await names("?search=BET") == ["beta"]
    assert await names("?search=nobody") == []
    assert await names("?limit=1&offset=1&sort=age") == ["beta"]
    second = await page(exporter, "/sessions?limit=1&offset=1&sort=age")
    assert "2 to 2 shown" in plain(second)
    steps = [link for link in Elements(second).links if "offset=" in link]
    assert [await names(link.removeprefix("sessions")) for link in steps] == [["Alpha"], ["gamma"]]


@with_exporter(metrics__fold_interval="0")
async def test_a_session_is_compared_with_the_others_of_its_hour(exporter: Running) -> None:
    """Only this one, or everybody: classes of the others that were there half an hour before it and after."""
    for session, *waits in (("early", 100, 1900), ("before", 100, 1600), ("it",), ("beside",)):
        assert await post(exporter, session, "ann") == 202
        for wait in waits:
            exporter.wait(wait)

    assert (await told(exporter, "/early"))["around"] == {}
    assert "There was no other session" in plain(await page(exporter, "/sessions/early"))
    assert (await told(exporter, "/it"))["around"] == {"unclassified": 2}
    seen = plain(await page(exporter, "/sessions/it"))
    assert "In the hour around it: 2 other sessions, 2 unclassified." in seen


@with_exporter(metrics__fold_interval="0")
async def test_a_session_is_compared_with_those_that_are_like_it(exporter: Running) -> None:
    """Of the same release apart: what a new build does is not lost among everybody."""
    for session, version in (("it", "2.0"), ("like", "2.0"), ("older", "1.9"), ("unknown", "")):
        app = {"app": {"name": "shop", "version": version}} if version else {}
        assert await post(exporter, session, "ann", **app) == 202

    view = await told(exporter, "/it")
    assert view["around"] == {"unclassified": 3}
    assert view["alike"] == [{"trait": "release", "value": "shop 2.0", "sessions": {"unclassified": 1}}]
    seen = plain(await page(exporter, "/sessions/it"))
    assert "3 other sessions, 3 unclassified. With its release shop 2.0: 1 other session, 1 unclassified." in seen
    assert "With its release shop 1.9: no other." in plain(await page(exporter, "/sessions/older"))
    assert (await told(exporter, "/unknown"))["alike"] == []


@with_exporter(metrics__fold_interval="0")
async def test_a_client_is_known_by_more_than_its_name(exporter: Running) -> None:
    """Application and version on page, in JSON and in the text for the ticket."""
    assert await post(exporter, "room", "ann", app={"name": "meet", "version": "4.2"}, user_agent=CHROME) == 202
    (one,) = (await told(exporter, "/room"))["participants"]

    assert one["client"] == "Chrome 149 Linux"
    assert one["about"] == {"rtc.app.name": "meet", "rtc.app.version": "4.2"}
    assert "Chrome 149 Linux, meet 4.2, here from" in (await told(exporter, "/room"))["text"]
    for path in ("/sessions/room", "/sessions/room/ann"):
        assert "Chrome 149 Linux, meet 4.2" in plain(await page(exporter, path))


@with_exporter()
async def test_a_name_that_was_used_before_has_several_times(exporter: Running) -> None:
    """The newest is shown, and the others can be reached."""
    for _ in range(3):
        assert await post(exporter, "room", "alice") == 202
        exporter.wait(100)
    rows = (await told(exporter, "?state=ended&sort=newest"))["sessions"]
    newest = await told(exporter, "/room")

    assert [round(row["begin"] - START) for row in rows] == [200, 100, 0]
    assert newest["begin"] == rows[0]["begin"]
    assert sorted(newest["other_begins"]) == [rows[2]["begin"], rows[1]["begin"]]
    for row in rows:
        assert (await told(exporter, f"/room?at={row['begin']}"))["begin"] == row["begin"]
    links = [link for link in Elements(await page(exporter, "/sessions/room")).links if link.startswith("room?at=")]
    assert len(links) == 2


def test_nothing_is_remembered_where_it_is_switched_off() -> None:
    """The pages say so."""

    @with_exporter(history__enabled="false")
    async def scenario(exporter: Running) -> None:
        assert await post(exporter, "room", "alice") == 202
        exporter.wait(1)
        assert "history.enabled is false" in await page(exporter, "/sessions", 404)
        assert "history.enabled is false" in (await told(exporter, "/room", 404))["error"]
        assert exporter.server.archive is None
        assert exporter.value("rtc.exporter.history.usage") == 0

    scenario()


def test_nothing_private_is_remembered() -> None:
    """No address, no SDP, no device label: what spans do not have, pages do not have."""
    room = facts("relay-cr")["room"]

    async def look(exporter: Running) -> None:
        everything = [json.dumps(await told(exporter, f"/{room}"))]
        everything += [json.dumps(await told(exporter, f"/{room}/participants/{name}")) for name in ("p1", "p2")]
        everything += [await page(exporter, f"/sessions/{room}/{name}") for name in ("p1", "p2")]
        for text in everything:
            for private in ("127.0.0.1", "10.0.", "192.168.", "a=ice", "v=0", "fake_device", "Fake "):
                assert private not in text

    replayed("relay-cr", look)
