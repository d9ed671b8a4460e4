"""The clients that came of the first rtcstats: rows, deltas of both kinds, and Jitsi's messages around them."""

# ruff: noqa: E501  (frames, one per line)

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtc_exporter.errors import ClientError, FrameError, LimitError, Reason
from rtc_exporter.limits import Limits
from rtc_exporter.model import Event, Joined, Left, Member, Members, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.wire import jitsi, legacy
from rtc_exporter.wire.rows import Delta
from tests import clients

KEY = ParticipantKey("call", "ada")
NOW = 1_795_171_720.0
T = 1_795_171_707_000


def send(decoder: legacy.Decoder | jitsi.Decoder, *frames: object, now: float = NOW) -> list[Record]:
    """Send frames; all records."""
    return [record for frame in frames for record in decoder.receive(json.dumps(frame), now)]


def stats(records: list[Record]) -> list[dict[str, Members]]:
    """What the reports hold now."""
    return [{id: dict(members) for id, members in one.stats.items()} for one in records if isinstance(one, Report)]


def entry(number: int, *row: object, stream: str = "s1") -> dict[str, object]:
    """An entry of Jitsi, JSON inside JSON."""
    return {"statsSessionId": stream, "type": "stats-entry", "data": json.dumps([*row, number])}


# ── rtcstats 5


def test_what_is_not_mentioned_has_not_changed() -> None:
    """The transcript of rtcstats 5.2.0: equal members are left out, 0 is the time at the top, nothing is ever removed."""
    decoder = legacy.Decoder(KEY)
    first = {
        "IT1": {"type": "inbound-rtp", "timestamp": 0, "ssrc": 5, "packetsReceived": 10, "q": {"a": 1}},
        "P": {"type": "peer-connection", "timestamp": 0, "dataChannelsOpened": 0},
        "RI": {"type": "remote-inbound-rtp", "timestamp": 400, "roundTripTime": 0.1},
        "timestamp": 1000.5,
    }
    second = {"IT1": {"timestamp": 0, "packetsReceived": 20, "q": {"a": 1}}, "timestamp": 2000.5}

    (one,) = send(decoder, ["getstats", "PC_0", first, T])
    assert isinstance(one, Report)
    assert (one.key, one.time, one.sent, one.heard) == (
        PeerConnectionKey("call", "ada", "PC_0"),
        1.0005,
        T / 1000,
        None,
    )
    assert stats([one]) == [
        {
            "IT1": {"type": "inbound-rtp", "ssrc": 5, "packetsReceived": 10},
            "P": {"type": "peer-connection", "dataChannelsOpened": 0},
            "RI": {"type": "remote-inbound-rtp", "roundTripTime": 0.1, "timestamp": 0.4},
        }
    ]

    two, three = send(decoder, ["getstats", "PC_0", second, T + 61], ["getstats", "PC_0", {"timestamp": None}, T + 121])
    assert isinstance(two, Report)
    assert isinstance(three, Report)
    assert (two.time, two.heard, three.time, three.heard) == (2.0005, True, 2.0005, False)
    assert not two.removed
    assert not three.removed
    assert stats([three])[0]["IT1"] == {"type": "inbound-rtp", "ssrc": 5, "packetsReceived": 20}
    assert stats([three])[0]["RI"]["timestamp"] == 0.4, "what the other side told is as old as before"


def test_a_first_report_that_never_came_is_told_once() -> None:
    """A client of rtcstats 5 drops reports until its socket is open, and sends what changed since: no type, ever."""
    decoder = legacy.Decoder(KEY)
    delta = {"IT1": {"timestamp": 0, "packetsReceived": 20}, "P": {"type": "peer-connection", "timestamp": 0}}

    records = send(decoder, *[["getstats", "PC_0", {**delta, "timestamp": 1000 + n}, T] for n in range(3)])

    assert [record.name for record in records if isinstance(record, Event)] == ["baseless"]
    assert stats(records) == [{"P": {"type": "peer-connection"}}] * 3


def test_reports_that_say_nothing_yet_are_none() -> None:
    """Before there is anything to tell, the client says so; it also wraps reports, on Android."""
    decoder = legacy.Decoder(KEY)

    assert send(decoder, ["getstats", "PC_0", {"timestamp": None}, T], ["getstats", "PC_0", {}, T]) == []
    wrapped = {"timestamp": 1000, "values": {"T": {"type": "transport", "timestamp": 0, "bytesSent": 1}}}
    assert stats(send(decoder, ["getstats", "PC_0", wrapped, T])) == [{"T": {"type": "transport", "bytesSent": 1}}]


def test_a_call_of_the_page_itself_does_not_disturb_the_poll() -> None:
    """``getStats`` in full is what the page asked for; the poll is written in small letters."""
    decoder = legacy.Decoder(KEY)
    send(
        decoder,
        ["getstats", "PC_0", {"T": {"type": "transport", "timestamp": 0, "bytesSent": 1}, "timestamp": 1000}, T],
    )
    assert send(decoder, ["getStats", "PC_0", {"X": {"type": "transport", "timestamp": 1500}}, T]) == []

    (report,) = send(decoder, ["getstats", "PC_0", {"T": {"timestamp": 0, "bytesSent": 2}, "timestamp": 2000}, T])
    assert stats([report]) == [{"T": {"type": "transport", "bytesSent": 2}}]


# fmt: off
EVENTS: list[tuple[list[Any], str, dict[str, Member]]] = [
    (["navigator.mediaDevices.getUserMedia", None, {"audio": True}], "getUserMedia", {"audio": True, "video": False}),
    (["getUserMedia", None, {"video": {}}], "getUserMedia", {"audio": False, "video": True}),
    (["navigator.mediaDevices.getUserMediaOnSuccess", None, {"id": "s1", "tracks": [{"id": "t1", "kind": "audio", "label": "Mic"}]}], "getUserMediaOnSuccess", {"audio": True, "video": False, "microphone": "t1"}),
    (["navigator.mediaDevices.getUserMediaOnFailure", None, "NotAllowedError"], "getUserMediaOnFailure", {"error": "NotAllowedError"}),
    (["createOfferOnError", "PC_0", "InvalidStateError: no"], "createOfferOnFailure", {"error": "InvalidStateError"}),
    (["create", "PC_0", {"nullConfig": True, "browserType": "moz"}], "create", {"relay_only": False}),
    (["create", "PC_0", {"iceTransportPolicy": "relay", "iceServers": []}], "create", {"relay_only": True, "stun": 0, "turn_udp": 0, "turn_tcp": 0, "turn_tls": 0}),
    (["createDataChannel", "PC_0", {"0": "chat", "1": {"ordered": True}}], "createDataChannel", {}),
    (["addTrack", "PC_0", "audio:t1 stream:s1"], "addTrack", {"kind": "audio", "track": "t1"}),
    (["addTrack", "PC_0", "video:t2 -"], "addTrack", {"kind": "video", "track": "t2"}),
    (["ontrack", "PC_0", "video:r1 stream:rs,stream:rs2"], "track", {"kind": "video", "track": "r1"}),
    (["ontrack", "PC_0", "video:{d48a-1} stream:{d48a-2}"], "track", {"kind": "video", "track": "{d48a-1}"}),
    (["removeTrack", "PC_0", "audio:t1"], "removeTrack", {}),
    (["addTransceiver", "PC_0", 'video {"direction":"recvonly"}'], "addTransceiver", {"kind": "video"}),
    (["addTransceiver", "PC_0", {"0": "audio"}], "addTransceiver", {"kind": "audio"}),
    (["createOffer", "PC_0", {"iceRestart": True}], "createOffer", {"ice_restart": True}),
    (["setLocalDescription", "PC_0", {"type": "offer", "sdp": "v=0"}], "setLocalDescription", {"type": "offer"}),
    (["setLocalDescriptionOnSuccess", "PC_0", None], "setLocalDescriptionOnSuccess", {}),
    (["createOfferOnSuccess", "PC_0", ""], "createOfferOnSuccess", {}),
    (["onicecandidate", "PC_0", {"candidate": "candidate:0 1 UDP 2122252543 10.77.0.1 39600 typ host"}], "icecandidate", {"type": "host", "protocol": "udp"}),
    (["onicecandidate", "PC_0", None], "icecandidate", {}),
    (["oniceconnectionstatechange", "PC_0", "checking"], "iceconnectionstatechange", {"state": "checking"}),
    (["onconnectionstatechange", "PC_0", "failed"], "connectionstatechange", {"state": "failed"}),
    (["userfeedback", None, {"score": 2}], "feedback", {"value": 2.0}),
    (["userRating", None, {"score": 4}], "feedback", {"value": 4.0}),
    (["close", "PC_0", {}], "close", {}),
    (["something else", "PC_0", {}], "other", {}),
]
# fmt: on


@pytest.mark.parametrize(("row", "name", "facts"), EVENTS, ids=[row[0][0] for row in EVENTS])
def test_events_are_read_in_both_formats(row: list[Any], name: str, facts: dict[str, Member]) -> None:
    """Payloads as the old clients write them."""
    (event,) = send(legacy.Decoder(KEY), [*row, T])
    assert event == Event(PeerConnectionKey("call", "ada", row[1] or ""), T / 1000, name, facts)

    assert send(jitsi.Decoder(KEY), entry(1, *row, T)) == [event]
    # 7.0 sends rows without anything around them.
    assert send(jitsi.Decoder(KEY), [*row, T]) == [event]


@pytest.mark.parametrize(
    "row",
    [
        ["constraints", "PC_0", {"optional": [{"rtcStatsSFUP2P": True}]}], ["onaddstream", "PC_0", "s1 audio:t1,video:t2"],
        ["logs", None, [{"text": "secret", "timestamp": 1, "count": 1}]], ["dominantSpeaker", None, {}],
        ["e2eRtt", None, {"rtt": 5}], ["faceLandmarks", None, {"faceLandmarks": "happy"}], ["publicIP", None, ["1.2.3.4"]],
        ["ondtlsstatechange", "PC_0", "connected"], ["setVideoType", None, {"ssrc": 1}], ["tags", None, {}],
    ],
    ids=lambda row: row[0],
)  # fmt: skip
def test_what_says_nothing_of_use_is_left_there(row: list[Any]) -> None:
    """Known, and neither counted as unknown nor looked at."""
    assert send(legacy.Decoder(KEY), [*row, T]) == []


def named(*frames: list[Any]) -> tuple[list[Record], legacy.Decoder]:
    """What a page tells for which nobody vouched."""
    decoder = legacy.Decoder(ParticipantKey("session-1", "participant-1"), claimed=False)
    return send(decoder, *frames), decoder


def test_the_page_names_its_participant() -> None:
    """Where nobody vouched for another; the first word stands."""
    told = ["identity", None, {"user": "bob", "conference": "standup"}, T]
    key = ParticipantKey("standup", "bob")
    records, decoder = named(told)

    assert records == [Joined(key, T / 1000, {})]
    assert decoder.key == key
    assert send(decoder, ["identity", None, {"user": "eve"}, T]) == [Joined(key, T / 1000, {})]
    assert send(legacy.Decoder(KEY), told) == [Joined(KEY, T / 1000, {})]
    jitsi_6 = ["identity", None, {"confName": "myroom", "displayName": "Ada", "endpointId": "ab12"}, T]
    assert named(jitsi_6)[1].key == ("myroom", "ab12")
    assert named(["identity", None, {"user": "a\u202eb", "conference": "x" * 129}, T])[1].key == (
        "session-1",
        "participant-1",
    )


def test_the_constraints_may_name_it() -> None:
    """As the library's documentation wants it; what came before is told then, and belongs to nobody else."""
    media = ["navigator.mediaDevices.getUserMedia", None, {"audio": True}, T]
    create = ["create", "PC_0", {"nullConfig": True}, T + 1]
    optional = [{"rtcStatsClientId": "bob"}, {"rtcStatsPeerId": "sfu"}, {"rtcStatsConferenceId": "standup"}]
    records, decoder = named(media, create, ["constraints", "PC_0", {"optional": optional}, T + 2])

    assert [type(record) for record in records] == [Joined, Event, Event]
    assert {record.key[:2] for record in records} == {("standup", "bob")}
    assert len(send(decoder, ["close", "PC_0", {}, T + 3])) == 1


@pytest.mark.parametrize(
    "row",
    [["createOffer", "PC_0", None, T], ["getstats", "PC_0", {"T": {"type": "transport", "timestamp": 0}, "timestamp": 1}, T]],
    ids=["a call", "a report"],
)  # fmt: skip
def test_a_page_that_names_nobody_is_not_waited_for(row: list[Any]) -> None:
    """The name made up here is used as soon as the call goes on."""
    records, _ = named(["create", "PC_0", {}, T], row)

    assert [type(record) for record in records][:2] == [Joined, Event]
    assert len(records) == 3
    assert {record.key[:2] for record in records} == {("session-1", "participant-1")}
    records, decoder = named(["create", 5, {}, T], ["create", "PC_0", {}, T], row)
    assert len(records) == 3
    assert [error.reason for error in decoder.refused] == [Reason.BAD_FRAME], "of those that waited, one is of no use"
    many = [["create", f"PC_{number}", {}, T] for number in range(legacy.WAITING + 1)]
    assert len(named(*many)[0]) == legacy.WAITING + 2


def test_a_second_page_has_names_of_its_own() -> None:
    """``PC_0`` of the page before and ``PC_0`` of this one are two."""
    (event,) = send(legacy.Decoder(KEY, page=2), ["create", "PC_0", {}, T])

    assert event == Event(PeerConnectionKey("call", "ada", "2:PC_0"), T / 1000, "create", {})


def test_a_closed_peer_connection_is_closed() -> None:
    """What is reported of it later is nobody's; one that is made again is new."""
    report = ["getstats", "PC_0", {"T": {"type": "transport", "timestamp": 0, "bytesSent": 1}, "timestamp": 1000}, T]
    decoder = legacy.Decoder(KEY)
    send(decoder, ["create", "PC_0", {}, T], report, ["close", "PC_0", {}, T])

    assert send(decoder, report) == []
    assert len(send(decoder, ["create", "PC_0", {}, T], report)) == 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (["create", "PC_0", {}], Reason.BAD_FRAME), ({}, Reason.BAD_FRAME), ([5, "PC_0", {}, T], Reason.BAD_FRAME),
        (["create", 5, {}, T], Reason.BAD_FRAME), (["create", "", {}, T], Reason.BAD_FRAME),
        (["create", "x" * 129, {}, T], Reason.BAD_FRAME), (["create", "PC_0", {}, "now"], Reason.BAD_TIME),
        (["create", "PC_0", {}, True], Reason.BAD_TIME), (["getstats", None, {}, T], Reason.BAD_STATS),
        (["getstats", "PC_0", [], T], Reason.BAD_STATS), (["getstats", "PC_0", {"a": 5, "timestamp": 1}, T], Reason.BAD_STATS),
        (["getstats", "PC_0", {"a": None, "timestamp": 1}, T], Reason.BAD_STATS),
        (["getstats", "PC_0", {"a": {}, "timestamp": "x"}, T], Reason.BAD_TIME),
        (["identity", None, {}, None], Reason.BAD_TIME),
    ],
)  # fmt: skip
def test_what_is_no_row_is_refused(row: Any, reason: Reason) -> None:
    """And the decoder goes on."""
    decoder = legacy.Decoder(KEY)
    with pytest.raises(ClientError) as refusal:
        send(decoder, row)
    assert refusal.value.reason is reason
    assert len(send(decoder, ["create", "PC_0", {}, T])) == 1


def test_peer_connections_are_bounded() -> None:
    """Closed ones make room."""
    decoder = legacy.Decoder(KEY, limits=Limits(peer_connections=2))
    send(decoder, ["create", "a", {}, T], ["create", "b", {}, T])
    with pytest.raises(LimitError):
        send(decoder, ["create", "c", {}, T])
    assert len(send(decoder, ["close", "a", {}, T], ["create", "c", {}, T])) == 2


# ── Jitsi


def test_what_is_not_mentioned_is_gone() -> None:
    """The transcript of @jitsi/rtcstats: every object that is there is mentioned, if need be as {}."""
    decoder = jitsi.Decoder(KEY)
    values: list[dict[str, Any]] = [
        {
            "IT1": {"type": "inbound-rtp", "timestamp": 0, "ssrc": 5, "packetsReceived": 10},
            "P": {"type": "peer-connection", "timestamp": 0, "dataChannelsOpened": 0},
            "C": {"type": "local-candidate", "timestamp": 0, "candidateType": "host", "address": "x.x.x.x"},
            "timestamp": 1000.5,
        },
        {"IT1": {"timestamp": 0, "packetsReceived": 20}, "P": {"timestamp": 0}, "C": {}, "timestamp": 2000.5},
        {"P": {"timestamp": 0}, "timestamp": 3000.5},
        {"P": {}, "timestamp": None},
    ]
    reports: list[Report] = []
    seen = []
    for number, value in enumerate(values, 1):
        (report,) = send(decoder, entry(number, "getstats", "PC_0", value, T))
        assert isinstance(report, Report)
        reports.append(report)
        seen += stats([report])

    assert [report.time for report in reports] == [1.0005, 2.0005, 3.0005, 3.0005]
    assert seen[0]["C"] == {"type": "local-candidate", "candidateType": "host"}
    assert seen[1] == {
        "IT1": {"type": "inbound-rtp", "ssrc": 5, "packetsReceived": 20},
        "P": {"type": "peer-connection", "dataChannelsOpened": 0},
        "C": {"type": "local-candidate", "candidateType": "host", "timestamp": 1.0005},
    }
    assert seen[2] == seen[3] == {"P": {"type": "peer-connection", "dataChannelsOpened": 0}}
    assert reports[2].removed == {
        "IT1": {"type": "inbound-rtp", "ssrc": 5, "packetsReceived": 20, "timestamp": 2.0005},
        "C": {"type": "local-candidate", "candidateType": "host", "timestamp": 1.0005},
    }
    assert [report.heard for report in reports] == [None, True, False, False]


#: An identity as browsers send it: the whole configuration of the conference, and who is there.
IDENTITY: dict[str, object] = {
    "confName": "myroom", "displayName": "Ada L.", "endpointId": "ab12", "meetingUniqueId": "m-1",
    "applicationName": "Jitsi Meet", "confID": "example.test/myroom", "hosts": {"domain": "x"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({}, ("m-1", "ab12")), ({"meetingUniqueId": None}, ("example.test/myroom", "ab12")),
        ({"meetingUniqueId": "", "confID": 5}, ("myroom", "ab12")),
        ({"meetingUniqueId": "", "confID": 5, "confName": "", "endpointId": ""}, ("session-1", "s1")),
    ],
)  # fmt: skip
def test_the_identity_names_the_participant(changes: Mapping[str, object], key: tuple[str, str]) -> None:
    """By the conference and the end point; the name of the user is nobody's business."""
    decoder = jitsi.Decoder(ParticipantKey("session-1", "participant-1"), claimed=False)
    row = ["identity", None, {**IDENTITY, **changes}, T, 1]

    (joined,) = send(decoder, {"statsSessionId": "s1", "type": "identity", "data": row})
    (event,) = send(decoder, entry(2, "create", "PC_0", {}, T))

    assert joined == Joined(ParticipantKey(*key), T / 1000, {"rtc.app.name": "Jitsi Meet"})
    assert isinstance(event, Event)
    assert event.key == (*key, "PC_0")
    assert "Ada" not in repr(joined)
    assert send(decoder, {"statsSessionId": "s1", "type": "close"}) == [Left(ParticipantKey(*key), NOW, "left")]


def test_who_has_a_token_is_whom_it_names() -> None:
    """Then the identity tells of the application alone."""
    records = send(
        jitsi.Decoder(KEY), {"statsSessionId": "s1", "type": "identity", "data": ["identity", None, IDENTITY, T, 1]}
    )

    assert records == [Joined(KEY, T / 1000, {"rtc.app.name": "Jitsi Meet"})]


def test_entries_come_once() -> None:
    """After a reconnect the client sends again what it does not know to have come."""
    decoder = jitsi.Decoder(KEY)
    rows = [entry(number, "ondatachannel", "PC_0", [], T) for number in (1, 2, 3)]

    assert len(send(decoder, *rows)) == 3
    assert send(decoder, *rows[1:]) == []
    assert len(send(decoder, entry(4, "ondatachannel", "PC_0", [], T))) == 1


def test_several_sessions_share_a_connection() -> None:
    """Each has its numbers, its peer connections, and its participant."""
    decoder = jitsi.Decoder(ParticipantKey("session-1", "participant-1"), claimed=False)
    for stream, who in (("one", "a"), ("two", "b")):
        row = ["identity", None, {**IDENTITY, "endpointId": who}, T, 1]
        send(decoder, {"statsSessionId": stream, "type": "identity", "data": row})
    value = {"T": {"type": "transport", "timestamp": 0, "bytesSent": 1}, "timestamp": 1000}
    reports = send(decoder, *(entry(2, "getstats", "PC_0", value, T, stream=stream) for stream in ("one", "two")))

    assert [record.key for record in reports if isinstance(record, Report)] == [
        ("m-1", "a", "PC_0"),
        ("m-1", "b", "PC_0"),
    ]
    # Of one participant that a token names, the pages are told apart.
    decoder = jitsi.Decoder(KEY)
    reports = send(decoder, *(entry(2, "getstats", "PC_0", value, T, stream=stream) for stream in ("one", "two")))
    assert [record.key[2] for record in reports if isinstance(record, Report)] == ["PC_0", "2:PC_0"]


def replies(decoder: jitsi.Decoder) -> list[dict[str, Any]]:
    """What the client is told now."""
    told, decoder.replies = decoder.replies, []
    return [json.loads(reply) for reply in told]


def test_a_client_is_greeted_and_told_what_came() -> None:
    """First with the state, later every five seconds if there is something new."""
    decoder = jitsi.Decoder(KEY)
    assert replies(decoder) == [{"type": "sn", "body": {"value": 0, "state": "initial"}}]

    for number, later in enumerate((0, 4, 5, 7, 10, 11), 1):
        send(decoder, entry(number, "ondatachannel", "PC_0", [], T), now=NOW + later)
    assert replies(decoder) == [{"type": "sn", "body": {"value": 3}}, {"type": "sn", "body": {"value": 5}}]
    send(decoder, {"statsSessionId": "s1", "type": "keepalive"}, now=NOW + 20)
    assert replies(decoder) == [{"type": "sn", "body": {"value": 6}}]
    send(decoder, {"statsSessionId": "s1", "type": "keepalive"}, now=NOW + 30)
    assert replies(decoder) == []


def test_who_comes_back_is_told_where_to_go_on() -> None:
    """The state before the connection was lost is the state after it."""
    before = jitsi.Decoder(KEY)
    send(
        before,
        entry(
            7, "getstats", "PC_0", {"T": {"type": "transport", "timestamp": 0, "bytesSent": 1}, "timestamp": 1000}, T
        ),
    )
    decoder = jitsi.Decoder(KEY)
    decoder.adopt(before)

    assert replies(decoder) == [{"type": "sn", "body": {"value": 7, "state": "initial"}}]
    reports = send(decoder, entry(8, "getstats", "PC_0", {"T": {"timestamp": 0, "bytesSent": 2}, "timestamp": 2000}, T))
    assert stats(reports) == [{"T": {"type": "transport", "bytesSent": 2}}]

    send(before, entry(1, "ondatachannel", "PC_0", [], T, stream="s2"))
    several = jitsi.Decoder(KEY)
    several.adopt(before)
    assert replies(several)[0]["body"]["value"] == 0, (
        "of two sessions none can be meant: all is sent, and known by its number"
    )


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"type": "keepalive"}, Reason.BAD_FRAME), ({"statsSessionId": "a b", "type": "keepalive"}, Reason.BAD_IDENTITY),
        ({"statsSessionId": "../x", "type": "keepalive"}, Reason.BAD_IDENTITY), ({"statsSessionId": 5, "type": "close"}, Reason.BAD_IDENTITY),
        ({"statsSessionId": "s", "type": "stats-entry", "data": "["}, Reason.BAD_JSON),
        ({"statsSessionId": "s", "type": "stats-entry", "data": "[]"}, Reason.BAD_FRAME),
        ({"statsSessionId": "s", "type": "stats-entry", "data": {"a": 1}}, Reason.BAD_FRAME),
        ({"statsSessionId": "s", "type": "identity", "data": {}}, Reason.BAD_FRAME),
        ({"statsSessionId": "s", "type": "other"}, Reason.BAD_FRAME), ({"statsSessionId": "s"}, Reason.BAD_FRAME),
        (["create"], Reason.BAD_FRAME), (5, Reason.BAD_FRAME),
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused(message: Any, reason: Reason) -> None:
    """And the decoder goes on."""
    decoder = jitsi.Decoder(KEY)
    with pytest.raises(ClientError) as refusal:
        send(decoder, message)
    assert refusal.value.reason is reason
    assert len(send(decoder, entry(1, "create", "PC_0", {}, T))) == 1


def test_sessions_are_bounded() -> None:
    """One connection has a few; an end makes room."""
    decoder = jitsi.Decoder(KEY)
    send(decoder, *(entry(1, "create", "PC_0", {}, T, stream=str(number)) for number in range(jitsi.SESSIONS)))
    with pytest.raises(LimitError):
        send(decoder, entry(1, "create", "PC_0", {}, T, stream="more"))
    send(decoder, {"statsSessionId": "0", "type": "close"})
    assert len(send(decoder, entry(1, "create", "PC_0", {}, T, stream="more"))) == 1


def test_services_are_let_in_and_not_understood() -> None:
    """Whatever they tell is no call of anybody's."""
    service = jitsi.Service(KEY)
    assert [json.loads(reply) for reply in service.replies] == [
        {"type": "sn", "body": {"value": 0, "state": "initial"}}
    ]
    for message in (
        {"statsSessionId": "b", "type": "identity", "data": {}},
        {"statsSessionId": "b", "type": "stats-entry", "data": "{}"},
    ):
        assert service.receive(json.dumps(message), NOW) == []
    with pytest.raises(FrameError):
        service.receive("[]", NOW)


# ── recorded, and random


@pytest.mark.parametrize(
    "name", ["healthy-jitsi-cr.p1", "healthy-jitsi-cr.p2", "healthy-legacy-ff.p1", "healthy-legacy-ff.p2"]
)
def test_the_last_report_is_what_the_client_had_told(name: str) -> None:
    """Every kept member of every object, against a second reading of the frames."""
    decoder: legacy.Decoder | jitsi.Decoder = jitsi.Decoder(KEY) if "jitsi" in name else legacy.Decoder(KEY)
    last: dict[str, Members] = {}
    for frame in clients.frames(name):
        for one in stats(decoder.receive(frame, NOW)):
            last = one
    want = clients.last_told(name)

    assert len(last) > 15
    assert set(last) == set(want)
    for id, members in last.items():
        for member, value in members.items():
            record, dot, key = member.partition(".")
            if member != "timestamp":
                assert value == (want[id][record][key] if dot else want[id][member]), (id, member)


_numbers = st.integers(0, 2**53) | st.floats(0, 1e12, allow_nan=False)
_KINDS = {"A": "inbound-rtp", "B": "outbound-rtp", "C": "remote-inbound-rtp", "D": "transport"}
_objects = st.fixed_dictionaries(
    {},
    optional={
        "packetsReceived": _numbers, "jitter": _numbers, "kind": st.sampled_from(("audio", "video")), "mid": st.text(max_size=3),
        "active": st.booleans(), "codecId": st.sampled_from(("A", "X")),
        "qualityLimitationDurations": st.fixed_dictionaries({"none": _numbers, "cpu": _numbers}),
    },
)  # fmt: skip
_reports = st.lists(
    st.dictionaries(st.sampled_from(sorted(_KINDS)), st.tuples(_objects, st.sampled_from((0, 0, 0, 50))), min_size=1),
    min_size=1, max_size=10,
)  # fmt: skip


def changes(before: dict[str, dict[str, Any]], report: dict[str, dict[str, Any]], all_named: bool) -> dict[str, Any]:
    """What either client makes of a report."""
    delta: dict[str, Any] = {}
    for id, members in report.items():
        delta[id] = {name: value for name, value in members.items() if before.get(id, {}).get(name) != value}
    stamps = [members["timestamp"] for members in delta.values() if "timestamp" in members]
    for id, members in list(delta.items()):
        if not all_named and members.keys() <= {"timestamp"}:
            del delta[id]
        elif stamps and members.get("timestamp") == max(stamps):
            members["timestamp"] = 0
    decoded: dict[str, Any] = json.loads(json.dumps({**delta, "timestamp": max(stamps, default=None)}))
    return decoded


@settings(max_examples=150, deadline=None, derandomize=True)
@given(_reports, st.booleans())
def test_what_the_clients_encode_is_decoded(
    reports: list[dict[str, tuple[dict[str, Any], int]]], all_named: bool
) -> None:
    """Every report comes back as it was, but for members that disappear, and objects where nobody says that they go."""
    delta = Delta(all_named, Limits())
    before: dict[str, dict[str, Any]] = {}
    expected: dict[str, dict[str, Any]] = {}
    for number, content in enumerate(reports, 1):
        report = {
            id: {"type": _KINDS[id], "timestamp": 1000 * number - age}
            | {name: value for name, value in members.items() if id == "B" or not isinstance(value, dict)}
            for id, (members, age) in content.items()
        }
        # Without a word about what goes, the client sends what comes back as changes to what it was.
        removed, _ = delta.merge(changes(before, report, all_named))
        gone = expected.keys() - report.keys() if all_named else set()
        before = report if all_named else {**before, **report}
        for id in gone:
            del expected[id]
        assert set(removed) == gone
        for id, members in report.items():
            flat = expected.setdefault(id, {})
            for name, value in members.items():
                if isinstance(value, dict):
                    flat |= {f"{name}.{key}": each for key, each in value.items()}
                elif name != "timestamp":
                    flat[name] = value

        kept = {
            id: {name: value for name, value in members.items() if name != "timestamp"}
            for id, members in delta.base.items()
        }
        assert kept == expected
