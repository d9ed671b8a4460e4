"""rtcstats-js: vectors, transcripts and recorded calls."""

# ruff: noqa: E501  (frames, one per line)

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import pytest

from rtc_exporter import w3c
from rtc_exporter.errors import ClientError, FrameError, LimitError, Reason
from rtc_exporter.limits import Limits
from rtc_exporter.model import Event, Joined, Members, ParticipantKey, Record, Report
from rtc_exporter.wire.codes import MEMBERS, NAMES, TYPES
from rtc_exporter.wire.compact import Base
from rtc_exporter.wire.events import CHECKS, event_name, facts
from rtc_exporter.wire.rtcstats import METHODS, Decoder
from rtc_exporter.wire.stats import Names
from tests import captures

KEY = ParticipantKey("call", "ada")
NOW = 1_795_171_690.0
T0 = 1_795_171_685_556

WIDER = Names(
    {**NAMES.numbers, "foo": "foo"}, {**NAMES.words, "barId": "barId"}, NAMES.flags, NAMES.records,
)  # fmt: skip


def whole(base: Base) -> dict[str, Members]:
    """A report with every timestamp written out, as the vectors have them: in milliseconds."""
    assert base.time is not None
    return {
        id: {**members, "timestamp": round(float(members.get("timestamp", base.time)) * 1000, 3)}
        for id, members in base.stats.items()
    }


def flat(report: dict[str, Any]) -> dict[str, Members]:
    """A vector in our form: records flattened, arrays dropped."""
    result: dict[str, Members] = {}
    for id, members in report.items():
        result[id] = {name: value for name, value in members.items() if not isinstance(value, dict | list)}
        for name, value in members.items():
            if isinstance(value, dict):
                result[id] |= {f"{name}.{key}": part for key, part in value.items()}
    return result


def reports(records: Iterable[Record]) -> list[Report]:
    """Only the reports."""
    return [record for record in records if isinstance(record, Report)]


def events(records: Iterable[Record]) -> list[Event]:
    """Only the events."""
    return [record for record in records if isinstance(record, Event)]


def peers(records: Iterable[Record]) -> set[str]:
    """The peer connections that reports and events are of."""
    return {record.key.peer_connection for record in records if isinstance(record, Report | Event)}


def play(decoder: Decoder, *rows: object, now: float = NOW) -> list[Record]:
    """Send rows as frames; all records."""
    return [record for row in rows for record in decoder.receive(json.dumps(row), now)]


# ── reports ───────────────────────────────────────────────────────────────────────────────────────

# fmt: off
VECTORS: dict[str, list[tuple[str, str]]] = {
    "A1": [
        (
            '{"0":{"113":0,"114":0,"type":10},"1":{"79":10,"80":1000,"121":"controlling","123":"connected","125":"2","type":5},"2":{"5":"1","118":"succeeded","150":true,"152":0.012,"type":6},"3":{"5":"1","10":111,"11":"video","19":"4","25":30,"80":5000,"95":"none","96":{"none":1.5,"cpu":0,"bandwidth":0,"other":0},"100":true,"101":"L1T1","type":2,"psnrSum":{"y":40.1,"u":41,"v":42}},"4":{"10":111,"11":"video","15":0,"74":"3","75":0.02,"77":0,"type":3,"t":1760000000400.5},"t":1760000001000.5}',
            '{"0":{"type":"peer-connection","dataChannelsOpened":0,"dataChannelsClosed":0,"timestamp":1760000001000.5},"1":{"type":"transport","packetsSent":10,"bytesSent":1000,"iceRole":"controlling","dtlsState":"connected","selectedCandidatePairId":"2","timestamp":1760000001000.5},"2":{"type":"candidate-pair","transportId":"1","state":"succeeded","nominated":true,"currentRoundTripTime":0.012,"timestamp":1760000001000.5},"3":{"type":"outbound-rtp","psnrSum":{"y":40.1,"u":41,"v":42},"transportId":"1","ssrc":111,"kind":"video","remoteId":"4","framesPerSecond":30,"bytesSent":5000,"qualityLimitationReason":"none","qualityLimitationDurations":{"none":1.5,"cpu":0,"bandwidth":0,"other":0},"active":true,"scalabilityMode":"L1T1","timestamp":1760000001000.5},"4":{"type":"remote-inbound-rtp","ssrc":111,"kind":"video","packetsLost":0,"localId":"3","roundTripTime":0.02,"fractionLost":0,"timestamp":1760000000400.5}}',
        ),
        (
            '{"1":{"79":25,"80":2500},"2":{"152":0},"3":{"25":0,"80":9000,"96":{"bandwidth":1},"100":false,"psnrSum":{"y":80,"v":84}},"t":1760000002000.5}',
            '{"0":{"type":"peer-connection","dataChannelsOpened":0,"dataChannelsClosed":0,"timestamp":1760000002000.5},"1":{"type":"transport","packetsSent":25,"bytesSent":2500,"iceRole":"controlling","dtlsState":"connected","selectedCandidatePairId":"2","timestamp":1760000002000.5},"2":{"type":"candidate-pair","transportId":"1","state":"succeeded","nominated":true,"currentRoundTripTime":0,"timestamp":1760000002000.5},"3":{"type":"outbound-rtp","psnrSum":{"y":80,"u":41,"v":84},"transportId":"1","ssrc":111,"kind":"video","remoteId":"4","framesPerSecond":0,"bytesSent":9000,"qualityLimitationReason":"none","qualityLimitationDurations":{"none":1.5,"cpu":0,"bandwidth":1,"other":0},"active":false,"scalabilityMode":"L1T1","timestamp":1760000002000.5},"4":{"type":"remote-inbound-rtp","ssrc":111,"kind":"video","packetsLost":0,"localId":"3","roundTripTime":0.02,"fractionLost":0,"timestamp":1760000000400.5}}',
        ),
        (
            '{"3":null,"4":null,"t":1760000003000.5}',
            '{"0":{"type":"peer-connection","dataChannelsOpened":0,"dataChannelsClosed":0,"timestamp":1760000003000.5},"1":{"type":"transport","packetsSent":25,"bytesSent":2500,"iceRole":"controlling","dtlsState":"connected","selectedCandidatePairId":"2","timestamp":1760000003000.5},"2":{"type":"candidate-pair","transportId":"1","state":"succeeded","nominated":true,"currentRoundTripTime":0,"timestamp":1760000003000.5}}',
        ),
        (
            '{"t":1760000004000.5}',
            '{"0":{"type":"peer-connection","dataChannelsOpened":0,"dataChannelsClosed":0,"timestamp":1760000004000.5},"1":{"type":"transport","packetsSent":25,"bytesSent":2500,"iceRole":"controlling","dtlsState":"connected","selectedCandidatePairId":"2","timestamp":1760000004000.5},"2":{"type":"candidate-pair","transportId":"1","state":"succeeded","nominated":true,"currentRoundTripTime":0,"timestamp":1760000004000.5}}',
        ),
    ],
    "A2": [
        ('{"0":{"10":1,"14":5,"type":1},"1":{"6":"video/VP8","type":14},"t":1000}', '{"0":{"type":"inbound-rtp","ssrc":1,"packetsReceived":5,"timestamp":1000},"1":{"type":"codec","mimeType":"video/VP8","timestamp":1000}}'),
        ('{"0":null,"t":2000}', '{"1":{"type":"codec","mimeType":"video/VP8","timestamp":2000}}'),
        ('{"0":{"10":1,"14":9,"type":1},"t":3000}', '{"0":{"type":"inbound-rtp","ssrc":1,"packetsReceived":9,"timestamp":3000},"1":{"type":"codec","mimeType":"video/VP8","timestamp":3000}}'),
        ('{"2":{"type":"newthing","foo":[1,2],"barId":"0"},"t":4000}', '{"0":{"type":"inbound-rtp","ssrc":1,"packetsReceived":9,"timestamp":4000},"1":{"type":"codec","mimeType":"video/VP8","timestamp":4000},"2":{"type":"newthing","foo":[1,2],"barId":"0","timestamp":4000}}'),
        ('{"2":{"foo":[1,3]},"t":5000}', '{"0":{"type":"inbound-rtp","ssrc":1,"packetsReceived":9,"timestamp":5000},"1":{"type":"codec","mimeType":"video/VP8","timestamp":5000},"2":{"type":"newthing","foo":[1,3],"barId":"0","timestamp":5000}}'),
    ],
    "A3": [
        ('{"0":{"80":0,"type":5,"t":1760000001000},"1":{"type":"compute-pressure","cpuState":4},"t":1760000001400}', '{"0":{"type":"transport","bytesSent":0,"timestamp":1760000001000},"1":{"type":"compute-pressure","cpuState":4,"timestamp":1760000001400}}'),
        ('{"0":{"t":1760000002000},"2":{"t":1760000002000},"t":1760000002400}', '{"0":{"type":"transport","bytesSent":0,"timestamp":1760000002000},"1":{"type":"compute-pressure","cpuState":4,"timestamp":1760000001400}}'),
    ],
}
# fmt: on


@pytest.mark.parametrize("name", VECTORS)
def test_delta_reports_are_put_together_again(name: str) -> None:
    """The vectors of the format, report by report."""
    base = Base(WIDER, {**TYPES, "newthing": "newthing"})
    for delta, expected in VECTORS[name]:
        base.merge(json.loads(delta))
        assert whole(base) == flat(json.loads(expected))


def test_a_removed_object_is_handed_over_as_it_last_was() -> None:
    """What has gone comes with all its members and the time of the report before."""
    base = Base()
    base.merge({"0": {"type": 1, "14": 5}, "1": {"type": 3, "15": 2, "t": 500}, "t": 1000})
    base.merge({"0": {"14": 7}, "t": 2000})

    removed = base.merge({"0": None, "1": None, "9": None, "t": 3000})

    assert removed == {
        "0": {"type": "inbound-rtp", "packetsReceived": 7, "timestamp": 2.0},
        "1": {"type": "remote-inbound-rtp", "packetsLost": 2, "timestamp": 0.5},
    }
    assert base.stats == {}


def test_an_own_timestamp_lasts_for_one_report() -> None:
    """An object that is not mentioned has moved on with the report; what repeats the other side's words has not."""
    base = Base()
    base.merge({"0": {"type": 5, "80": 1, "t": 900}, "1": {"type": 4, "79": 1, "t": 400}, "t": 1000})
    assert [members.get("timestamp") for members in base.stats.values()] == [0.9, 0.4]

    base.merge({"t": 2000})
    assert [members.get("timestamp") for members in base.stats.values()] == [None, 0.4]

    base.merge({"0": {"80": 2, "t": 2900}, "1": {"79": 2}, "t": 3000})
    assert [members.get("timestamp") for members in base.stats.values()] == [2.9, 3.0]


def test_ghosts_are_not_used_but_known() -> None:
    """An object without a known type is no part of a report until it says what it is."""
    base = Base()
    base.merge({"0": {"14": 1}, "1": {"type": "newthing"}, "t": 1000})
    assert not base.stats
    assert base.ids == {"0", "1"}

    base.merge({"0": {"type": 1, "15": 0}, "t": 2000})
    assert base.stats == {"0": {"type": "inbound-rtp", "packetsReceived": 1, "packetsLost": 0}}


@pytest.mark.parametrize(
    ("delta", "has_strangers"),
    [
        ({"0": {"14": 1}}, True),
        ({"0": {"type": 1, "14": 1}}, False),
        ({"0": {"type": "newthing", "14": 1}}, False),
        ({"0": {"t": 1000}}, False),
    ],
    ids=["changes alone", "with its type", "of a type that is not known", "what is left of a certificate"],
)
def test_objects_that_count_and_have_no_type_are_strangers(delta: dict[str, object], has_strangers: bool) -> None:
    """What they count is lost, which is told; what has no use to us, or a type of its own, is not missed."""
    base = Base()
    base.merge({**delta, "t": 1000})
    assert base.has_strangers is has_strangers


KEPT: Members = {
    "type": "outbound-rtp", "kind": "video", "targetBitrate": 1, "nackCount": 1, "active": True,
    "qualityLimitationDurations.cpu": 1, "qualityLimitationDurations.other": 5,
}  # fmt: skip

# fmt: off
ODD_MEMBERS: list[tuple[str, dict[str, object], Members, tuple[str, ...]]] = [
    # what is sent                                                                     what it sets, what it takes away
    ("falsy values are values",      {"42": 0, "100": False, "95": ""},                {"nackCount": 0, "active": False, "qualityLimitationReason": ""}, ()),
    ("null makes absent",            {"42": None, "11": None, "100": None, "96": None}, {}, ("nackCount", "kind", "active", "qualityLimitationDurations.cpu", "qualityLimitationDurations.other")),
    ("null in a record too",         {"96": {"cpu": None, "none": 2}},                 {"qualityLimitationDurations.none": 2}, ("qualityLimitationDurations.cpu",)),
    ("too long a string",            {"11": "x" * 257},                                {}, ("kind",)),
    ("a number for a word",          {"11": 5, "74": 1.5},                             {}, ()),
    ("a word for a number",          {"42": "5", "87": "high"},                        {}, ()),
    ("a boolean for something else", {"42": True, "150": 1, "11": True},               {}, ()),
    ("arrays and unknown records",   {"42": [1], "96": [1], "15": {"a": 1}, "foo": {}}, {}, ()),
    ("a wrong type in a record",     {"96": {"cpu": "x", "other": True, "foo": 1}},    {}, ()),
    ("private members",              {"134": "10.0.0.1", "135": 9, "138": "turn:x", "115": "chat", "143": "ab", "163": "AA:BB", "9": "fmtp", "url": "x", "address": "10.0.0.1", "ip": "10.0.0.1"}, {}, ()),
]
# fmt: on


@pytest.mark.parametrize(("claim", "changes", "sets", "takes"), ODD_MEMBERS, ids=[row[0] for row in ODD_MEMBERS])
def test_members_are_kept_by_name_and_type(
    claim: str, changes: dict[str, object], sets: Members, takes: tuple[str, ...]
) -> None:
    """A member that is unknown, private or of the wrong type is dropped; null makes it absent."""
    base = Base()
    base.merge(
        {"0": {"type": 2, "11": "video", "87": 1, "42": 1, "100": True, "96": {"cpu": 1, "other": 5}}, "t": 1000}
    )
    assert base.stats["0"] == KEPT

    base.merge({"0": changes, "t": 2000})

    assert base.stats["0"] == {name: value for name, value in KEPT.items() if name not in takes} | sets


def test_every_kept_member_has_a_code_or_comes_by_name() -> None:
    """Codes lead to members that are kept, and every kept member is understood under its own name."""
    known = {member for row in w3c.STATS.values() for member in row.members}
    records = {name.partition(".")[0] for name in known if "." in name}

    assert set(MEMBERS.values()) <= known | records
    assert set(NAMES.numbers.values()) | set(NAMES.words.values()) | set(NAMES.flags.values()) == {
        name for name in known if "." not in name
    }
    assert {name for keys in NAMES.records.values() for name in keys.values()} == {
        name for name in known if "." in name
    }


@pytest.mark.parametrize(
    ("delta", "reason"),
    [
        ({"0": {"type": 1}}, Reason.BAD_STATS),  # the first report has to have a time
        ({"0": 5, "t": 1000}, Reason.BAD_STATS),
        ({"0": {"type": 1}, "t": "1000"}, Reason.BAD_TIME),
        ({"0": {"type": 1}, "t": True}, Reason.BAD_TIME),
        ({"0": {"type": 1}, "t": -1}, Reason.BAD_TIME),
        ({"0": {"type": 1}, "t": 1e18}, Reason.BAD_TIME),
        ({"x" * 129: {"type": 1}, "t": 1000}, Reason.BAD_STATS),
        ({str(n): {"type": 1} for n in range(2001)} | {"t": 1000}, Reason.TOO_MANY),
    ],
)
def test_a_refused_report_leaves_the_base_as_it_was(delta: dict[str, object], reason: Reason) -> None:
    """What can be refused is refused before anything changes."""
    base = Base()
    with pytest.raises(ClientError) as refusal:
        base.merge(dict(delta))
    assert refusal.value.reason is reason
    assert not base.stats

    base.merge({"0": {"type": 1, "14": 1}, "t": 1000})
    base.merge({"0": {"14": 2}, "t": 2000})
    assert base.stats["0"]["packetsReceived"] == 2


# ── frames ────────────────────────────────────────────────────────────────────────────────────────

# fmt: off
TRANSCRIPT: list[tuple[str, tuple[str, str, dict[str, object]]]] = [
    ('[39,null,{"hardwareConcurrency":8,"userAgentData":{"brands":[{"brand":"Not:A-Brand","version":"8"},{"brand":"Chromium","version":"150"}],"mobile":false,"platform":"Linux"},"deviceMemory":8,"screen":{"width":1920,"height":1080,"devicePixelRatio":2},"window":{"width":1280,"height":720},"reloadCount":0},1795171685556]', ("", "createPage", {"reloads": 0})),
    ('[60,null,{"audio":true},"60-0",14]', ("", "getUserMedia", {"audio": True, "video": False, "call": "60-0"})),
    ('[61,null,[["audio","mic-1","Logitech BRIO (046d:085e)","stream-1"]],"60-0",0]', ("", "getUserMediaOnSuccess", {"audio": True, "video": False, "microphone": "mic-1", "call": "60-0"})),
    ('[60,null,{"video":true},"60-1",0]', ("", "getUserMedia", {"audio": False, "video": True, "call": "60-1"})),
    ('[65,null,"NotAllowedError: Permission denied","60-1",0]', ("", "getUserMediaOnFailure", {"error": "NotAllowedError", "call": "60-1"})),
    ('["navigator.mediaDevices.getDisplayMediaOnFailure",null,"NotAllowedError: denied","63-0",0]', ("", "getDisplayMediaOnFailure", {"error": "NotAllowedError", "call": "63-0"})),
    ('[68,null,"Denied by ada","63-0",0]', ("", "getDisplayMediaOnFailure", {"error": "_OTHER", "call": "63-0"})),
    ('[66,null,[{"deviceId":"d1","kind":"audioinput","label":"Mic","groupId":"g"}],0]', ("", "enumerateDevices", {"audio": True, "video": False})),
    ('[39,"PC_0",{"iceServers":[{"urls":"turn:t.example:3478?transport=udp","username":"u"}],"bundlePolicy":"max-bundle"},1]', ("PC_0", "create", {"relay_only": False, "stun": 0, "turn_udp": 1, "turn_tcp": 0, "turn_tls": 0})),
    ('[30,"PC_0",["audio","mic-1","Logitech BRIO (046d:085e)","stream-1"],5]', ("PC_0", "addTrack", {"kind": "audio", "track": "mic-1"})),
    ('[31,"PC_0",null,"recv-track-1",0]', ("PC_0", "addTrackOnSuccess", {})),
    ('[32,"PC_0",[["audio","mic-1","Logitech BRIO (046d:085e)"]],0]', ("PC_0", "addTransceiver", {"kind": "audio", "track": "mic-1"})),
    ('[32,"PC_0",["video",{"direction":"recvonly"}],0]', ("PC_0", "addTransceiver", {"kind": "video"})),
    ('[33,"PC_0",null,"recv-track-1",1]', ("PC_0", "addTransceiverOnSuccess", {})),
    ('[35,"PC_0",["chat",{"ordered":false}],0]', ("PC_0", "createDataChannel", {})),
    ('[2,"PC_0",null,"2-0",0]', ("PC_0", "createOffer", {"call": "2-0"})),
    ('[2,"PC_0",{"iceRestart":true},"2-1",0]', ("PC_0", "createOffer", {"call": "2-1", "ice_restart": True})),
    ('[3,"PC_0",{"type":"offer","sdp":"v=0\\r\\no=- 1 2 IN IP4 127.0.0.1\\r\\n..."},"2-0",0]', ("PC_0", "createOfferOnSuccess", {"type": "offer", "call": "2-0"})),
    ('[6,"PC_0",{"type":"offer","sdp":"v=\\r\\nm=\\r\\n"},"6-0",0]', ("PC_0", "setLocalDescription", {"type": "offer", "call": "6-0"})),
    ('[7,"PC_0",null,"6-0",0]', ("PC_0", "setLocalDescriptionOnSuccess", {"call": "6-0"})),
    ('[8,"PC_0",{"type":"rollback"},"8-0",0]', ("PC_0", "setRemoteDescription", {"type": "rollback", "call": "8-0"})),
    ('[13,"PC_0","InvalidStateError: no offer","4-0",0]', ("PC_0", "createAnswerOnFailure", {"error": "InvalidStateError", "call": "4-0"})),
    ('[26,"PC_0","gathering",0]', ("PC_0", "icegatheringstatechange", {"state": "gathering"})),
    ('[20,"PC_0",{"candidate":"candidate:1 1 udp 2122262783 192.168.0.1 36538 typ host","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"ab"},0]', ("PC_0", "icecandidate", {"type": "host", "protocol": "udp"})),
    ('[20,"PC_0",{"candidate":"candidate:1 1 udp 41885439 10.0.0.1 36538 typ relay raddr 1.2.3.4 rport 9","url":"turns:t.example:443?transport=tcp","relayProtocol":"tls"},0]', ("PC_0", "icecandidate", {"type": "relay", "protocol": "tls", "scheme": "turns"})),
    ('[20,"PC_0",null,0]', ("PC_0", "icecandidate", {})),
    ('[20,"PC_0",{"candidate":""},{"rtcstatsLocation":{"country":"DE"}},0]', ("PC_0", "icecandidate", {})),
    ('[21,"PC_0",{"address":"10.0.0.x","port":1,"hostCandidate":"10.0.0.x:1","url":"turn:10.0.0.254:3478?transport=udp","errorCode":401,"errorText":"Unauthorized."},0]', ("PC_0", "icecandidateerror", {"error": "401", "scheme": "turn", "protocol": "udp"})),
    ('[10,"PC_0",{"candidate":"candidate:2 1 udp 1 10.0.0.1 5 typ relay raddr 1.2.3.4 rport 9","sdpMid":"0"},"10-0",1]', ("PC_0", "addIceCandidate", {"type": "relay", "protocol": "udp", "call": "10-0"})),
    ('[23,"PC_0","have-local-offer",0]', ("PC_0", "signalingstatechange", {"state": "have-local-offer"})),
    ('[24,"PC_0","checking",0]', ("PC_0", "iceconnectionstatechange", {"state": "checking"})),
    ('[25,"PC_0","connected",0]', ("PC_0", "connectionstatechange", {"state": "connected"})),
    ('[25,"PC_0","checking",0]', ("PC_0", "connectionstatechange", {})),
    ('[22,"PC_0",["audio","recv-1","remote","rs1"],0]', ("PC_0", "track", {"kind": "audio", "track": "recv-1"})),
    ('[74,"PC_0","recv-1",0]', ("PC_0", "unmute", {"track": "recv-1"})),
    ('[73,"PC_0","recv-1",0]', ("PC_0", "mute", {"track": "recv-1"})),
    ('[72,null,"mic-1","60-0",0]', ("", "ended", {"track": "mic-1", "call": "60-0"})),
    ('[50,"PC_0",[{"encodings":[{"maxBitrate":1000}]}],"recv-track-1",0]', ("PC_0", "setParameters", {})),
    ('[51,"PC_0",[["audio","mic-1","Logitech BRIO (046d:085e)"],null],"recv-track-1",0]', ("PC_0", "replaceTrack", {"kind": "audio"})),
    ('["MediaStreamTrack.enabled",null,false,"mic-1",0]', ("", "enabled", {"flag": False, "track": "mic-1"})),
    ('["MediaStreamTrack.contentHint",null,"speech","mic-1",0]', ("", "other", {})),
    ('[":userRating",null,{"stars":4},0]', ("", "feedback", {"value": 4.0})),
    ('[":userRating",null,{"score":9},0]', ("", "feedback", {})),
    ('[":anything",null,{"secret":"x"},0]', ("", "other", {})),
    ('["websocket",null,{"connectionTime":33},1]', ("", "websocket", {"value": 0.033})),
    ('[80,"PC_0",{"width":320,"height":240,"videoWidth":640,"videoHeight":480},"recv-1",0]', ("PC_0", "resize", {"track": "recv-1"})),
    ('[70,null,[],"mic-1","60-0",11]', ("", "stop", {"track": "mic-1", "call": "60-0"})),
    ('[67,null,null,0]', ("", "devicechange", {})),
    ('[40,"PC_0",{"optional":[]},0]', ("PC_0", "other", {})),
    ('[99,"PC_0",null,0]', ("PC_0", "other", {})),
    ('[36,"PC_0",null,0]', ("PC_0", "close", {})),
    ('["close",null,1001,0]', ("", "other", {})),
]
# fmt: on


def test_the_transcript_is_understood_event_by_event() -> None:
    """Every kind of frame that the client can send, with the facts that are kept of it."""
    decoder = Decoder(KEY)
    for frame, expected in TRANSCRIPT:
        found = events(decoder.receive(frame, NOW))
        assert [(event.key.peer_connection, event.name, dict(event.facts)) for event in found] == [expected], frame


SERVERS: dict[str, tuple[list[object], tuple[int, int, int, int]]] = {
    "none": ([], (0, 0, 0, 0)),
    "one URL": ([{"urls": "stun:s.example"}], (1, 0, 0, 0)),
    "several, each way": (
        [{"urls": ["turn:t.example", "turn:t.example?transport=tcp", "turns:t.example:443?transport=tcp"]}],
        (0, 1, 1, 1),
    ),
    "upper case, and stuns": ([{"urls": ["STUNS:s.example", "TURN:t.example?transport=UDP"]}], (1, 1, 0, 0)),
    "the old member": ([{"url": "turn:t.example"}], (0, 1, 0, 0)),
    "Chrome's dumps": (["turn:t.example?transport=tcp", "stun:s.example"], (1, 0, 1, 0)),
    "nonsense": ([7, None, {"urls": {"turn:": 1}}, {"urls": ["http://t.example", 5]}], (0, 0, 0, 0)),
    "too many": ([{"urls": ["turn:t.example"] * 100}] * 100, (0, 64 * 64, 0, 0)),
}


@pytest.mark.parametrize("case", SERVERS)
def test_servers_are_counted_and_not_named(case: str) -> None:
    """How many lead to STUN and TURN, by protocol: of their URLs, users and credentials nothing is kept."""
    servers, counts = SERVERS[case]

    told = facts("create", {"iceServers": servers, "iceTransportPolicy": "relay"})

    assert told == dict(zip(("relay_only", "stun", "turn_udp", "turn_tcp", "turn_tls"), (True, *counts), strict=True))


def test_a_configuration_without_servers_says_nothing_of_them() -> None:
    """Not told is not none."""
    assert facts("setConfiguration", {"bundlePolicy": "balanced"}) == {"relay_only": False}
    assert facts("create", {"iceServers": "turn:t.example"}) == {"relay_only": False}


def test_a_page_tells_its_browser() -> None:
    """The page's first event says brand, version and platform, without the brand that does not exist."""
    decoder = Decoder(KEY)

    joined, event = decoder.receive(TRANSCRIPT[0][0], NOW)

    assert joined == Joined(
        KEY, 1795171685.556,
        {"user_agent.name": "Chromium", "user_agent.version": "150", "user_agent.os.name": "Linux"},
    )  # fmt: skip
    assert isinstance(event, Event)
    assert event.time == 1795171685.556


@pytest.mark.parametrize(
    "track", [["audio", "t1", "Mic", "s1"], ["audio", "t1", "s1"]], ids=["rtcstats#5.0", "rtcstats#4.0"]
)
def test_tracks_are_read_in_both_versions(track: list[str]) -> None:
    """Kind and id stand first in both; whether a label or a stream comes next does not matter."""
    (event,) = events(play(Decoder(KEY), [30, "PC_0", track, T0]))

    assert event.facts == {"kind": "audio", "track": "t1"}


def test_getstats_frames_give_reports() -> None:
    """A report has the client's stats time and event time, and keeps the first report's words."""
    decoder = Decoder(KEY)
    first, second = reports(
        [
            *play(decoder, [39, "PC_0", None, T0]),
            *play(
                decoder,
                ["g", "PC_0", {"0": {"80": 100, "123": "connected", "type": 5}, "t": T0 + 250}, "connected-0", 1],
            ),
            *play(decoder, [1, "PC_0", {"0": {"80": 200}, "t": T0 + 1250.5}, 59]),
        ]
    )

    assert (first.time, first.sent) == ((T0 + 250) / 1000, (T0 + 1) / 1000)
    assert (second.time, second.sent) == ((T0 + 1250.5) / 1000, (T0 + 60) / 1000)
    assert dict(second.stats) == {"0": {"type": "transport", "bytesSent": 200, "dtlsState": "connected"}}
    assert second.key == (*KEY, "PC_0")
    assert not second.removed


CLOCKS: list[tuple[str, list[float], list[float]]] = [
    ("absolute, then differences", [T0, 10, 0, 5.5], [T0, T0 + 10, T0 + 10, T0 + 15.5]),
    ("2.1: a small first value", [40, 10], [NOW * 1000, NOW * 1000 + 10]),
    ("2.2.0: absolute twice", [T0, 5, T0 + 100, T0 + 100, 5], [T0, T0 + 5, T0 + 100, T0 + 100, T0 + 105]),
    ("Chrome: negative differences", [T0, 100, -50], [T0, T0 + 100, T0 + 50]),
]


@pytest.mark.parametrize(("claim", "values", "expected"), CLOCKS, ids=[row[0] for row in CLOCKS])
def test_every_version_s_clock_is_understood(claim: str, values: list[float], expected: list[float]) -> None:
    """A date anchors the clock, a difference moves it, and the server's clock stands in for a missing date."""
    decoder = Decoder(KEY)
    found = events(play(decoder, *([27, "PC_0", None, value] for value in values)))

    assert [event.time * 1000 for event in found] == pytest.approx(expected)


def test_the_clock_goes_on_over_a_refused_frame() -> None:
    """What is refused for its payload still moves the time of the frames after it."""
    decoder = Decoder(KEY)
    play(decoder, [27, "PC_0", None, T0])
    with pytest.raises(FrameError):
        play(decoder, ["g", "PC_0", 5, 100])

    (event,) = events(play(decoder, [27, "PC_0", None, 10]))

    assert event.time == (T0 + 110) / 1000


REFUSED: list[tuple[str, Reason]] = [
    ("", Reason.BAD_JSON),
    ("[39,null,NaN,5]", Reason.BAD_JSON),
    ("[" * 40 + "]" * 40, Reason.BAD_JSON),
    ("[" * 5000 + "]" * 5000, Reason.BAD_JSON),
    ('{"stats":[]}', Reason.BAD_FRAME),
    ("[39,null,5]", Reason.BAD_FRAME),
    ('[39,null,{},"5"]', Reason.BAD_TIME),
    ("[39,null,{},true]", Reason.BAD_TIME),
    ("[39,null,{},null]", Reason.BAD_TIME),
    ("[39,null,{},1e300]", Reason.BAD_TIME),
    ("[true,null,{},1795171685556]", Reason.BAD_FRAME),
    ("[[1],null,{},1795171685556]", Reason.BAD_FRAME),
    ('[39,"",{},1795171685556]', Reason.BAD_FRAME),
    ("[39,7,{},1795171685556]", Reason.BAD_FRAME),
    ('["g",null,{},1795171685556]', Reason.BAD_STATS),
    ('["g","PC_0",[],1795171685556]', Reason.BAD_STATS),
    (f'[39,"{"x" * 129}",{{}},1795171685556]', Reason.BAD_FRAME),
    ('["' + "x" * (1 << 20) + '"]', Reason.TOO_LARGE),
]


@pytest.mark.parametrize(("frame", "reason"), REFUSED, ids=[row[0][:30] for row in REFUSED])
def test_a_bad_frame_is_refused_with_its_reason(frame: str, reason: Reason) -> None:
    """Each way in which a frame can be wrong has its reason, and the decoder goes on."""
    decoder = Decoder(KEY)
    for shape in (frame, frame.encode()):
        with pytest.raises(ClientError) as refusal:
            decoder.receive(shape, NOW)
        assert refusal.value.reason is reason

    assert events(play(decoder, [27, "PC_0", None, T0]))


def test_nesting_is_counted_only_where_it_is_deep() -> None:
    """Many objects side by side are no nesting."""
    decoder = Decoder(KEY)
    stats: dict[str, object] = {str(n): {"type": 1, "14": n} for n in range(500)}

    (report,) = reports(play(decoder, ["g", "PC_0", {**stats, "t": T0}, T0]))

    assert len(report.stats) == 500


def test_peer_connections_are_limited_and_closed_ones_make_room() -> None:
    """Only live peer connections count against the limit."""
    decoder = Decoder(KEY, limits=Limits(peer_connections=2))
    play(decoder, [39, "PC_0", None, T0], [39, "PC_1", None, 0])
    with pytest.raises(LimitError):
        play(decoder, [39, "PC_2", None, 0])

    play(decoder, [36, "PC_0", None, 0])

    assert [event.key.peer_connection for event in events(play(decoder, [39, "PC_2", None, 0]))] == ["PC_2"]


def test_nothing_is_reported_of_a_closed_peer_connection() -> None:
    """A report that was under way when the connection was closed comes too late."""
    decoder = Decoder(KEY)
    play(decoder, [39, "PC_0", None, T0], [36, "PC_0", None, 0])

    assert play(decoder, ["g", "PC_0", {"0": {"type": 5}, "t": T0}, 0]) == []


def test_a_reload_has_names_of_its_own() -> None:
    """PC_0 of the second page is another peer connection than PC_0 of the first."""
    (event,) = events(play(Decoder(KEY, page=2), [39, "PC_0", None, T0]))

    assert event.key.peer_connection == "2:PC_0"


# ── reconnect ─────────────────────────────────────────────────────────────────────────────────────

BEFORE: tuple[list[object], ...] = (
    [39, "PC_0", None, T0],
    ["g", "PC_0", {"0": {"80": 100, "123": "connected", "type": 5}, "1": {"t": 5}, "t": T0}, 0],
)
AFTER: tuple[list[object], ...] = (
    ["g", "PC_0", {"0": {"80": 500}, "t": T0 + 5000}, T0 + 5000],
    [39, None, {}, 40],
    ["websocket", None, {"connectionTime": 2}, 6],
    ["g", "PC_0", {"0": {"80": 600}, "1": {"t": 6}, "t": T0 + 6000}, 15],
)


def test_a_reconnected_client_goes_on() -> None:
    """Deltas without a base are merged into the base of the connection before, under the old name."""
    before = Decoder(KEY)
    play(before, *BEFORE)
    after = Decoder(KEY, page=2)
    after.adopt(before)

    first, second = reports(play(after, *AFTER))

    assert first.key.peer_connection == second.key.peer_connection == "PC_0"
    assert dict(second.stats) == {"0": {"type": "transport", "bytesSent": 600, "dtlsState": "connected"}}
    assert [event.key.peer_connection for event in events(play(after, [39, "PC_1", None, 0]))] == ["PC_1"]


def test_without_a_base_only_known_types_are_used() -> None:
    """A type is never guessed from the members; what comes with its type later is used from then on."""
    decoder = Decoder(KEY)
    lost = play(decoder, *AFTER)
    assert [error.reason for error in decoder.refused] == [Reason.NO_BASE, Reason.NO_BASE]
    # Said once, about the participant: of the peer connection nothing is known.
    assert [event.key.peer_connection for event in events(lost) if event.name == "baseless"] == [""]

    (report,) = reports(play(decoder, ["g", "PC_0", {"2": {"type": 1, "14": 5}, "t": T0 + 7000}, 5]))

    assert dict(report.stats) == {"2": {"type": "inbound-rtp", "packetsReceived": 5}}

    # Where some objects are known and others are not, the session is told of that too, once.
    decoder = Decoder(KEY)
    told = play(decoder, *[["g", "PC_0", {"0": {"14": 3}, "2": {"type": 1, "14": 5}, "t": T0 + n}, 5] for n in (1, 2)])
    assert [event.name for event in events(told)] == ["baseless"]
    assert len(reports(told)) == 2


@pytest.mark.parametrize(
    "first",
    [
        [39, "PC_0", None, T0],
        ["g", "PC_0", {"0": {"80": 5, "type": 5}, "t": T0}, T0],
        ["g", "PC_0", {"0": {"80": 5}, "7": {"80": 5}, "t": T0}, T0],
    ],
    ids=["created again", "with types", "unknown ids"],
)
def test_another_page_does_not_go_on_with_the_old_one(first: list[object]) -> None:
    """A page that was loaded again has the same names, but begins anew."""
    before = Decoder(KEY)
    play(before, *BEFORE)
    after = Decoder(KEY, page=2)
    after.adopt(before)

    records = play(after, first, ["g", "PC_0", {"0": {"79": 5, "type": 5}, "t": T0 + 1000}, 0])

    # Of the page there is at most the word that what it sends builds on nothing.
    assert {event.name for event in events(records) if not event.key.peer_connection} <= {"baseless"}
    assert peers(records) - {""} == {"2:PC_0"}
    assert all("dtlsState" not in report.stats.get("0", {}) for report in reports(records))


def test_an_event_first_keeps_the_name_and_the_base() -> None:
    """A state change may come before the first report after a reconnect."""
    before = Decoder(KEY)
    play(before, *BEFORE)
    after = Decoder(KEY, page=2)
    after.adopt(before)

    records = play(after, [25, "PC_0", "disconnected", T0], AFTER[0])

    assert peers(records) == {"PC_0"}
    assert reports(records)[0].stats["0"]["dtlsState"] == "connected"


# ── recorded calls ────────────────────────────────────────────────────────────────────────────────


class Sums:
    """Counters as the oracle adds them up: per stats type and kind, a decrease being a restart."""

    def __init__(self) -> None:
        self.last: dict[tuple[str, str], Members] = {}
        self.objects: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        self.total: Counter[tuple[str, str]] = Counter()
        self.lost: dict[tuple[str, str], dict[str, float]] = {}

    def take(self, report: Report) -> None:
        """Add what one report holds."""
        for id, members in [*report.removed.items(), *report.stats.items()]:
            place = (report.key.peer_connection, id)
            group = "/".join(str(members[name]) for name in ("type", "kind") if name in members)
            self.objects[group].add(place)
            before = self.last.get(place, {})
            for name, value in members.items():
                if name == "packetsLost":
                    highest = self.lost.setdefault(place, {}).get(group, 0)
                    self.lost[place][group] = max(highest, float(value))
                elif type(value) in (int, float):
                    was = float(before.get(name, 0))
                    self.total[group, name] += float(value) - (was if float(value) >= was else 0)  # type: ignore[assignment]
            self.last[place] = {name: value for name, value in members.items() if name != "type"}

    def of(self, group: str, name: str) -> float:
        """One sum."""
        if name == "objects":
            return len(self.objects[group])
        if name == "packetsLost":
            return sum(by_group.get(group, 0) for by_group in self.lost.values())
        return self.total[group, name]


@pytest.mark.parametrize("name", captures.names())
def test_a_recorded_call_adds_up_to_what_its_authors_decoder_found(name: str) -> None:
    """Calls per method and final sums per stats type and kind are those of the client authors' own decoder."""
    decoder, sums = Decoder(KEY), Sums()
    seen: Counter[str] = Counter()
    for time, frame in captures.frames(name):
        for record in decoder.receive(frame, time):
            if isinstance(record, Report):
                sums.take(record)
                seen["getStats"] += 1
            elif isinstance(record, Event):
                seen[record.name] += 1
    oracle = captures.oracle(name)

    expected: Counter[str] = Counter()
    for method, times in oracle["methods"].items():
        expected["getStats" if method == "getStats" else event_name(method, "PC_0")] += times
    pages = seen.pop("createPage")
    seen["create"] += pages
    assert pages == 1
    assert seen == expected
    for group, members in oracle["sums"].items():
        found = {member: sums.of(group, member) for member in members}
        assert found == pytest.approx(members), group
    assert {group for group, places in sums.objects.items() if places} == set(oracle["sums"])


def test_every_method_code_is_an_event_that_is_known() -> None:
    """Of the codes, only what nobody traces becomes other."""
    other = {method for method in METHODS.values() if event_name(method, "PC_0") == "other"}

    assert other == {"getStats", "constraints"}


def test_events_carry_what_is_listed_and_nothing_else() -> None:
    """Every fact of every event of every recording is one of ``w3c.FACTS``, of its type, and has its check."""
    odd = set()
    for name in captures.names():
        decoder = Decoder(ParticipantKey("s", "p"))
        records = [record for time, frame in captures.frames(name) for record in decoder.receive(frame, time)]
        facts = [
            (record.name, *fact) for record in records if isinstance(record, Event) for fact in record.facts.items()
        ]
        assert facts
        odd |= {(event, fact, type(value)) for event, fact, value in facts if type(value) is not w3c.FACTS.get(fact)}

    assert odd == set()
    assert CHECKS.keys() == w3c.FACTS.keys()


# ── clocks that are set ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("steps", "times"),
    [
        ([(0.0, 0), (1.0, 1000), (3.0, 2000)], [0.0, 1.0, 3.0]),
        # What was kept until it was connected comes at once, and is older than now.
        ([(0.0, -60_000), (0.0, 30_000), (0.1, 30_000), (3.0, 3000)], [-60.0, -30.0, 0.0, 3.0]),
        # Set back an hour: it stands still, and goes on.
        ([(0.0, 0), (3.0, 3000), (4.0, -3_600_000), (5.0, 1000)], [0.0, 3.0, 3.0, 4.0]),
        # Set forth an hour: by no more than what really passed, and five seconds.
        ([(0.0, 0), (3.0, 3000), (4.0, 3_600_000), (5.0, 1000)], [0.0, 3.0, 9.0, 10.0]),
        # A page that slept for an hour slept for an hour.
        ([(0.0, 0), (3.0, 3000), (3603.0, 3_600_000)], [0.0, 3.0, 3603.0]),
        # A clock that is a day ahead, or behind, is no worse.
        ([(0.0, 86_400_000), (3.0, 3000), (4.0, 3_600_000)], [86_400.0, 86_403.0, 86_409.0]),
        ([(0.0, -86_400_000), (3.0, 3000), (4.0, 3_600_000)], [-86_400.0, -86_397.0, -86_391.0]),
    ],
    ids=["right", "kept", "back", "forth", "slept", "ahead", "behind"],
)
def test_a_clock_that_is_set_is_no_time_that_passed(steps: list[tuple[float, float]], times: list[float]) -> None:
    """Times only go forth, and no faster than time does: (when it came, milliseconds in the frame) -> seconds."""
    decoder = Decoder(KEY)
    (first, date), *rest = steps
    found = [decoder.receive(json.dumps(["x", "PC_0", None, T0 + date]), T0 / 1000 + first)]
    found += [decoder.receive(json.dumps(["x", "PC_0", None, step]), T0 / 1000 + came) for came, step in rest]

    assert [round(record.time - T0 / 1000, 3) for records in found for record in records] == times
