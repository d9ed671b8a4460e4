"""Plain JSON: documents, identity, and the example of its description."""

# ruff: noqa: E501  (documents, one per line)

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rtc_exporter.errors import ClientError, FrameError, LimitError, Reason
from rtc_exporter.limits import Limits
from rtc_exporter.model import Event, Joined, Left, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.wire import choose, plain, sniff
from rtc_exporter.wire.plain import Decoder, documents

KEY = ParticipantKey("call", "ada")
NOW = 1_760_000_010.0
T0 = 1_760_000_000_000

TRANSPORT = {"type": "transport", "timestamp": T0, "bytesSent": 10}


def send(decoder: Decoder, *rows: dict[str, Any], now: float = NOW) -> list[Record]:
    """Send documents; all records."""
    return [record for row in rows for record in decoder.receive(json.dumps(row), now)]


def reports(records: list[Record]) -> list[Report]:
    """Only the reports."""
    return [record for record in records if isinstance(record, Report)]


def test_the_example_of_the_description_is_right() -> None:
    """What the page shows gives what the page says."""
    page = (Path(__file__).parent.parent / "docs" / "plain-json.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    decoder = Decoder(ParticipantKey("", "1"), claimed=False)

    joined, create, state, report, feedback = decoder.receive(example, NOW)

    assert joined == Joined(
        ParticipantKey("standup", "ada"), T0 / 1000 + 2, {"rtc.app.name": "field-app", "rtc.app.version": "2.1.0"}
    )
    assert create == Event(PeerConnectionKey("standup", "ada", "publisher"), T0 / 1000, "create", {"relay_only": False})
    assert state == Event(
        PeerConnectionKey("standup", "ada", "publisher"),
        T0 / 1000 + 0.9,
        "connectionstatechange",
        {"state": "connected"},
    )
    assert isinstance(report, Report)
    assert (report.time, report.sent, sorted(report.stats)) == (T0 / 1000 + 2.0005, T0 / 1000 + 2, ["OT01A1", "T01"])
    assert feedback == Event(PeerConnectionKey("standup", "ada", ""), T0 / 1000 + 2, "feedback", {"value": 4.0})
    assert sniff(example).name == "json"
    assert decoder.receive(example, NOW) == []


@pytest.mark.parametrize(
    "stats",
    [[{"id": "T01", **TRANSPORT}], {"T01": TRANSPORT}, {"T01": {"id": "T01", **TRANSPORT}}, [["T01", TRANSPORT]]],
    ids=["array", "object", "object with ids", "entries of a Map"],
)
def test_every_shape_of_a_report_is_read(stats: object) -> None:
    """What JavaScript, and what other languages make of an RTCStatsReport."""
    (report,) = reports(send(Decoder(KEY), {"stats": stats}))

    assert dict(report.stats) == {"T01": {"type": "transport", "bytesSent": 10}}
    assert (report.key, report.time, report.sent) == ((*KEY, "PC_0"), T0 / 1000, NOW)


def test_what_a_report_lacks_has_been_removed() -> None:
    """Each peer connection has its own report before."""
    decoder = Decoder(KEY)
    inbound = {"type": "inbound-rtp", "timestamp": T0 - 50, "packetsReceived": 5}
    send(decoder, {"stats": {"T01": TRANSPORT, "I1": inbound}}, {"peer_connection": "b", "stats": {"I1": inbound}})

    first, second = reports(
        send(decoder, {"reports": [{"stats": {"T01": TRANSPORT}}, {"peer_connection": "b", "stats": {"I1": inbound}}]})
    )

    assert dict(first.removed) == {"I1": {"type": "inbound-rtp", "packetsReceived": 5, "timestamp": T0 / 1000 - 0.05}}
    assert not second.removed


def test_times_come_from_the_nearest() -> None:
    """An event's own time, else the document's, else that of arrival."""
    told = send(Decoder(KEY), {"time": T0, "events": [{"name": "mute", "time": T0 + 5}, {"name": "unmute"}]})
    told += send(Decoder(KEY), {"events": [{"name": "ended"}]})

    assert [(record.time, record.name) for record in told if isinstance(record, Event)] == [
        (T0 / 1000, "unmute"), (T0 / 1000 + 0.005, "mute"), (NOW, "ended"),
    ]  # fmt: skip


# fmt: off
EVENTS: list[tuple[dict[str, Any], str, dict[str, object]]] = [
    ({"name": "connectionstatechange", "state": "failed", "peer_connection": "a"}, "connectionstatechange", {"state": "failed"}),
    ({"name": "onconnectionstatechange", "state": "stable", "peer_connection": "a"}, "connectionstatechange", {}),
    ({"name": "getUserMediaOnFailure", "error": "NotAllowedError: ada said no", "call": "1"}, "getUserMediaOnFailure", {"error": "NotAllowedError", "call": "1"}),
    ({"name": "getUserMediaOnFailure", "error": "ada said no"}, "getUserMediaOnFailure", {"error": "_OTHER"}),
    ({"name": "icecandidateerror", "error": 701, "scheme": "turns", "protocol": "tcp"}, "icecandidateerror", {"error": "701", "scheme": "turns", "protocol": "tcp"}),
    ({"name": "networkchange", "type": "wifi", "downlink": 1250000, "rtt": 0.05}, "networkchange", {"type": "wifi", "downlink": 1250000.0, "rtt": 0.05}),
    ({"name": "visibilitychange", "flag": True, "kind": "page", "issue": "free text"}, "visibilitychange", {"flag": True}),
    ({"name": "feedback", "value": 11, "issue": "echo"}, "feedback", {"issue": "echo"}),
    ({"name": "feedback", "stars": 3}, "feedback", {"value": 3.0}),
    ({"name": "create"}, "createPage", {}),
    ({"name": "my own", "track": "a b", "value": "5"}, "other", {}),
    ({"name": "track", "kind": "audio", "track": "turn:x", "label": "Mic"}, "track", {"kind": "audio"}),
]
# fmt: on


@pytest.mark.parametrize(("row", "name", "facts"), EVENTS)
def test_events_bring_facts_by_name(row: dict[str, Any], name: str, facts: dict[str, object]) -> None:
    """Each fact is checked; what does not pass is absent."""
    (event,) = send(Decoder(KEY), {"events": [row]})

    assert isinstance(event, Event)
    assert (event.name, event.facts) == (name, facts)


def test_a_claim_outranks_the_payload() -> None:
    """Who has a token speaks for nobody else."""
    (event,) = send(Decoder(KEY), {"session": "other", "participant": "eve", "events": [{"name": "mute"}]})

    assert event.key == (*KEY, "")


def test_without_a_claim_the_payload_says_whose_it_is() -> None:
    """One connection may speak for several participants, and what it leaves open is as the connection says."""
    decoder = Decoder(KEY, claimed=False)
    inbound = {"I1": {"type": "inbound-rtp", "timestamp": T0}}
    keys = []
    for row in ({"participant": "bob"}, {"session": "s2"}, {"session": "s2", "participant": "bob"}, {}):
        (report,) = reports(send(decoder, {**row, "stats": inbound}))
        keys.append(report.key[:2])
        assert decoder.key == report.key[:2]

    assert keys == [("call", "bob"), ("s2", "ada"), ("s2", "bob"), ("call", "ada")]
    (report,) = reports(send(decoder, {"participant": "bob", "stats": {}, "time": T0 + 1000}))
    assert set(report.removed) == {"I1"}


def test_documents_tell_whose_they_are_before_a_decoder_is_chosen() -> None:
    """One object, an array, or one per line; each with the participant it names."""
    one, two = {"left": True}, {"session": "s", "participant": "p", "events": []}
    lines = f"{json.dumps(one)}\n\n{json.dumps(two)}\n"

    expected = [(None, one), (ParticipantKey("s", "p"), two)]
    assert documents(json.dumps([one, two])) == documents(lines) == documents(lines.encode()) == expected
    assert documents(json.dumps({"participant": "p", "left": True})) == [
        (ParticipantKey("", "p"), {"participant": "p", "left": True})
    ]


def test_a_repeated_document_is_taken_once() -> None:
    """Number and time together make a repetition; without a time nothing is known to be one."""
    decoder = Decoder(KEY)
    row = {"seq": 1, "time": T0, "events": [{"name": "mute"}]}

    assert [len(send(decoder, each)) for each in (row, row, {**row, "time": T0 + 1}, {**row, "seq": 2})] == [1, 0, 1, 1]
    timeless = {"seq": 1, "events": [{"name": "mute"}]}
    assert [len(send(decoder, timeless)) for _ in range(2)] == [1, 1]


def test_attributes_are_told_when_they_are_new() -> None:
    """The application's name and version, and the user agent, each once."""
    decoder = Decoder(KEY)
    app = {"app": {"name": "field", "version": "1"}}
    first, second, third, fourth = (
        send(decoder, row) for row in (app, app, {"user_agent": "UA"}, {"app": {"version": "2", "name": 5}})
    )

    assert first == [Joined(KEY, NOW, {"rtc.app.name": "field", "rtc.app.version": "1"})]
    assert second == []
    assert third == [Joined(KEY, NOW, {"rtc.app.name": "field", "rtc.app.version": "1", "user_agent.original": "UA"})]
    assert fourth == [Joined(KEY, NOW, {"rtc.app.name": "field", "rtc.app.version": "2", "user_agent.original": "UA"})]


def test_a_participant_leaves_by_saying_so() -> None:
    """Afterwards nothing is known of its reports."""
    decoder = Decoder(KEY)
    inbound = {"I1": {"type": "inbound-rtp", "timestamp": T0}}
    send(decoder, {"stats": inbound})

    assert send(decoder, {"left": True, "time": T0}) == [Left(KEY, T0 / 1000, "left")]
    assert not reports(send(decoder, {"stats": {}, "time": T0 + 1}))[0].removed


def test_a_closed_or_new_peer_connection_has_no_report_before() -> None:
    """After ``close`` or ``create`` nothing is missing."""
    inbound = {"I1": {"type": "inbound-rtp", "timestamp": T0}}
    for name in ("close", "create"):
        decoder = Decoder(KEY)
        send(decoder, {"peer_connection": "a", "stats": inbound}, {"events": [{"name": name, "peer_connection": "a"}]})
        (report,) = reports(send(decoder, {"peer_connection": "a", "stats": {}, "time": T0 + 1}))
        assert not report.removed


def test_a_new_connection_goes_on_with_the_reports_before() -> None:
    """What went away meanwhile is noticed, and names stay."""
    before, after = Decoder(KEY, page=1), Decoder(KEY, page=2)
    send(before, {"stats": {"I1": {"type": "inbound-rtp", "timestamp": T0}}})
    after.adopt(before)

    (report,) = reports(send(after, {"stats": {}, "time": T0 + 1000}))

    assert (report.key.peer_connection, set(report.removed)) == ("PC_0", {"I1"})


# fmt: off
REFUSED: list[tuple[str, Reason]] = [
    ("", Reason.BAD_JSON),
    ("{", Reason.BAD_JSON),
    ("[1]", Reason.BAD_FRAME),
    ("{}", Reason.BAD_FRAME),
    ('{"foo":1}', Reason.BAD_FRAME),
    ('{"stats":5}', Reason.BAD_STATS),
    ('{"stats":{},"time":"now"}', Reason.BAD_TIME),
    ('{"stats":{},"time":-1}', Reason.BAD_TIME),
    ('{"stats":{},"peer_connection":5}', Reason.BAD_FRAME),
    ('{"reports":[5]}', Reason.BAD_FRAME),
    ('{"reports":[{"peer_connection":"a"}]}', Reason.BAD_STATS),
    ('{"events":[{}]}', Reason.BAD_FRAME),
    ('{"events":["x"]}', Reason.BAD_FRAME),
    ('{"events":[{"name":"mute","time":true}]}', Reason.BAD_TIME),
    ('{"left":true,"session":5}', Reason.BAD_IDENTITY),
    ('{"left":true,"participant":"a\\nb"}', Reason.BAD_IDENTITY),
    (json.dumps({"left": True, "participant": "x" * 129}), Reason.BAD_IDENTITY),
    ('{"left":true}\n{', Reason.BAD_JSON),
    ("[" * 40 + "]" * 40, Reason.BAD_JSON),
    ('{"left":' + " " * (1 << 20) + "true}", Reason.TOO_LARGE),
]
# fmt: on


@pytest.mark.parametrize(("frame", "reason"), REFUSED, ids=[row[0][:40] for row in REFUSED])
def test_a_bad_document_is_refused_with_its_reason(frame: str, reason: Reason) -> None:
    """Each way in which a document can be wrong has its reason."""
    with pytest.raises(ClientError) as refusal:
        Decoder(KEY).receive(frame, NOW)
    assert refusal.value.reason is reason


def test_a_document_is_used_as_a_whole_or_not_at_all() -> None:
    """A bad event refuses the report beside it, and the next document finds everything as it was."""
    decoder = Decoder(KEY)
    send(decoder, {"stats": {"T01": TRANSPORT}})
    with pytest.raises(FrameError):
        send(decoder, {"stats": {}, "time": T0, "events": [{}]})

    (report,) = reports(send(decoder, {"stats": {}, "time": T0 + 1000}))

    assert set(report.removed) == {"T01"}


def test_a_body_may_be_larger_than_a_frame() -> None:
    """A POST holds several reports; a WebSocket frame one."""
    body = json.dumps({"left": True, "ignored": "x" * (2 << 20)})

    assert Decoder(KEY).receive(body.encode(), NOW)
    with pytest.raises(LimitError):
        Decoder(KEY).receive(body, NOW)


def test_counts_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peer connections, stats objects, and participants of one connection."""
    small = Limits(peer_connections=2, stats=3)
    three = {"events": [{"name": "create", "peer_connection": name} for name in "abc"]}
    four = {"stats": {str(n): {"type": "codec"} for n in range(4)}}
    for row in (three, four):
        with pytest.raises(LimitError):
            send(Decoder(KEY, limits=small), row)

    monkeypatch.setattr(plain, "PARTICIPANTS", 2)
    decoder = Decoder(KEY, claimed=False)
    for name in "ab":
        send(decoder, {"participant": name, "events": []})
    with pytest.raises(LimitError):
        send(decoder, {"participant": "c", "events": []})


@pytest.mark.parametrize(
    ("offered", "name"),
    [
        (["rtcstats#5.0"], "rtcstats"), (["rtcstats#4.0", "x"], "rtcstats"), (["x", "rtcstats#5.0"], None),
        ([], None), (["rtcstats#"], None), ([""], None), (["2.0"], "rtcstats-legacy"), (["2.0_STANDARD"], "jitsi"),
        (["3.0"], "jitsi"), (["3.1_STANDARD"], "jitsi"), (["3.1_LEGACY"], "jitsi"), (["3.0_JVB"], "jitsi-service"),
        (["1.0_JICOFO"], "jitsi-service"), (["1.0_JIGASI"], "jitsi-service"), (["1.0_JIBRI"], "jitsi-service"),
        (["3.0_OTHER"], None), (["clientsample"], "observertc"),
    ],
)  # fmt: skip
def test_the_first_subprotocol_chooses(offered: list[str], name: str | None) -> None:
    """Clients offer one; a second one is not looked at."""
    form = choose(offered)
    assert (form.name if form else None) == name


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        ('[39,null,{},5]', "rtcstats"), ('["g","PC_0",{},5]', "rtcstats"), ('{"stats":[]}', "json"),
        ('[{"left":true}]', "json"), ('{"events":[]}', "json"),
        ('["create","PC_0",{},5]', "rtcstats-legacy"), ('{"statsSessionId":"x"}', "jitsi"),
        ('{"peerConnections":[]}', "observertc"), ('[{"clientEvents":[]}]', "observertc"),
        ('{"clientMonitor":{},"sample":{"callId":"c"}}', "observertc"), ('{"sample":{"stats":[]}}', None),
        ("[true,null,{},5]", None), ("5", None), ("[]", None), ("[39]", None), ('["create","PC_0",{}]', None),
    ],
)  # fmt: skip
def test_the_first_frame_tells_the_format(frame: str, name: str | None) -> None:
    """Without a subprotocol; what is of no known format is refused as such."""
    if name is not None:
        assert sniff(frame).name == name
        return
    with pytest.raises(FrameError) as refusal:
        sniff(frame)
    assert refusal.value.reason is Reason.UNKNOWN_FORMAT
