"""Calls of Jitsi from 2020 to 2023, with Chrome, Firefox and Safari, against what Jitsi's own program found in them."""

import gzip
import json
from typing import Any

import pytest

from rtc_exporter.metric import Profile
from rtc_exporter.model import Event, Members, ParticipantKey, Report
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.slots import Histogram
from rtc_exporter.wire.jitsi import Decoder
from tests.clients import DATA

NAMES = sorted(path.name.removeprefix("jitsi-").removesuffix(".rows.jsonl.gz") for path in DATA.glob("jitsi-*.rows*"))
RESULTS: dict[str, dict[str, dict[str, dict[str, list[int]]]]] = json.loads((DATA / "jitsi-results.json").read_text())
KEY = ParticipantKey("call", "ada")


def rows(name: str) -> list[str]:
    """The rows of a call, as 7.0 sends them: without anything around."""
    return gzip.decompress((DATA / f"jitsi-{name}.rows.jsonl.gz").read_bytes()).decode().splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_every_row_is_understood(name: str) -> None:
    """And goes through to the series: no value is impossible, none comes out of order."""
    decoder = Decoder(KEY)
    pipeline = Pipeline(PipelineSettings(profile=Profile.FULL), 1.6e9)
    reports = 0
    for row in rows(name):
        for record in decoder.receive(row, 1.6e9):
            assert not isinstance(record, Event) or record.name != "other"
            reports += isinstance(record, Report) and pipeline.feed(record, record.sent)

    told = sum(json.loads(row)[0] == "getstats" for row in rows(name))
    assert reports >= told - 2, "but for one or two that say again what the one before said"
    rejected = pipeline.store.family("rtc.exporter.reports.dropped")
    assert rejected is not None
    assert getattr(rejected.series[("rejected_value",)], "value", 0) == 0


@pytest.mark.parametrize("name", RESULTS)
def test_packets_are_those_that_jitsi_found(name: str) -> None:
    """Of each stream, sent and received, and what of it was lost."""
    decoder = Decoder(KEY)
    last: dict[tuple[str, str, str], Members] = {}
    for row in rows(name):
        for record in decoder.receive(row, 1.6e9):
            if not isinstance(record, Report):
                continue
            for members in record.stats.values():
                if members["type"] in ("inbound-rtp", "outbound-rtp"):
                    key = (record.key.peer_connection, str(members["type"]), str(members.get("ssrc")))
                    last[key] = dict(members)

    found: dict[tuple[str, str, str], list[Any]] = {}
    for peer, kinds in RESULTS[name].items():
        for kind, streams in kinds.items():
            packets = "packetsReceived" if kind == "inbound-rtp" else "packetsSent"
            for ssrc in streams:
                members = last[peer, kind, ssrc]
                found[peer, kind, ssrc] = [members[packets], members.get("packetsLost", 0)]
    want = {
        (peer, kind, ssrc): numbers
        for peer, kinds in RESULTS[name].items()
        for kind, streams in kinds.items()
        for ssrc, numbers in streams.items()
    }
    assert {key: (want[key], found[key]) for key in want if want[key][0] != found[key][0]} == {}
    lost = {key: (want[key], found[key]) for key in want if key[1] == "inbound-rtp" and want[key][1] != found[key][1]}
    assert lost == {}


def test_the_results_are_no_empty_ones() -> None:
    """Forty streams in five calls, of Chrome and Safari."""
    streams = [ssrc for call in RESULTS.values() for kinds in call.values() for some in kinds.values() for ssrc in some]

    assert len(RESULTS) == 5
    assert len(streams) > 40


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("safari-standard-stats", 0.05), ("google-standard-stats-sfu", 0.05), ("chrome-standard-pc-failed", 0.19)],
)
def test_round_trips_are_those_that_jitsi_found(name: str, seconds: float) -> None:
    """In the mean over the call, to the hundredth of a second to which Jitsi rounds."""
    decoder = Decoder(KEY)
    pipeline = Pipeline(PipelineSettings(profile=Profile.FULL, fold_interval=0), 1.6e9)
    for row in rows(name):
        for record in decoder.receive(row, 1.6e9):
            pipeline.feed(record, record.sent if isinstance(record, Report) else record.time)

    family = pipeline.store.family("rtc.candidate_pair.round_trip_time")
    assert family is not None
    slots = [slot for slot in family.series.values() if isinstance(slot, Histogram)]
    assert sum(slot.sum for slot in slots) / sum(slot.count for slot in slots) == pytest.approx(seconds, abs=0.01)
