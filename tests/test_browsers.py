"""Browsers: one spelling for all of them, and what the recordings hold of each."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rtc_exporter import catalog, coverage, w3c
from rtc_exporter.limits import Limits
from rtc_exporter.model import Member, ParticipantKey, Report
from rtc_exporter.wire import browsers
from rtc_exporter.wire.compact import Base
from rtc_exporter.wire.decoder import Decoder
from rtc_exporter.wire.legacy import Decoder as Legacy
from rtc_exporter.wire.plain import Decoder as Plain
from rtc_exporter.wire.stats import read

T = 1_795_171_707_000
KEY = ParticipantKey("call", "ada")

#: What a browser writes, and what it means.
WRITTEN: list[tuple[str, dict[str, Any], dict[str, Member]]] = [
    ("Safari 12", {"type": "inbound-rtp", "mediaType": "audio"}, {"type": "inbound-rtp", "kind": "audio"}),
    ("Firefox", {"type": "inbound-rtp", "discardedPackets": 3}, {"type": "inbound-rtp", "packetsDiscarded": 3}),
    ("Firefox of 2020", {"type": "inbound-rtp", "droppedFrames": 4}, {"type": "inbound-rtp", "framesDropped": 4}),
    ("Safari 17", {"type": "data-channel", "datachannelid": 1}, {"type": "data-channel", "dataChannelIdentifier": 1}),
    ("without dashes", {"type": "inboundrtp", "jitter": 0.5}, {"type": "inbound-rtp", "jitter": 0.5}),
    ("without dashes", {"type": "candidatepair", "selected": True}, {"type": "candidate-pair", "selected": True}),
    ("what nobody needs", {"type": "inbound-rtp", "bitrateMean": 5, "isRemote": False}, {"type": "inbound-rtp"}),
    ("an unknown type", {"type": "ssrc", "googRtt": "5"}, {}),
]


@pytest.mark.parametrize(("browser", "written", "meant"), WRITTEN)
def test_every_way_in_reads_every_spelling(browser: str, written: dict[str, Any], meant: dict[str, Member]) -> None:
    """Whole reports, deltas of rtcstats-js, deltas of the old clients, and plain JSON."""
    whole = {"A": {"id": "A", "timestamp": T, **written}}
    want = {"A": meant} if meant else {}

    assert read(whole, None, Limits())[1] == want
    base = Base()
    base.merge({"A": dict(written), "t": T})
    assert dict(base.items()) == want
    frames: list[tuple[Decoder, object]] = [
        (Plain(KEY), {"stats": whole}),
        (Legacy(KEY), ["getstats", "PC_0", {"A": {**written, "timestamp": 0}, "timestamp": T}, T]),
    ]
    for decoder, frame in frames:
        (report,) = decoder.receive(json.dumps(frame), T / 1000)
        assert isinstance(report, Report)
        assert dict(report.stats) == want, browser


def test_spellings_lead_to_members_that_are_kept() -> None:
    """None is of its own making, and none hides a name of the W3C."""
    members = {member for row in w3c.STATS.values() for member in row.members}

    assert set(browsers.SPELLINGS.values()) <= members
    assert not set(browsers.SPELLINGS) & members
    assert set(browsers.TYPES.values()) == set(w3c.STATS)


#: Known beforehand (W3C, and the notes beside the recordings): metric, member or signal -> Chrome, Firefox.
KNOWN = [
    ("rtc.inbound.packets", "packetsReceived", True, True),
    ("rtc.inbound.freeze.duration", "freeze_duration", True, True),
    ("rtc.outbound.quality_limitation.time", "qualityLimitationDurations.cpu", True, False),
    ("rtc.playout.glitch.ratio", "glitch_ratio", True, False),
    ("rtc.candidate_pair.round_trip_time", "round_trip_time", True, True),
    ("rtc.candidate_pair.available_outgoing_bitrate", "available_outgoing_bitrate", True, False),
    ("rtc.transport.io", "bytesSent", True, False),
    ("rtc.remote_inbound.packets", "packetsReceived", False, True),
    ("rtc.inbound.frames.rendered", "framesRendered", False, False),
]


@pytest.mark.parametrize(("metric", "what", "chrome", "firefox"), KNOWN)
def test_the_recordings_say_what_each_browser_feeds(metric: str, what: str, chrome: bool, firefox: bool) -> None:
    """Held against what is known of them otherwise."""
    source = next(one for one in catalog.BY_NAME[metric].sources if what in (one.member, one.signal))

    assert [(metric, source) in held for _, held in coverage.browsers()] == [chrome, firefox]


def test_the_page_has_a_row_for_each_source_and_a_column_for_each_browser() -> None:
    """As the recordings say it, which name their version."""
    page = (Path(__file__).parent.parent / "docs" / "browsers.md").read_text(encoding="utf-8")
    table = re.findall(r"<!-- table:browsers -->\n(.*?)<!-- /table -->", page, re.DOTALL)[0].splitlines()

    assert table[0] == "| Metric | From | Chrome 156 | Firefox 153 |"
    assert len(table) - 2 > 100
    rows = [[cell.strip() for cell in row.strip("|").split(" |")] for row in table]
    for column, (name, held) in enumerate(coverage.browsers(), 2):
        assert rows[0][column] == name
        assert [row[column] for row in rows[2:]].count("yes") == len(held)
