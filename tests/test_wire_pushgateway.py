"""What webrtc-internals-exporter pushes: gauges back into stats objects, labels that nobody escaped, and the end."""

# ruff: noqa: E501  (documents and rows, one per line)

from typing import Any

import pytest

from rtc_exporter.errors import ClientError, LimitError, Reason
from rtc_exporter.limits import Limits
from rtc_exporter.model import Event, Left, Members, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.wire import pushgateway
from rtc_exporter.wire.decoder import Request
from rtc_exporter.wire.pushgateway import Decoder
from tests import clients

KEY = ParticipantKey("call", "ada")
NOW = 1_795_175_436.0
PATH = "/job/webrtc-internals-exporter/peerConnectionId/b03c3616-3f91"

BODY = """\
# TYPE inbound_rtp_packetsLost gauge
inbound_rtp_packetsLost{pageUrl="https://a.example/r?token=secret",id="IT01A1",type="inbound-rtp",kind="audio",mid="0",ssrc="77"} 3
inbound_rtp_packetsReceived{pageUrl="https://a.example/r",id="IT01A1",type="inbound-rtp",kind="audio",mid="0",ssrc="77"} 1e+03
# TYPE outbound_rtp_qualityLimitationDurations_cpu gauge
outbound_rtp_qualityLimitationDurations_cpu{id="OT1",kind="video",active="true",codec="a=\\"b\\", c"} 0.5
outbound_rtp_qualityLimitationDurations_none{id="OT1",kind="video"} 12.25
outbound_rtp_qualityLimitationReason{id="OT1",kind="video"} 2
outbound_rtp_timestamp{id="OT1"} 1795175435071.868
outbound_rtp_unknownThing{id="OT1"} 5
peer_connection_dataChannelsOpened{id="P"} 1
something_else 7
inbound_rtp_jitter{id="IT01A1"} NaN
"""


def push(decoder: Decoder, body: str = BODY, method: str = "POST", path: str = PATH, now: float = NOW) -> list[Record]:
    """One request."""
    return decoder.receive(Request(method, path, body.encode()).frame(), now)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_gauges_become_stats_objects(method: str) -> None:
    """A sample is a member, its labels are the words; a number stands for the reason."""
    (report,) = push(Decoder(KEY), method=method)

    assert isinstance(report, Report)
    assert report.key == PeerConnectionKey("call", "ada", "b03c3616-3f91")
    assert report.time == 1795175435.071868
    assert dict(report.stats) == {
        "IT01A1": {
            "type": "inbound-rtp", "kind": "audio", "mid": "0", "ssrc": 77, "packetsLost": 3, "packetsReceived": 1000,
        },
        "OT1": {
            "type": "outbound-rtp", "kind": "video", "active": True, "qualityLimitationDurations.cpu": 0.5,
            "qualityLimitationDurations.none": 12.25, "qualityLimitationReason": "cpu",
        },
        "P": {"type": "peer-connection", "dataChannelsOpened": 1},
    }  # fmt: skip
    assert "secret" not in repr(report)


@pytest.mark.parametrize(
    ("line", "members"),
    [
        ('inbound_rtp_jitter{pageUrl="https://a/"b"?x=\\",id="I",mid="1"} 1', {"mid": "1", "jitter": 1}),
        ('inbound_rtp_jitter{id="I",pageUrl="a,b=c",mid="1"} 1', {"mid": "1", "jitter": 1}),
        ('inbound_rtp_jitter{ id="I" , mid="1" , } 1 1795175435071', {"mid": "1", "jitter": 1}),
        ('inbound_rtp_jitter{id="I",mid="}"} 1', {"mid": "}", "jitter": 1}),
        ('inbound_rtp_jitter{id="I",type="transport"} 0.25', {"jitter": 0.25}),
        ('inbound_rtp_jitter{id="I",powerEfficientDecoder="false"} 1', {"powerEfficientDecoder": False, "jitter": 1}),
        ('inbound_rtp_jitter{id="I",ssrc="x"} 1', {"jitter": 1}),
        ('inbound_rtp_ssrc{id="I"} 4294967295', {"ssrc": 4294967295}),
    ],
)  # fmt: skip
def test_labels_are_read_as_they_come(line: str, members: Members) -> None:
    """A quote or a brace in one does no harm to the others."""
    (report,) = push(Decoder(KEY), line)

    assert isinstance(report, Report)
    assert dict(report.stats) == {"I": {"type": "inbound-rtp", **members}}
    assert report.time == NOW, "where none is told"


@pytest.mark.parametrize(
    "body",
    ["", "\n\n", "# TYPE x gauge\n", "up 1\n", "up\t1\n", 'inbound_rtp_jitter{mid="1"} 1', "inbound_rtp_jitter 5"],
)
def test_what_holds_nothing_of_use_is_taken(body: str) -> None:
    """It is Prometheus' text all the same."""
    assert push(Decoder(KEY), body) == []


@pytest.mark.parametrize(
    ("method", "path", "body", "reason"),
    [
        ("GET", PATH, "", Reason.BAD_FRAME), ("POST", "/job/x", "", Reason.BAD_FRAME), ("POST", "/", "", Reason.BAD_FRAME),
        ("POST", "/peerConnectionId/x", "", Reason.BAD_FRAME), ("POST", "/job/x/peerConnectionId/", "", Reason.BAD_FRAME),
        ("POST", f"/job/x/peerConnectionId/{'y' * 129}", "", Reason.BAD_FRAME),
        ("POST", PATH, 'inbound_rtp_jitter{id="I"', Reason.BAD_FRAME), ("POST", PATH, 'inbound_rtp_jitter{id="I"}', Reason.BAD_FRAME),
        ("POST", PATH, 'inbound_rtp_jitter{id="I"} one', Reason.BAD_FRAME), ("POST", PATH, '{"stats":[]}', Reason.BAD_FRAME),
        ("POST", PATH, 'inbound_rtp_jitter{id="I"} 1 2 3', Reason.BAD_FRAME), ("POST", PATH, "x" * (17 << 10), Reason.BAD_FRAME),
        ("POST", PATH, "\n" * 60_000, Reason.TOO_LARGE),
    ],
)  # fmt: skip
def test_what_is_no_push_is_refused(method: str, path: str, body: str, reason: Reason) -> None:
    """And the decoder goes on."""
    decoder = Decoder(KEY)
    with pytest.raises(ClientError) as refusal:
        push(decoder, body, method, path)
    assert refusal.value.reason is reason
    assert len(push(decoder)) == 1


def test_a_deleted_peer_connection_is_closed() -> None:
    """Should it be stale and speak again, it is another one: the counters that it brings were counted."""
    decoder = Decoder(KEY)
    push(decoder)
    assert push(decoder, "", "DELETE") == [Event(PeerConnectionKey(*KEY, "b03c3616-3f91"), NOW, "close", {})]
    assert push(decoder, "", "DELETE") == []

    (report,) = push(decoder)
    assert isinstance(report, Report)
    assert report.key[2] == "2:b03c3616-3f91"


def test_who_is_not_named_is_alone() -> None:
    """The extension knows nothing of users: a peer connection is a participant, which leaves with it."""
    key = ParticipantKey("b03c3616-3f91", "b03c3616-3f91")
    decoder = Decoder(ParticipantKey("session-1", "participant-1"), claimed=False)
    (report,) = push(decoder)

    assert report.key == (*key, "b03c3616-3f91")
    assert pushgateway.named(Request("POST", PATH, b"").frame()) == key
    assert push(decoder, "", "DELETE")[-1] == Left(key, NOW, "closed")


def test_peer_connections_are_bounded() -> None:
    """By the same number as everywhere."""
    decoder = Decoder(KEY, limits=Limits(peer_connections=1))
    push(decoder)
    with pytest.raises(LimitError):
        push(decoder, path="/job/x/peerConnectionId/other")


def exposition(stats: dict[str, dict[str, Any]]) -> str:
    """A report as the extension writes it: every word a label, every number a gauge, nothing escaped."""
    lines = []
    for members in stats.values():
        words = {name: str(value).lower() if isinstance(value, bool) else value
                 for name, value in members.items() if isinstance(value, str | bool)}  # fmt: skip
        labels = ",".join(f'{name}="{value}"' for name, value in {"pageUrl": 'https://a.example/"r"', **words}.items())
        for name, value in members.items():
            kind = members["type"].replace("-", "_")
            if isinstance(value, dict):
                lines += [f"{kind}_{name}_{key}{{{labels}}} {each}" for key, each in value.items()]
            elif isinstance(value, int | float) and not isinstance(value, bool):
                lines.append(f"{kind}_{name}{{{labels}}} {value}")
    return "\n".join(lines)


def test_a_recorded_report_comes_back() -> None:
    """Every kept member of every object of a call of a real browser."""
    _, truth = clients.page("healthy-jitsi-cr.p1")[-1]
    (report,) = push(Decoder(KEY), exposition(truth))

    assert isinstance(report, Report)
    kept = {
        id for id, members in truth.items() if members["type"] in ("inbound-rtp", "outbound-rtp", "remote-inbound-rtp")
    }
    assert kept <= set(report.stats)
    for id, members in report.stats.items():
        for member, value in members.items():
            record, dot, part = member.partition(".")
            if member != "timestamp":
                assert value == (truth[id][record][part] if dot else truth[id][member]), (id, member)


@pytest.mark.parametrize("piece", ['a="', 'a="b",', '",', ", ", "} ", '",a'])
def test_no_line_takes_long(piece: str) -> None:
    """Half a megabyte of the worst lines is read in the time of as many others: no pattern looks back."""
    line = f'inbound_rtp_jitter{{id="I",{piece * (15_000 // len(piece))}mid="1"}} 1'
    body = "\n".join([line] * 32)

    assert len(push(Decoder(KEY), body)) <= 1, "with patterns that look back, this would take minutes"
