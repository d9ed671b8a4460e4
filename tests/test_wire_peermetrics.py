"""peermetrics' API: a whole call with its answers, what its library makes of statistics, and tickets."""

# ruff: noqa: E501  (documents and rows, one per line)

import base64
import json
from typing import Any

import pytest

from rtc_exporter.errors import ClientError, LimitError, Reason
from rtc_exporter.limits import Limits
from rtc_exporter.model import Event, Joined, Left, Member, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.wire import peermetrics
from rtc_exporter.wire.decoder import Request
from rtc_exporter.wire.peermetrics import Decoder, Ticket
from tests import clients

KEY = ParticipantKey("call", "ada")
NOW = 1_795_175_436.0


def ask(decoder: Decoder, method: str, path: str, body: object, now: float = NOW) -> tuple[Any, list[Record]]:
    """One request: the answer, and what it tells."""
    records = decoder.receive(Request(method, path, json.dumps(body).encode()).frame(), now)
    (answer,) = decoder.replies
    return json.loads(answer), records


def test_a_call_from_beginning_to_end() -> None:
    """What the client sends in the order in which it sends it; every answer is JSON, and it goes on with what they say."""
    decoder = Decoder(ParticipantKey("session-1", "participant-1"), claimed=False)
    key = ParticipantKey("standup", "u1")
    names = {"conferenceId": "standup", "conferenceName": "Stand-up", "userId": "u1", "userName": "Ada", "apiKey": "k"}

    answer, records = ask(decoder, "POST", "/initialize", names)
    token = answer.pop("token")
    assert answer == {"getStatsInterval": 5000, "batchConnectionEvents": False, "time": int(NOW * 1000)}
    assert records == [Joined(key, NOW, {})]
    assert Ticket.of(Request("POST", "/stats", json.dumps({"token": token}).encode()).frame()) == ("k", "standup", "u1")

    platform = {"browser": {"name": "Chrome", "version": "150.0"}, "os": {"name": "Linux"}, "ua": "x"}
    body = {"token": token, "platform": platform, "constraints": {}, "devices": [{"label": "Mic"}], "appVersion": "2.1"}
    answer, records = ask(decoder, "POST", "/sessions", body)
    assert answer == {"token": token}
    assert records == [Joined(key, NOW, {
        "user_agent.name": "Chrome", "user_agent.version": "150.0", "user_agent.os.name": "Linux", "rtc.app.version": "2.1",
    })]  # fmt: skip
    assert ask(decoder, "PUT", "/sessions", {"token": token, "devices": []}) == ({}, [])

    body = {"token": token, "eventName": "getUserMedia", "data": {"constraints": {"audio": True}}, "delta": 250}
    assert ask(decoder, "POST", "/events/get-user-media", body) == (
        {}, [Event(PeerConnectionKey(*key, ""), NOW - 0.25, "getUserMedia", {"audio": True, "video": False})],
    )  # fmt: skip

    added = {"token": token, "eventName": "addConnection", "peerId": "sfu", "peerName": "SFU", "connectionState": "new"}
    answer, (create,) = ask(decoder, "POST", "/connection", added)
    connection = answer["connection_id"]
    whose = PeerConnectionKey(*key, connection)
    assert answer == {"peer_id": "sfu", "connection_id": connection}
    assert create == Event(whose, NOW, "create", {})
    assert ask(decoder, "POST", "/connection", added)[0]["connection_id"] != connection

    at = {"token": token, "peerId": "sfu", "connectionId": connection}
    for data in ("connected", {"connectionState": "connected"}):
        body = {**at, "eventName": "onconnectionstatechange", "data": data}
        assert ask(decoder, "POST", "/connection", body)[1] == [
            Event(whose, NOW, "connectionstatechange", {"state": "connected"})
        ]
    body = {**at, "event": "ontrack", "trackId": "t1", "data": {"kind": "video"}}
    assert ask(decoder, "POST", "/tracks", body) == ({}, [Event(whose, NOW, "track", {"kind": "video", "track": "t1"})])
    assert ask(decoder, "PUT", "/tracks", {**at, "event": "mute", "trackId": "t1"})[1] == [
        Event(whose, NOW, "mute", {"track": "t1"})
    ]

    told = clients.parsed()
    answer, (report,) = ask(decoder, "POST", "/stats", {**at, "data": told[5]["data"], "timeTaken": 3})
    assert answer == {}
    assert isinstance(report, Report)
    assert report.key == whose

    assert ask(decoder, "POST", "/connection", {**at, "eventName": "removeConnection"})[1] == [
        Event(whose, NOW, "close", {})
    ]
    assert ask(decoder, "POST", "/events/browser", {"token": token, "eventName": "endCall"}) == (
        {}, [Left(key, NOW, "left")],
    )  # fmt: skip


# fmt: off
PAGE: list[tuple[str, dict[str, Any], list[tuple[str, dict[str, Member]]]]] = [
    ("/events/browser", {"eventName": "tabFocus", "focus": True}, [("visibilitychange", {"flag": True})]),
    ("/events/browser", {"eventName": "mediaDeviceChange", "devices": [{"label": "Mic"}]}, [("devicechange", {})]),
    ("/events/browser", {"eventName": "custom", "data": {"secret": "x"}}, []),
    ("/events/browser", {"eventName": "beforeunload"}, []),
    ("/events/get-user-media", {"data": {"error": {"name": "NotFoundError", "message": "Ada"}}}, [("getUserMediaOnFailure", {"error": "NotFoundError"})]),
    ("/events/get-user-media", {"data": {"audio": {"id": "x"}, "label": "Mic"}}, [("getUserMediaOnSuccess", {"audio": True, "video": False})]),
]
# fmt: on


@pytest.mark.parametrize(("path", "body", "want"), PAGE)
def test_events_of_the_page(path: str, body: dict[str, Any], want: list[tuple[str, dict[str, Member]]]) -> None:
    """``tabFocus`` says true when the page is hidden."""
    answer, records = ask(Decoder(KEY), "POST", path, body)

    assert answer == {}
    assert records == [Event(PeerConnectionKey(*KEY, ""), NOW, name, facts) for name, facts in want]


@pytest.mark.parametrize("index", [0, 10, 31])
def test_statistics_are_taken_apart_again(index: int) -> None:
    """What the library has merged into streams becomes what the browser had told, as far as it kept it."""
    told = clients.parsed()[index]
    _, truth = clients.page("healthy-jitsi-cr.p1")[index]
    _, records = ask(Decoder(KEY), "POST", "/stats", {"connectionId": "c", "data": told["data"]})

    if index == 0:
        assert records == [], "nothing was connected yet"
        return
    (report,) = records
    assert isinstance(report, Report)
    types = {members["type"] for members in report.stats.values()}
    assert {"inbound-rtp", "outbound-rtp", "codec", "media-source", "candidate-pair", "local-candidate"} <= types
    assert {"remote-inbound-rtp", "remote-outbound-rtp", "remote-candidate"} <= types
    channels = dict(report.stats["peer-connection"])
    assert channels == {"type": "peer-connection", "dataChannelsOpened": 1, "dataChannelsClosed": 0}
    for id, members in report.stats.items():
        if id == "peer-connection":
            continue
        for member, value in members.items():
            record, dot, part = member.partition(".")
            if member == "timestamp":
                assert value == truth[id]["timestamp"] / 1000
            elif member != "selected":
                assert value == (truth[id][record][part] if dot else truth[id][member]), (id, member)


def test_events_that_have_waited_happened_then() -> None:
    """``delta`` is how long, in milliseconds; what cannot be is not believed."""
    for delta, time in ((250, NOW - 0.25), (-5, NOW), ("x", NOW), (1e12, NOW), (True, NOW)):
        body = {"eventName": "tabFocus", "focus": False, "delta": delta}
        (event,) = ask(Decoder(KEY), "POST", "/events/browser", body)[1]
        assert event.time == time


def test_who_has_a_token_is_whom_it_names() -> None:
    """Whatever the names in the first body."""
    decoder = Decoder(KEY)
    answer, records = ask(decoder, "POST", "/initialize", {"conferenceId": "x", "userId": "y", "apiKey": "a.b.c"})

    assert records == [Joined(KEY, NOW, {})]
    frame = Request("POST", "/stats", json.dumps({"token": answer["token"]}).encode()).frame()
    assert peermetrics.credential(frame) == "a.b.c"
    assert peermetrics.named(frame) == KEY


def test_a_client_without_names_keeps_those_that_were_made_up() -> None:
    """They are in its ticket."""
    decoder = Decoder(ParticipantKey("session-1", "participant-1"), claimed=False)
    token = ask(decoder, "POST", "/initialize", {"apiKey": "k"})[0]["token"]
    frame = Request("POST", "/stats", json.dumps({"token": token}).encode()).frame()

    assert peermetrics.named(frame) == ("session-1", "participant-1")


def ticket(*parts: object) -> str:
    """What somebody may make up."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


@pytest.mark.parametrize(
    ("method", "path", "body", "reason"),
    [
        ("POST", "/nothing", {}, Reason.BAD_FRAME), ("GET", "/stats", {}, Reason.BAD_FRAME),
        ("DELETE", "/sessions", {}, Reason.BAD_FRAME), ("POST", "/stats", [], Reason.BAD_FRAME),
        ("POST", "/connection/batch", [{"eventName": "x"}], Reason.BAD_FRAME),
        ("POST", "/stats", {"data": {}}, Reason.BAD_FRAME), ("POST", "/stats", {"connectionId": 5}, Reason.BAD_FRAME),
        ("POST", "/tracks", {"event": "mute"}, Reason.BAD_FRAME),
        ("POST", "/stats", {"token": "!"}, Reason.BAD_IDENTITY), ("POST", "/stats", {"token": "YWJj"}, Reason.BAD_IDENTITY),
        ("POST", "/stats", {"token": ticket("a", "b")}, Reason.BAD_IDENTITY),
        ("POST", "/stats", {"token": ticket("a", "b", 5)}, Reason.BAD_IDENTITY),
        ("POST", "/connection", {"eventName": "onconnectionstatechange"}, Reason.BAD_FRAME),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(method: str, path: str, body: object, reason: Reason) -> None:
    """And the decoder goes on."""
    decoder = Decoder(KEY)
    with pytest.raises(ClientError) as refusal:
        ask(decoder, method, path, body)
    assert refusal.value.reason is reason
    assert ask(decoder, "PUT", "/sessions", {}) == ({}, [])


def test_connections_are_bounded() -> None:
    """By the same number as everywhere."""
    decoder = Decoder(KEY, limits=Limits(peer_connections=1))
    data = clients.parsed()[5]["data"]
    ask(decoder, "POST", "/stats", {"connectionId": "a", "data": data})
    streams = {"audio": {"inbound": [{"id": "I"}] * 2001}}
    with pytest.raises(LimitError):
        ask(decoder, "POST", "/stats", {"connectionId": "a", "data": streams})
    with pytest.raises(LimitError):
        ask(decoder, "POST", "/stats", {"connectionId": "b", "data": data})
