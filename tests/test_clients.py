"""
Real clients that are not rtcstats-js, recorded in calls between real browsers, played into an exporter that runs.

Counters are held against a second reading of the same frames (``tests.clients``), and against what the page itself
got from getStats at the end.
"""

# ruff: noqa: E501  (frames, one per line)

import asyncio
import functools
import json
from collections import Counter
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from rtc_exporter.wire import choose
from tests import clients
from tests.patience import PATIENCE
from tests.running import RTCSTATS, Running, running, with_exporter
from tests.test_facts import COUNTED, SLACK, Scrape, mismatches, totals
from tests.test_wire_rtcstats import TRANSCRIPT

#: Case -> format, and how long before the end of the page its last report may be.
CASES = {
    "healthy-legacy-ff": ("rtcstats-legacy", 2000),
    "healthy-legacy-cr": ("rtcstats-legacy", 2000),
    "healthy-jitsi-cr": ("jitsi", 2000),
    "healthy-monitor-cr": ("observertc", 5000),
}
#: The library of 2019 asks Chromium for statistics in a way that it refuses today.
SILENT = "healthy-legacy-cr"
SPEAKING = sorted(CASES.keys() - {SILENT})


async def play(exporter: Running, name: str) -> None:
    """Connect as the client did, wait for what it waited for, send what it sent, close as it closed."""
    opening, *rest = clients.rows(name)
    async with exporter.again(opening) as client:
        assert client.subprotocol == opening["headers"]["sec-websocket-protocol"], "browsers want it back"
        for row in rest:
            match row["dir"]:
                case "s2c":
                    assert json.loads(await client.recv()) == json.loads(row["text"])
                case "c2s":
                    await client.send(row["text"])
                case "close":
                    await client.close(1000 if row["code"] == 1005 else row["code"])


async def _play(case: str) -> tuple[Scrape, str]:
    async with running(metrics__profile="full") as exporter:
        await asyncio.gather(*(play(exporter, f"{case}.{participant}") for participant in ("p1", "p2")))
        await exporter.until(lambda: not exporter.server.sockets.open)
        here = exporter.participants
        assert not here, "who has closed is gone"
        page = (await exporter.http.get(exporter.admin("/"))).text
        return Scrape((await exporter.http.get(exporter.admin())).text), page


@functools.cache
def played(case: str) -> tuple[Scrape, str]:
    """The scrape, and the start page, after a case."""
    return asyncio.run(_play(case))


def told(case: str, read: Any) -> dict[tuple[str, str, str], float]:
    """The sums over both participants of what ``read`` gives for each."""
    sums: Counter[tuple[str, str, str]] = Counter()
    for participant in ("p1", "p2"):
        for key, value in totals(read(f"{case}.{participant}")).items():
            sums[key] += value  # type: ignore[assignment]  # counters may hold fractions
    return dict(sums)


@pytest.mark.parametrize("case", CASES)
def test_nothing_of_a_real_client_is_refused_or_unknown(case: str) -> None:
    """A real client is never told that it is wrong."""
    scrape, page = played(case)

    assert scrape.by("rtc_exporter_reports_dropped_total", "rtc_drop_reason") == {}
    assert scrape.total("rtc_exporter_errors_internal_total") == 0
    assert scrape.total("rtc_exporter_events_unknown_total") == 0
    assert scrape.by("rtc_exporter_connections_opened_total", "rtc_transport_protocol") == {CASES[case][0]: 2}
    assert "none" in page.split(f"<td>{_shown(CASES[case][0])}</td>")[1].split("</tr>")[0]


def _shown(format: str) -> str:
    return {"rtcstats-legacy": "rtcstats up to 5.x", "jitsi": "Jitsi", "observertc": "ObserveRTC"}[format]


@pytest.mark.parametrize("case", SPEAKING)
def test_counters_equal_what_the_client_told(case: str) -> None:
    """Summed over all labels but the media kind, every counter is that of the second reading."""
    want = told(case, clients.last_told)
    got = played(case)[0].counts(want)

    assert len({key for key in want if (key[0], key[2]) in COUNTED}) > 50
    assert mismatches(want, got) == {}


def seen(name: str, age: float) -> dict[str, dict[str, Any]]:
    """Every object as the page saw it last, up to so many milliseconds before its last report: some go before."""
    reports = clients.page(name)
    objects: dict[str, dict[str, Any]] = {}
    for time, stats in reports:
        if time <= reports[-1][0] - age:
            objects.update(stats)
    return objects


@pytest.mark.parametrize("case", SPEAKING)
def test_counters_lie_between_the_last_reports_of_the_page(case: str) -> None:
    """The page's own getStats is the truth; the client asked between the one that is so old and the last one."""
    age = CASES[case][1]
    low, high = told(case, lambda name: seen(name, age)), told(case, lambda name: seen(name, 0))
    got = played(case)[0].counts(high)

    assert len(got) > 50
    assert {
        key: (low.get(key, 0), got[key], high[key])
        for key in got
        if not low.get(key, 0) - SLACK <= got[key] <= high[key] + SLACK and key[2] != "packetsLost"
    } == {}


@pytest.mark.parametrize("case", SPEAKING)
def test_both_sides_are_connected_and_named(case: str) -> None:
    """Each attempt has its outcome, each participant joined once and left; the rating and the devices are there."""
    scrape, _ = played(case)

    assert scrape.by("rtc_connection_attempts_total", "rtc_outcome") == {"connected": 2}
    assert scrape.total("rtc_participant_joins_total") == 2
    assert sum(scrape.by("rtc_participant_leaves_total", "rtc_leave_reason").values()) == 2
    assert scrape.total("rtc_feedback_rating_count") == 2
    assert scrape.total("rtc_feedback_rating_sum") == 8
    # One session for both, since both named it.
    assert scrape.total("rtc_session_duration_seconds_count") == 1


@pytest.mark.parametrize("case", ["healthy-legacy-ff", SILENT, "healthy-jitsi-cr"])
def test_calls_of_the_api_are_counted_and_settled(case: str) -> None:
    """Also where not one report came: setup is told by events alone."""
    scrape, _ = played(case)
    calls = scrape.by("rtc_api_calls_total", "rtc_api_method")

    assert calls["getUserMedia"] == 2
    assert calls["setLocalDescription"] == calls["setRemoteDescription"] == 2
    assert calls["addTrack"] == 4
    assert scrape.total("rtc_setup_duration_seconds_count", rtc_setup_stage="get_user_media") == 2
    assert scrape.by("rtc_connection_attempts_total", "rtc_outcome") == {"connected": 2}


#: What rtcstats 5.2.0 sends in the course of a call (recorded in Node): subprotocol 2.0.
LEGACY: list[list[Any]] = [
    ["identity", None, {"user": "u1", "conference": "c1"}],
    ["navigator.mediaDevices.getUserMedia", None, {"audio": True}],
    ["navigator.mediaDevices.getUserMediaOnSuccess", None, {"id": "s1", "tracks": [{"id": "t1", "kind": "audio"}]}],
    ["create", "PC_0", {"nullConfig": True, "browserType": "moz"}],
    ["constraints", "PC_0", {"optional": [{"rtcStatsClientId": "cid"}]}],
    ["createDataChannel", "PC_0", {"0": "chat", "1": {"ordered": True}}],
    ["addTrack", "PC_0", "audio:t1 stream:s1"], ["addTrack", "PC_0", "video:t2 -"],
    ["addStream", "PC_0", "s1 audio:t1,video:t2"], ["createOffer", "PC_0", {"iceRestart": True}],
    ["setLocalDescription", "PC_0", {"type": "offer", "sdp": "v=0"}], ["setLocalDescriptionOnSuccess", "PC_0", None],
    ["ontrack", "PC_0", "video:r1 stream:rs,stream:rs2"],
    ["getstats", "PC_0", {"IT1": {"type": "inbound-rtp", "timestamp": 0, "ssrc": 5, "packetsReceived": 10}, "timestamp": 1000.5}],
    ["getstats", "PC_0", {"IT1": {"timestamp": 0, "packetsReceived": 20}, "timestamp": 2000.5}],
    ["getstats", "PC_0", {"timestamp": None}], ["close", "PC_0", {}],
]  # fmt: skip


@pytest.mark.parametrize(
    ("subprotocol", "frames", "unknown"),
    [
        (RTCSTATS, [frame for frame, _ in TRANSCRIPT], sum(name == "other" for _, (_, name, _) in TRANSCRIPT)),
        ("rtcstats#4.0", [frame for frame, _ in TRANSCRIPT], sum(name == "other" for _, (_, name, _) in TRANSCRIPT)),
        ("2.0", [json.dumps([*row, 1795171707322 + at]) for at, row in enumerate(LEGACY)], 0),
    ],
    ids=["rtcstats#5.0", "rtcstats#4.0", "2.0"],
)  # fmt: skip
def test_transcripts_pass_a_real_socket(subprotocol: str, frames: list[str], unknown: int) -> None:
    """The subprotocol comes back, or a browser would hang up; every frame is taken."""

    @with_exporter()
    async def test(exporter: Running) -> None:
        async with exporter.client("//double/slash", [subprotocol]) as client:
            assert client.subprotocol == subprotocol
            for frame in frames:
                await client.send(frame)
            await exporter.until(lambda: exporter.value("rtc.exporter.events.unknown") == unknown)
        await exporter.until(lambda: not exporter.server.sockets.open)
        assert not exporter.server.intake.tallies[choose([subprotocol]).name].refused  # type: ignore[union-attr]
        samples = await exporter.samples()
        joins = [value for name, value in samples.items() if name.startswith("rtc_participant_joins_total")]
        assert sum(joins) == 1

    test()


# ── Jitsi's numbers


async def _greeted(exporter: Running, stream: str, is_back: bool) -> tuple[ClientConnection, dict[str, Any]]:
    client = await connect(
        exporter.ingest(f"//lab.example/room?statsSessionId={stream}&isReconnect={str(is_back).lower()}", "ws"),
        subprotocols=[Subprotocol("3.1_STANDARD")], compression=None, open_timeout=PATIENCE,
    )  # fmt: skip
    return client, json.loads(await client.recv())


@with_exporter(metrics__profile="full")
async def test_a_client_of_jitsi_goes_on_after_a_lost_connection(exporter: Running) -> None:
    """It is told the last number that came, sends from there on, and nothing is counted twice or lost."""
    frames = clients.frames("healthy-jitsi-cr.p1")
    stream = json.loads(frames[0])["statsSessionId"]
    client, greeting = await _greeted(exporter, stream, False)
    assert greeting == {"type": "sn", "body": {"value": 0, "state": "initial"}}
    for frame in frames[:50]:
        await client.send(frame)
    await exporter.until(lambda: exporter.accepted("jitsi") > 10)
    client.transport.abort()
    await exporter.until(lambda: not exporter.server.sockets.open)

    client, greeting = await _greeted(exporter, stream, True)
    numbers = [json.loads(json.loads(frame)["data"])[4] for frame in frames[45:50] if "stats-entry" in frame]
    assert greeting == {"type": "sn", "body": {"value": numbers[-1], "state": "initial"}}
    # More than asked for: what came is known by its number.
    for frame in frames[40:]:
        await client.send(frame)
    await client.close(3001)
    await exporter.until(lambda: not exporter.participants)

    scrape = Scrape((await exporter.http.get(exporter.admin())).text)
    want = totals(clients.last_told("healthy-jitsi-cr.p1"))
    assert mismatches(want, scrape.counts(want)) == {}
    assert scrape.total("rtc_exporter_reports_total", rtc_transport_protocol="jitsi", rtc_outcome="accepted") == 31
    assert scrape.total("rtc_participant_joins_total") == 1


@with_exporter()
async def test_another_stream_of_the_same_participant_begins_at_zero(exporter: Running) -> None:
    """What was lost was another page: to be told its number would make the client throw away what it has."""
    client, _ = await _greeted(exporter, "one", False)
    await client.send(clients.frames("healthy-jitsi-cr.p1")[0].replace("a8bba65e-2719-4efa-8b99-7d49a0834313", "one"))
    await exporter.until(lambda: exporter.participants)
    client.transport.abort()
    await exporter.until(lambda: not exporter.server.sockets.open)

    client, greeting = await _greeted(exporter, "two", True)

    assert greeting["body"]["value"] == 0
    await client.close()


@with_exporter()
async def test_entries_are_acknowledged_every_few_seconds(exporter: Running) -> None:
    """The client keeps a thousand entries, and forgets those that it knows to have come."""
    frames = clients.frames("healthy-jitsi-cr.p1")
    client, _ = await _greeted(exporter, "a8bba65e-2719-4efa-8b99-7d49a0834313", False)
    for frame in frames[:10]:
        await client.send(frame)
    await exporter.until(lambda: exporter.participants)
    exporter.wait(6)
    await client.send(frames[10])

    told = json.loads(await client.recv())

    assert told == {"type": "sn", "body": {"value": 11}}
    await client.close()


@with_exporter()
async def test_services_of_jitsi_are_let_in_and_counted(exporter: Running) -> None:
    """A video bridge is no participant, and what it sends is its own matter."""
    for name in ("3.0_JVB", "1.0_JICOFO", "1.0_JIGASI", "1.0_JIBRI"):
        async with exporter.client("/", [name]) as client:
            assert client.subprotocol == name
            await client.recv()
            await client.send('{"statsSessionId":"b1","type":"identity","data":{"displayName":"jvb-1"}}')
            await client.send('{"statsSessionId":"b1","type":"stats-entry","data":"{\\"conferences\\":{\\"c\\":{}}}"}')
            await client.send('{"statsSessionId":"b1","type":"keepalive"}')
            await client.send("[]")
            await exporter.until(lambda: exporter.server.intake.tallies["jitsi-service"].refused)
            exporter.server.intake.tallies["jitsi-service"].refused.clear()
        await exporter.until(lambda: not exporter.server.sockets.open)

    assert exporter.participants == set()
    assert exporter.value("rtc.exporter.connections.opened", "jitsi-service") == 4
    assert exporter.dropped("bad_frame") == 4, "what is no message is refused"
