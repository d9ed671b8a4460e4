"""The examples for native apps, agents and servers: what they send is read, and the one for aiortc is run in a call."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection
from aiortc.contrib.media import MediaBlackhole
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

from rtc_exporter.model import Event, Left, ParticipantKey, Report
from rtc_exporter.w3c import STATS
from rtc_exporter.wire import sniff
from rtc_exporter.wire.plain import Decoder
from tests.running import Running, with_exporter
from tests.test_facts import Scrape, mismatches

PAGE = (Path(__file__).parent.parent / "docs" / "native.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
NOW = 1_760_000_010.0


def blocks(section: str, language: str) -> list[str]:
    """The programs of a section."""
    return re.findall(rf"```{language}\n(.*?)```", SECTIONS[section], re.DOTALL)


def test_every_platform_has_an_example() -> None:
    """Of what to write and of what arrives."""
    assert list(SECTIONS) == ["React Native", "Android", "iOS", "Flutter", "aiortc", "Pipecat", "LiveKit agents"]
    for section in SECTIONS:
        assert len(blocks(section, "json")) == 1
        assert any(blocks(section, language) for language in ("js", "kotlin", "swift", "dart", "python"))


@pytest.mark.parametrize("section", SECTIONS)
def test_what_arrives_is_read(section: str) -> None:
    """Every member of every object, whatever unit its time has."""
    (example,) = blocks(section, "json")
    document = json.loads(example)
    told = [*document.get("reports", []), *([document] if "stats" in document else [])]

    assert sniff(example).name == "json"
    records = Decoder(ParticipantKey("s", "p")).receive(example, NOW)

    reports = [record for record in records if isinstance(record, Report)]
    assert len(reports) == len(told)
    for report, row in zip(reports, told, strict=True):
        assert 1_760_000_001 < report.time < 1_760_000_010
        for stats in row["stats"]:
            kept = {**report.stats[stats["id"]]}
            known = STATS[kept["type"]].members  # type: ignore[index]  # a type is text
            spelled = {"totalFreezeDuration": "totalFreezesDuration"}
            want = {spelled.get(name, name): value for name, value in stats.items() if name not in ("id", "timestamp")}
            assert {name: value for name, value in kept.items() if name != "timestamp"} == want
            assert want.keys() - {"type"} <= known
    events = [record.name for record in records if isinstance(record, Event)]
    assert events == [event["name"] for event in document.get("events", [])]
    assert any(isinstance(record, Left) for record in records) == document.get("left", False)


async def connect(caller: RTCPeerConnection, callee: RTCPeerConnection) -> None:
    """An offer and an answer, on the same machine."""
    await caller.setLocalDescription(await caller.createOffer())
    await callee.setRemoteDescription(caller.localDescription)
    await callee.setLocalDescription(await callee.createAnswer())
    await caller.setRemoteDescription(callee.localDescription)


def sums(stats: dict[str, Any]) -> dict[tuple[str, str, str], float]:
    """Counters of what aiortc says, as the exporter has them."""
    counted = ("packetsReceived", "packetsSent", "bytesSent")
    return {
        (row.type, row.kind, name): getattr(row, name)
        for row in stats.values()
        if row.type in ("inbound-rtp", "outbound-rtp")
        for name in counted
        if hasattr(row, name)
    }


@with_exporter(metrics__profile="full")
async def test_the_example_for_aiortc_reports_a_real_call(exporter: Running) -> None:
    """A call on loopback, with the page's own program at one side: counters are those of aiortc's last report."""
    program: dict[str, Any] = {}
    exec(blocks("aiortc", "python")[0], program)  # the program of the page is what is tested
    # Without a server for STUN: nobody is asked beyond this machine.
    caller, callee = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    sink = MediaBlackhole()

    @callee.on("track")
    def consume(track: MediaStreamTrack) -> None:
        sink.addTrack(track)

    url = exporter.ingest("/v1/reports/standup/agent")
    reporter = program["Reporter"](callee, url, interval=0.1)
    for track in (AudioStreamTrack(), VideoStreamTrack()):
        caller.addTrack(track)
    await connect(caller, callee)
    await sink.start()
    await exporter.until(lambda: exporter.accepted("json") >= 10)
    assert exporter.participants == {("standup", "agent")}
    assert reporter.task.done() is False
    # What is told last is what has to be counted: the peers stand still for it.
    await caller.close()
    want = sums(await callee.getStats())
    await reporter.stop()
    await sink.stop()
    await callee.close()

    assert exporter.participants == set(), "it said that it leaves"
    scrape = Scrape((await exporter.http.get(exporter.admin())).text)
    assert want["inbound-rtp", "audio", "packetsReceived"] > 10
    assert mismatches(want, scrape.counts(want)) == {}
    assert scrape.by("rtc_connection_attempts_total", "rtc_outcome") == {"connected": 1}
    assert scrape.by("rtc_exporter_reports_dropped_total", "rtc_drop_reason") == {}
    assert scrape.total("rtc_exporter_events_unknown_total") == 0
    # Jitter is in seconds: on loopback it is less than a hundredth.
    assert (
        0
        <= (scrape.total("rtc_inbound_jitter_seconds_sum") or 0)
        < 0.01 * (scrape.total("rtc_inbound_jitter_seconds_count") or 1)
    )
    assert reporter.task.cancelled()
