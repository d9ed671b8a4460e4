"""What chrome://webrtc-internals saves."""

# ruff: noqa: E501  (documents, one per line)

import gzip
import io
import json
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from rtc_exporter import wire
from rtc_exporter.errors import ClientError, Reason
from rtc_exporter.limits import Limits
from rtc_exporter.model import Event, Joined, Left, ParticipantKey, Record, Report
from rtc_exporter.wire import internals
from tests import captures

KEY = ParticipantKey("call", "ada")
NOW = 1_795_171_690.0
T0 = 1758602115000.0

CALL = {"origin": "https://a.example", "pid": 1, "rid": 5, "request_id": 1, "request_type": "getUserMedia"}


def series(id: str, kind: str, **members: object) -> dict[str, Any]:
    """Series of one stats object; ``t`` becomes its timestamps."""
    if "t" in members:
        members["timestamp"] = members.pop("t")
    return {f"{id}-{name}": {"statsType": kind, "values": json.dumps(values)} for name, values in members.items()}


def document(**changes: object) -> dict[str, Any]:
    """A small file with one peer connection."""
    connection = {
        "pid": 1, "url": "https://a.example/", "rtcConfiguration": '{"iceTransportPolicy":"relay"}', "constraints": "",
        "stats": {}, "updateLog": [],
    }  # fmt: skip
    return {
        "getUserMedia": [], "PeerConnections": {"5-1": connection | changes}, "timestamp": T0 + 60_000,
        "UserAgent": "Mozilla/5.0 (X11)", "UserAgentData": [{"brand": "Chromium", "version": "150"}],
    }  # fmt: skip


def read(content: object, limits: Limits | None = None) -> tuple[list[Record], Counter[Reason]]:
    """All records of a document, and what was refused."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    reader = internals.Reader(io.BytesIO(raw), KEY, NOW, limits or Limits())
    return list(reader), reader.refused


def reports(content: object) -> list[Report]:
    """Only the reports."""
    return [record for record in read(content)[0] if isinstance(record, Report)]


def events(content: object) -> list[Event]:
    """Only the events."""
    return [record for record in read(content)[0] if isinstance(record, Event)]


def test_series_become_reports() -> None:
    """One report per moment, with each member's value of that moment; computed series are not the browser's words."""
    stats = {
        **series("IT-01-V1", "inbound-rtp", t=[T0, T0 + 1000, T0 + 2000], packetsReceived=[1, 2, 3], mid=[0, 0, 0]),
        **series("T01", "transport", t=[T0 + 20, T0 + 1020, T0 + 2020], bytesSent=[10, 20, 30]),
        "IT-01-V1-[packetsReceived/s]": {"statsType": "inbound-rtp", "values": "[1,1]"},
    }

    first, *_, last = reports(document(stats=stats))

    assert [report.time for report in reports(document(stats=stats))] == [T0 / 1000 + n + 0.02 for n in range(3)]
    assert dict(first.stats) == {
        "IT-01-V1": {"type": "inbound-rtp", "packetsReceived": 1, "mid": "0", "timestamp": T0 / 1000},
        "T01": {"type": "transport", "bytesSent": 10},
    }
    assert last.stats["IT-01-V1"]["packetsReceived"] == 3
    assert last.key == (*KEY, "5-1")


def test_series_are_aligned_at_their_ends() -> None:
    """A member that the browser began to tell later has fewer values."""
    stats = series("O1", "outbound-rtp", t=[T0, T0 + 1000, T0 + 2000], packetsSent=[1, 2, 3], remoteId=["R1"])

    found = [report.stats["O1"].get("remoteId") for report in reports(document(stats=stats))]

    assert found == [None, None, "R1"]


def test_a_thousand_points_are_a_thousand_reports() -> None:
    """Chrome keeps no more; all of those are read."""
    times = [T0 + 1000 * n for n in range(1000)]
    found = reports(document(stats=series("T01", "transport", t=times, bytesSent=list(range(1000)))))

    assert len(found) == 1000
    assert found[-1].stats["T01"]["bytesSent"] == 999


def test_what_ends_early_is_removed() -> None:
    """An object that is not in the later moments comes as removed, once."""
    stats = series("T01", "transport", t=[T0, T0 + 1000, T0 + 2000], bytesSent=[1, 2, 3])
    stats |= series("I1", "inbound-rtp", t=[T0], packetsReceived=[7])

    removed = [dict(report.removed) for report in reports(document(stats=stats))]

    assert removed == [{}, {"I1": {"type": "inbound-rtp", "packetsReceived": 7, "timestamp": T0 / 1000}}, {}]


def test_what_has_a_clock_of_its_own_keeps_its_time() -> None:
    """The other side's reports are repeated by the browser; they stay as old as they are."""
    stats = series("T01", "transport", t=[T0, T0 + 1000, T0 + 2000], bytesSent=[1, 2, 3])
    stats |= series("R1", "remote-inbound-rtp", t=[T0 - 500, T0 - 500, T0 + 1500], roundTripTime=[0.1, 0.1, 0.2])

    found = [report.stats["R1"] for report in reports(document(stats=stats))]

    assert [(members["timestamp"], members["roundTripTime"]) for members in found] == [
        (T0 / 1000 - 0.5, 0.1), (T0 / 1000 - 0.5, 0.1), (T0 / 1000 + 1.5, 0.2),
    ]  # fmt: skip


def test_without_timestamps_the_points_are_spread() -> None:
    """Old versions tell the first and the last time only; without those there are no reports."""
    times = {"startTime": "2025-09-23T04:35:15.500Z", "endTime": "2025-09-23T04:35:17.500Z"}
    one = {"T01-bytesSent": {"statsType": "transport", "values": "[1,2,3]", **times}}
    none = {"T01-bytesSent": {"statsType": "transport", "values": "[1,2,3]"}}

    assert [report.time for report in reports(document(stats=one))] == [1758602115.5, 1758602116.5, 1758602117.5]
    assert read(document(stats=none))[1] == {Reason.BAD_DUMP: 1}
    assert reports(document(stats=none)) == []


STATES = [
    ({"type": "connectionstatechange", "value": '"connected"'}, "connectionstatechange", {"state": "connected"}),
    ({"type": "onconnectionstatechange", "value": "failed"}, "connectionstatechange", {"state": "failed"}),
    ({"type": "iceconnectionstatechange", "value": "checking"}, "iceconnectionstatechange", {"state": "checking"}),
    ({"type": "onsignalingstatechange", "value": '"stable"'}, "signalingstatechange", {"state": "stable"}),
    ({"type": "setLocalDescription", "value": '{"type":"offer","sdp":"v=0"}'}, "setLocalDescription", {"type": "offer"}),
    ({"type": "setLocalDescription", "value": "type: answer, sdp: v=0\r\n"}, "setLocalDescription", {"type": "answer"}),
    (
        {"type": "onicecandidate", "value": "sdpMid: 0, sdpMLineIndex: 0, candidate: candidate:1 1 UDP 2 10.0.0.1 5 typ srflx raddr 0.0.0.0"},
        "icecandidate", {"type": "srflx", "protocol": "udp"},
    ),
    ({"type": "ontrack", "value": '{"kind":"audio","id":"t1","label":"Mic"}'}, "track", {"kind": "audio", "track": "t1"}),
    ({"type": "transceiverAdded", "value": "{}"}, "other", {}),
    ({"type": "setRemoteDescriptionOnFailure", "value": "InvalidStateError: wrong"}, "setRemoteDescriptionOnFailure", {"error": "InvalidStateError"}),
]  # fmt: skip


@pytest.mark.parametrize(("row", "name", "facts"), STATES)
def test_events_of_old_and_new_versions_are_read(row: dict[str, object], name: str, facts: dict[str, object]) -> None:
    """Quoted and bare states, JSON and legacy text, names with and without ``on``."""
    create, event = events(document(updateLog=[{**row, "timestamp": T0}]))

    assert (create.name, create.time, create.facts) == ("create", T0 / 1000, {"relay_only": True})
    assert (event.name, event.time, event.facts) == (name, T0 / 1000, facts)


def test_media_calls_are_read_row_by_row() -> None:
    """A row for the call, a row for the result, tied together; no label is kept."""
    rows = [
        {**CALL, "audio": "", "video": "", "timestamp": T0},
        {**CALL, "stream_id": "s", "audio_track_info": '{"id":"t","label":"Mic"}', "video_track_info": "null", "timestamp": T0 + 1},
        {**CALL, "request_id": 2, "error": "NotAllowedError", "error_message": "denied", "timestamp": T0 + 2},
        {**CALL, "request_type": "getDisplayMedia", "video": "{}", "timestamp": T0 + 3},
        {**CALL, "request_type": "selectAudioOutput", "timestamp": T0 + 4},
        {**CALL, "timestamp": "noon"},
    ]  # fmt: skip
    records, refused = read({**document(), "getUserMedia": rows, "PeerConnections": {}})

    assert [(event.name, event.facts) for event in records if isinstance(event, Event)] == [
        ("getUserMedia", {"audio": True, "video": True, "call": "5-1-1"}),
        ("getUserMediaOnSuccess", {"audio": True, "video": False, "call": "5-1-1"}),
        ("getUserMediaOnFailure", {"error": "NotAllowedError", "call": "5-1-2"}),
        ("getDisplayMedia", {"audio": False, "video": True, "call": "5-1-1"}),
    ]
    assert refused == {Reason.BAD_DUMP: 2}


def test_records_are_in_the_order_of_time() -> None:
    """Several peer connections, events and reports are merged; the participant joins first and leaves last."""
    stats = series("T01", "transport", t=[T0, T0 + 1000], bytesSent=[1, 2])
    log = [{"type": "onconnectionstatechange", "value": '"connected"', "timestamp": T0 + 500}]
    content = document(stats=stats, updateLog=log)
    content["PeerConnections"]["5-2"] = {
        "stats": series("T01", "transport", t=[T0 + 700], bytesSent=[1]),
        "updateLog": [],
    }

    records, _ = read(content)

    times = [record.time for record in records]
    assert times == sorted(times)
    assert records[0] == Joined(
        KEY, T0 / 1000,
        {"user_agent.name": "Chromium", "user_agent.version": "150", "user_agent.original": "Mozilla/5.0 (X11)"},
        is_past=True,
    )  # fmt: skip
    assert records[-1] == Left(KEY, T0 / 1000 + 1, "closed")
    assert {record.key[2] for record in records if isinstance(record, Event)} == {"5-1", "5-2"}


@pytest.mark.parametrize("participant", ["p1", "p2"])
def test_a_recorded_call_is_read(participant: str) -> None:
    """A file of a real browser: a report a second, and the counters that the same call's frames end with."""
    path = captures.DATA / f"healthy-cr.{participant}.webrtc-internals.json.gz"
    raw = path.read_bytes()
    reader = wire.detect_file(raw[: 1 << 16])
    assert wire.name_of(reader) == "internals"
    source = reader(io.BytesIO(raw), KEY, NOW)
    records = list(source)
    found = [record for record in records if isinstance(record, Report)]
    shown = {record.name for record in records if isinstance(record, Event)}

    assert source.refused == {}
    assert 55 <= len(found) <= 62
    gaps = [after.time - before.time for before, after in pairwise(found)]
    assert all(0.9 < gap < 1.1 for gap in gaps)
    assert {"create", "getUserMedia", "getUserMediaOnSuccess", "connectionstatechange", "icecandidate"} <= shown
    oracle = captures.oracle(f"healthy-cr.{participant}.frames")["sums"]
    last = {f"{m['type']}/{m.get('kind', '')}": m for m in found[-1].stats.values()}
    for group in ("inbound-rtp/audio", "outbound-rtp/video", "inbound-rtp/video"):
        for name in ("bytesReceived", "bytesSent", "framesDecoded", "framesSent"):
            if name in oracle[group]:
                assert last[group][name] == pytest.approx(oracle[group][name], rel=0.1)
    assert last["outbound-rtp/video"]["qualityLimitationDurations.none"] > 50  # type: ignore[operator]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.BAD_JSON), (b"{", Reason.BAD_JSON), (b"[]", Reason.BAD_DUMP), (b"{}", Reason.BAD_DUMP),
        (b'{"PeerConnections":[]}', Reason.BAD_DUMP), (gzip.compress(b"{}", mtime=0)[:-4], Reason.BAD_ENCODING),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused(content: bytes, reason: Reason) -> None:
    """Half a document is none."""
    with pytest.raises(ClientError) as refusal:
        read(content)
    assert refusal.value.reason is reason


def test_too_many_peer_connections_are_counted() -> None:
    """The first ones are read."""
    content = document()
    content["PeerConnections"] = {f"5-{n}": {"stats": {}, "updateLog": []} for n in range(5)}

    records, refused = read(content, Limits(peer_connections=3))

    assert len([record for record in records if isinstance(record, Event)]) == 3
    assert refused == {Reason.TOO_MANY: 2}
