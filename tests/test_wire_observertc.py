"""ObserveRTC's samples: statistics by stats type, events and issues of two generations, and who they name."""

# ruff: noqa: E501  (documents and rows, one per line)

import json
from typing import Any

import pytest

from rtc_exporter.errors import ClientError, LimitError, Reason
from rtc_exporter.limits import Limits
from rtc_exporter.model import Event, Joined, Left, Member, Members, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.wire import observertc
from rtc_exporter.wire.observertc import Decoder
from tests import clients

KEY = ParticipantKey("call", "ada")
NOW = 1_795_171_700.0
T = 1_795_171_697_250
PC = PeerConnectionKey("call", "ada", "pc-1")

#: A sample as schema 3.3 has it.
SAMPLE: dict[str, Any] = {
    "clientId": "client-1", "timestamp": T, "callId": "call-1", "attachments": {"roomId": "r1"}, "score": 0,
    "peerConnections": [{
        "peerConnectionId": "pc-1", "score": 4.2, "scoreReasons": "{}",
        "codecs": [{"id": "C1", "timestamp": T, "payloadType": 111, "mimeType": "audio/opus", "clockRate": 48000}],
        "inboundRtps": [{"timestamp": T, "id": "IT1", "ssrc": 42, "kind": "audio", "codecId": "C1", "packetsReceived": 200}],
        "outboundRtps": [], "remoteInboundRtps": [{"timestamp": T - 600, "id": "RI1", "roundTripTime": 0.02}],
        "iceTransports": [{"id": "T01", "timestamp": T, "dtlsState": "connected", "selectedCandidatePairId": "CP1"}],
        "iceCandidates": [
            {"id": "L", "timestamp": T, "candidateType": "host", "address": "10.0.0.1"},
            {"id": "R", "timestamp": T, "candidateType": "relay"},
        ],
        "iceCandidatePairs": [{"id": "CP1", "timestamp": T, "localCandidateId": "L", "remoteCandidateId": "R",
                               "state": "succeeded", "nominated": True}],
        "inboundTracks": [{"id": "t", "timestamp": T, "kind": "audio", "score": 3}], "certificates": [],
    }],
    "clientEvents": [], "clientMetaItems": [], "clientIssues": [], "extensionStats": [{"type": "x", "payload": "{}"}],
}  # fmt: skip


def send(decoder: Decoder, *documents: object) -> list[Record]:
    """Send documents; all records."""
    return [record for document in documents for record in decoder.receive(json.dumps(document), NOW)]


def with_events(*events: dict[str, Any], key: str = "clientEvents") -> dict[str, Any]:
    """A sample with events alone."""
    return {"timestamp": T, key: list(events)}


def test_a_sample_is_a_report_of_each_peer_connection() -> None:
    """The array says which type its objects are of; candidates are told apart by the pairs that name them."""
    (report,) = send(Decoder(KEY), SAMPLE)

    assert isinstance(report, Report)
    assert (report.key, report.time, report.sent) == (PC, T / 1000, T / 1000)
    assert dict(report.stats) == {
        "C1": {"type": "codec", "mimeType": "audio/opus", "clockRate": 48000},
        "IT1": {"type": "inbound-rtp", "ssrc": 42, "kind": "audio", "codecId": "C1", "packetsReceived": 200},
        "RI1": {"type": "remote-inbound-rtp", "roundTripTime": 0.02, "timestamp": (T - 600) / 1000},
        "T01": {"type": "transport", "dtlsState": "connected", "selectedCandidatePairId": "CP1"},
        "L": {"type": "local-candidate", "candidateType": "host"},
        "R": {"type": "remote-candidate", "candidateType": "relay"},
        "CP1": {
            "type": "candidate-pair", "localCandidateId": "L", "remoteCandidateId": "R", "state": "succeeded",
            "nominated": True,
        },
    }  # fmt: skip


def test_an_object_that_is_absent_is_gone() -> None:
    """Samples are whole."""
    connection = SAMPLE["peerConnections"][0]
    later = {**connection, "inboundRtps": [], "iceTransports": [{"id": "T01", "timestamp": T + 2000}]}
    _, report = send(Decoder(KEY), SAMPLE, {**SAMPLE, "timestamp": T + 2000, "peerConnections": [later]})

    assert isinstance(report, Report)
    assert set(report.removed) == {"IT1"}


def test_the_same_statistics_are_no_new_report() -> None:
    """The last sample of a client repeats those of the one before: it was made when the call ended."""
    assert len(send(Decoder(KEY), SAMPLE, {**SAMPLE, "timestamp": T + 1201})) == 1


@pytest.mark.parametrize(
    "document", [SAMPLE, {"sample": SAMPLE}, {"clientMonitor": {"x": 1}, "sample": SAMPLE}, [SAMPLE], [{"sample": SAMPLE}]],
    ids=["bare", "wrapped", "as the library hands it out", "array", "array of wrapped ones"],
)  # fmt: skip
def test_every_shape_of_a_sample_is_read(document: object) -> None:
    """Applications forward what they are given, or what its documentation shows."""
    assert len(send(Decoder(KEY), document)) == 1


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({}, ("call-1", "client-1")), ({"callId": None}, ("session-1", "client-1")),
        ({"clientId": ""}, ("call-1", "participant-1")), ({"clientId": "x" * 129}, ("call-1", "participant-1")),
        ({"callId": "a\u0000b"}, ("session-1", "client-1")),
    ],
)  # fmt: skip
def test_the_sample_names_its_participant(changes: dict[str, Any], key: tuple[str, str]) -> None:
    """What is missing, or cannot be a name, is made up by the receiver."""
    (report,) = send(Decoder(ParticipantKey("session-1", "participant-1"), claimed=False), {**SAMPLE, **changes})

    assert isinstance(report, Report)
    assert report.key == (*key, "pc-1")
    assert send(Decoder(KEY), SAMPLE)[0].key == PC, "a token outranks it"


def test_a_body_says_whose_it_is() -> None:
    """The decoder of a client that posts is found by it."""
    assert observertc.named(json.dumps([SAMPLE, {**SAMPLE, "clientId": "a"}])) == ("call-1", "a")
    assert observertc.named(json.dumps({**SAMPLE, "callId": None})) is None


# fmt: off
EVENTS: list[tuple[str, dict[str, Any], tuple[str, str, dict[str, Member]] | None]] = [
    ("PEER_CONNECTION_OPENED", {"peerConnectionId": "pc-1", "iceConnectionState": "new"}, ("pc-1", "create", {})),
    ("PEER_CONNECTION_CLOSED", {"peerConnectionId": "pc-1"}, ("pc-1", "close", {})),
    ("PEER_CONNECTION_STATE_CHANGED", {"peerConnectionId": "pc-1", "connectionState": "connected"}, ("pc-1", "connectionstatechange", {"state": "connected"})),
    ("PEER_CONNECTION_STATE_CHANGED", {"peerConnectionId": "pc-1", "connectionState": "10.0.0.1"}, ("pc-1", "connectionstatechange", {})),
    ("ICE_CONNECTION_STATE_CHANGED", {"peerConnectionId": "pc-1", "iceConnectionState": "checking"}, ("pc-1", "iceconnectionstatechange", {"state": "checking"})),
    ("ICE_GATHERING_STATE_CHANGED", {"peerConnectionId": "pc-1", "iceGatheringState": "complete"}, ("pc-1", "icegatheringstatechange", {"state": "complete"})),
    ("SIGNALING_STATE_CHANGE", {"peerConnectionId": "pc-1", "signalingState": "stable"}, ("pc-1", "signalingstatechange", {"state": "stable"})),
    ("ICE_CANDIDATE_ERROR", {"peerConnectionId": "pc-1", "errorCode": 701, "url": "turn:x?transport=udp"}, ("pc-1", "icecandidateerror", {"scheme": "turn", "error": "701", "protocol": "udp"})),
    ("ICE_CANDIDATE", {"peerConnectionId": "pc-1", "candidate": "candidate:1 1 udp 1 10.0.0.1 5 typ srflx"}, ("pc-1", "icecandidate", {"type": "srflx", "protocol": "udp"})),
    ("MEDIA_TRACK_ADDED", {"peerConnectionId": "pc-1", "trackId": "t-1", "kind": "video", "label": "Cam"}, ("pc-1", "track", {"track": "t-1", "kind": "video"})),
    ("MEDIA_TRACK_MUTED", {"peerConnectionId": "pc-1", "trackId": "t-1"}, ("pc-1", "mute", {"track": "t-1"})),
    ("CAPTURE_TRACK_ENDED", {"trackId": "t-1"}, ("", "ended", {"track": "t-1"})),
    ("userRating", {"score": 4}, ("", "feedback", {"value": 4.0})),
    ("CODEC_CHANGED", {"peerConnectionId": "pc-1"}, None), ("PRODUCER_ADDED", {}, None), ("DATA_CONSUMER_CREATED", {}, None),
    ("CLIENT_JOINED", {}, None), ("my own", {"secret": "x"}, ("", "other", {})),
]
# fmt: on


@pytest.mark.parametrize(("kind", "payload", "want"), EVENTS, ids=[row[0] for row in EVENTS])
@pytest.mark.parametrize("as_text", [True, False], ids=["schema 3.3", "schema 3.5"])
def test_events_are_read_in_both_generations(
    kind: str, payload: dict[str, Any], want: tuple[str, str, dict[str, Member]] | None, as_text: bool
) -> None:
    """A payload is the text of an object, or an object."""
    event = {"type": kind, "payload": json.dumps(payload) if as_text else payload, "timestamp": T - 250}
    records = send(Decoder(KEY), with_events(event))

    if want is None:
        assert records == []
    else:
        peer, name, facts = want
        assert records == [Event(PeerConnectionKey(*KEY, peer), (T - 250) / 1000, name, facts)]


@pytest.mark.parametrize(
    ("issue", "facts"),
    [
        ({"type": "congestion", "key": "congestion-pc-1"}, {"issue": "congestion", "flag": True}),
        ({"type": "congestion-resolved", "key": "congestion-pc-1"}, {"issue": "congestion", "flag": False}),
        ({"type": "inbound-video-playout-discrepancy"}, {"issue": "inbound-video-playout-discrepancy", "flag": True}),
        ({"type": "Ada said: 10.0.0.1"}, {"flag": True}),
        ({"type": 5}, {"flag": True}),
    ],
)
def test_issues_are_events(issue: dict[str, Any], facts: dict[str, Member]) -> None:
    """One that is over comes once more; what is no word is not kept."""
    for payload in ('{"peerConnectionId":"pc-1"}', {"peerConnectionId": "pc-1"}):
        records = send(Decoder(KEY), with_events({**issue, "payload": payload, "timestamp": T}, key="clientIssues"))
        assert records == [Event(PC, T / 1000, "issue", facts)]


def test_an_error_of_get_user_media_is_one() -> None:
    """The library calls it an issue, or an item about the client."""
    row = {"type": "USER_MEDIA_ERROR", "payload": '{"name":"NotAllowedError","message":"Ada said no"}'}
    records = send(Decoder(KEY), with_events(row, key="clientIssues"))

    assert records == [
        Event(PeerConnectionKey(*KEY, ""), T / 1000, "getUserMediaOnFailure", {"error": "NotAllowedError"})
    ]


@pytest.mark.parametrize(
    ("item", "attributes"),
    [
        ({"type": "USER_AGENT_DATA", "payload": '{"ua":"Mozilla/5.0 X"}'}, {"user_agent.original": "Mozilla/5.0 X"}),
        ({"type": "USER_AGENT_DATA", "payload": {"browser": {"name": "Chrome", "version": "150.0.0.0"}, "os": {"name": "Linux"}}},
         {"user_agent.name": "Chrome", "user_agent.version": "150.0.0.0", "user_agent.os.name": "Linux"}),
        ({"type": "BROWSER", "payload": '{"name":"Firefox","version":"153.0"}'}, {"user_agent.name": "Firefox", "user_agent.version": "153.0"}),
        ({"type": "OPERATION_SYSTEM", "payload": '{"name":"Android"}'}, {"user_agent.os.name": "Android"}),
        ({"type": "MEDIA_DEVICE", "payload": '{"label":"Mic of Ada"}'}, {}), ({"type": "LOCAL_SDP", "payload": "v=0"}, {}),
        ({"type": "BROWSER", "payload": '{"name":"<script>"}'}, {}),
    ],
)  # fmt: skip
def test_what_the_client_says_of_itself(item: dict[str, Any], attributes: dict[str, str]) -> None:
    """Browser and operating system; devices and descriptions stay behind."""
    records = send(Decoder(KEY), with_events(item, key="clientMetaItems"))

    assert records == ([Joined(KEY, T / 1000, attributes)] if attributes else [])


def test_who_says_good_bye_has_left() -> None:
    """After everything else that the sample tells."""
    records = send(Decoder(KEY), {**SAMPLE, "clientEvents": [{"type": "CLIENT_LEFT", "payload": "{}", "timestamp": T}]})

    assert [type(record) for record in records] == [Report, Left]
    assert records[-1] == Left(KEY, T / 1000, "left")


def test_schema_2_is_taken_and_not_read() -> None:
    """Flat samples of 2022 are nobody's fault."""
    assert send(Decoder(KEY), {"clientId": "c", "roomId": "r", "pcTransports": [{}], "inboundAudioTracks": [{}]}) == []


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({}, Reason.BAD_FRAME), ([], Reason.BAD_FRAME), ([SAMPLE, {}], Reason.BAD_FRAME), ("x", Reason.BAD_FRAME),
        ({**SAMPLE, "timestamp": "now"}, Reason.BAD_TIME), ({"sample": 5}, Reason.BAD_FRAME),
        ({"peerConnections": [{}]}, Reason.BAD_FRAME), ({"peerConnections": [5]}, Reason.BAD_FRAME),
        ({"peerConnections": [{"peerConnectionId": "x" * 129}]}, Reason.BAD_FRAME),
        (with_events({"type": "PEER_CONNECTION_OPENED", "payload": "{}"}), Reason.BAD_FRAME),
    ],
)  # fmt: skip
def test_what_is_no_sample_is_refused(document: object, reason: Reason) -> None:
    """As a whole; the decoder goes on."""
    decoder = Decoder(KEY)
    with pytest.raises(ClientError) as refusal:
        send(decoder, document)
    assert refusal.value.reason is reason
    assert len(send(decoder, SAMPLE)) == 1


def test_participants_connections_and_events_are_bounded() -> None:
    """Each by its own bound."""
    decoder = Decoder(KEY, limits=Limits(peer_connections=1))
    send(decoder, SAMPLE)
    with pytest.raises(LimitError):
        send(decoder, {**SAMPLE, "peerConnections": [{**SAMPLE["peerConnections"][0], "peerConnectionId": "pc-2"}]})
    with pytest.raises(LimitError):
        send(decoder, with_events(*[{"type": "x"}] * (observertc.TOLD + 1)))
    decoder = Decoder(KEY, claimed=False)
    for number in range(observertc.PARTICIPANTS):
        send(decoder, {"callId": "c", "clientId": str(number)})
    with pytest.raises(LimitError):
        send(decoder, {"callId": "c", "clientId": "more"})


@pytest.mark.parametrize("name", ["healthy-monitor-cr.p1", "healthy-monitor-cr.p2"])
def test_a_recorded_call_ends_with_what_the_client_told(name: str) -> None:
    """Every kept member of every object of the last sample."""
    decoder = Decoder(KEY)
    last: dict[str, Members] = {}
    for frame in clients.frames(name):
        for told in decoder.receive(frame, NOW):
            last = dict(told.stats) if isinstance(told, Report) else last
    want = clients.last_told(name)

    assert set(want) <= set(last)
    for id, members in want.items():
        for member, value in last[id].items():
            record, dot, part = member.partition(".")
            if member != "timestamp":
                assert value == (members[record][part] if dot else members[member])
