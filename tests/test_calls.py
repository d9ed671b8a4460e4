"""Many calls in one page: by what the application says, and by silence."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtc_exporter import wire
from rtc_exporter.app.intake import Connection, Intake
from rtc_exporter.auth import Identity
from rtc_exporter.calls import CLIENTS, FOLLOWED, KEPT, Calls, named
from rtc_exporter.config import Config
from rtc_exporter.limits import ID_LENGTH
from rtc_exporter.model import Event, Joined, Left, Member, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.tenants import Tenants
from tests.judging import OBJECTS

NOW = 1_760_000_000.0

WHO = ParticipantKey("softphone-7", "agent")
PC = PeerConnectionKey(*WHO, "PC_0")
PAGE = PeerConnectionKey(*WHO, "")
BROWSER = {"user_agent.name": "Chrome"}


def event(name: str, time: float, key: PeerConnectionKey = PAGE, **facts: Member) -> Event:
    return Event(key, time, name, facts)


def report(time: float, packets: float, key: PeerConnectionKey = PC) -> Report:
    return Report(key, time, time, {"audio": {**OBJECTS["audio"], "packetsReceived": packets}}, {})


def told(calls: Calls, records: Sequence[Record]) -> list[tuple[str, str, object]]:
    """What comes out, in short: kind of record, session, and what tells it from others."""
    found: list[tuple[str, str, object]] = []
    for record in calls.place(records):
        match record:
            case Joined():
                found.append(("joined", record.key.session, dict(record.attributes)))
            case Left():
                found.append(("left", record.key.session, record.reason))
            case Event():
                found.append(("event", record.key.session, record.name))
            case Report():
                found.append(("report", record.key.session, record.time))
    return found


def test_one_call_is_as_it_comes() -> None:
    """Who says nothing of calls, and has no silence that ends them, is passed through untouched."""
    records: list[Record] = [Joined(WHO, 1.0, BROWSER), report(2.0, 10), event("feedback", 3.0), report(1e6, 10)]

    assert list(Calls().place(records)) == records


def test_a_call_that_the_application_begins_is_a_session_of_its_own() -> None:
    """The client leaves the one before, and comes with what it told of itself; its records follow."""
    calls = Calls(idle=1.0)
    assert told(calls, [Joined(WHO, 1.0, BROWSER), report(2.0, 10)])[-1] == ("report", "softphone-7", 2.0)

    assert told(calls, [event("callstart", 3.0, session="c-1"), report(4.0, 20)]) == [
        ("left", "softphone-7", "left"), ("joined", "softphone-7.c-1", BROWSER), ("report", "softphone-7.c-1", 4.0),
    ]  # fmt: skip
    # The next one without an end in between, and one without a name.
    assert told(calls, [event("callstart", 5.0, session="c-2"), event("callstart", 6.0)]) == [
        ("left", "softphone-7.c-1", "left"), ("joined", "softphone-7.c-2", BROWSER),
        ("left", "softphone-7.c-2", "left"), ("joined", "softphone-7.4", BROWSER),
    ]  # fmt: skip


def test_between_calls_nothing_is_counted() -> None:
    """Reports go on, the peer connection is kept open; what is left out is known."""
    calls = Calls()
    told(calls, [Joined(WHO, 1.0, BROWSER), event("callstart", 2.0, session="c-1"), report(3.0, 10)])

    assert told(calls, [event("callend", 4.0), report(5.0, 10), report(6.0, 10), event("feedback", 7.0)]) == [
        ("left", "softphone-7.c-1", "left")
    ]
    assert calls.skipped == 3
    assert told(calls, [event("callend", 8.0)]) == [], "it is over already"
    assert told(calls, [event("callstart", 9.0, session="c-2"), report(10.0, 10)])[1:] == [
        ("report", "softphone-7.c-2", 10.0)
    ]


def test_silence_ends_a_call_and_media_begins_the_next() -> None:
    """An hour between two calls over one peer connection: two sessions, and none of the hour counts."""
    calls = Calls(idle=60.0)
    records = [report(float(time), 50.0 * min(time, 100)) for time in range(0, 3700, 5)]
    records += [report(float(time), 5000.0 + 50 * (time - 3695)) for time in range(3700, 3800, 5)]
    found = told(calls, [Joined(WHO, 0.0, BROWSER), *records])
    left = [(kind, session, what) for kind, session, what in found if kind != "report"]

    assert left == [
        ("joined", "softphone-7", BROWSER), ("left", "softphone-7", "idle"), ("joined", "softphone-7.2", BROWSER),
    ]  # fmt: skip
    times = {
        session: [what for kind, name, what in found if (kind, name) == ("report", session)] for _, session, _ in left
    }
    assert (times["softphone-7"][0], times["softphone-7"][-1]) == (0.0, 155.0)
    assert (times["softphone-7.2"][0], times["softphone-7.2"][-1]) == (3700.0, 3795.0)
    assert calls.skipped == len(records) - sum(map(len, times.values()))


def test_a_page_that_waits_for_its_first_call_is_in_none() -> None:
    """No media yet is no silence after some."""
    calls = Calls(idle=60.0)

    assert all(kind == "report" for kind, _, _ in told(calls, [report(float(time), 0) for time in range(0, 600, 5)]))


@pytest.mark.parametrize("name", ["create", "getUserMedia"])
def test_setting_up_again_begins_a_call(name: str) -> None:
    """What leads to media is of the call that it leads to."""
    calls = Calls(idle=10.0)
    told(calls, [report(float(time), 50.0 * min(time, 20)) for time in range(0, 60, 5)])

    assert told(calls, [event("mute", 61.0), event(name, 62.0, PC)])[-2:] == [
        ("joined", "softphone-7.2", {}), ("event", "softphone-7.2", name),
    ]  # fmt: skip


def test_who_says_where_calls_begin_is_not_cut_by_silence() -> None:
    """On hold for an hour is still the call."""
    calls = Calls(idle=10.0)
    told(calls, [event("callstart", 0.0, session="c-1"), report(1.0, 10)])

    assert all(row[:2] == ("report", "softphone-7.c-1") for row in told(calls, [report(t, 10) for t in (9.0, 3600.0)]))


def test_who_leaves_leaves_the_call_that_it_is_in() -> None:
    """And comes anew as who it is."""
    calls = Calls()
    told(calls, [event("callstart", 0.0, session="c-1")])

    assert told(calls, [Left(WHO, 1.0, "closed"), report(2.0, 1)]) == [
        ("left", "softphone-7.c-1", "closed"), ("report", "softphone-7", 2.0),
    ]  # fmt: skip
    told(calls, [event("callstart", 3.0, session="c-2"), event("callend", 4.0)])
    assert told(calls, [Left(WHO, 5.0, "closed")]) == [], "it has left already"


def test_a_name_is_never_longer_than_an_id() -> None:
    """The call's own part is kept whole."""
    long = ParticipantKey("s" * ID_LENGTH, "p")
    (_, joined) = Calls().place([Event(PeerConnectionKey(*long, ""), 0.0, "callstart", {"session": "c" * 64})])

    assert len(joined.key.session) == ID_LENGTH
    assert joined.key.session.endswith(".cc" + "c" * 62)


@pytest.mark.parametrize("length", [1, 64, 94, 95, 96, 120, 127, 128])
def test_a_long_name_is_still_nobody_elses(length: int) -> None:
    """Sessions and calls that differ at their ends alone have different names, each begins with the client's own."""
    names = {
        (session, call): named(session, call)
        for session in ("a", "softphone-7", "softphone-8", "s" * 127 + "1", "s" * 127 + "2")
        for call in ("c" * (length - 1) + "1", "c" * (length - 1) + "2")
    }

    assert len(set(names.values())) == len(names) == 10
    for (session, _), name in names.items():
        assert len(name) <= ID_LENGTH
        assert name.startswith(session[:KEPT])


def test_peer_connections_are_remembered_up_to_a_number() -> None:
    """A client that makes them up is bounded."""
    calls = Calls(idle=10.0)
    for number in range(3 * FOLLOWED):
        list(calls.place([report(5.0 * number, 1.0, PC._replace(peer_connection=f"PC_{number}"))]))

    (client,) = calls._clients.values()
    assert len(client.media) <= FOLLOWED


records = st.one_of(
    st.builds(report, st.floats(0, 1000), st.floats(0, 1e6)),
    st.builds(event, st.sampled_from(["callstart", "callend", "create", "feedback"]), st.floats(0, 1000)),
    st.just(Joined(WHO, 0.0, BROWSER)), st.just(Left(WHO, 0.0, "closed")),
)  # fmt: skip


@given(st.lists(records, max_size=60), st.sampled_from([0.0, 10.0]))
def test_whatever_comes_a_call_is_left_before_the_next_begins(rows: list[Record], idle: float) -> None:
    """A client is in one call at a time, and nothing comes under a call that was left but its beginning anew."""
    calls = Calls(idle)
    left: set[str] = set()
    current = ""
    for kind, session, _ in told(calls, rows):
        if kind == "left":
            assert session in ("", current or session)
            left.add(session)
            current = ""
        else:
            assert current in ("", session)
            current = session
            if kind == "joined":
                left.discard(session)
            assert session not in left or session == WHO.session


# ── through the exporter's door


def opened() -> tuple[Intake, Connection]:
    """A client that speaks plain JSON over a WebSocket."""
    config = Config.load({"ingest.listen": "127.0.0.1:0"}, {})
    intake = Intake(config, Tenants(PipelineSettings(), (), NOW))
    form = next(form for form in wire.FORMATS if form.name == "json")
    return intake, intake.open(Identity(WHO, True, {}), form, "", NOW)


def present(intake: Intake) -> list[str]:
    return sorted(key.session for key in intake.pipeline.sessions.participants)


def send(connection: Connection, now: float, **document: object) -> None:
    assert connection.receive(json.dumps({"time": now * 1000, **document}), now)


def test_a_softphone_comes_back_into_its_call() -> None:
    """The call is the session that is there; a lost connection goes on in it; its end is its leave."""
    intake, connection = opened()
    assert present(intake) == ["softphone-7"]
    send(connection, NOW + 1, events=[{"name": "callstart", "session": "c-1"}])
    assert present(intake) == ["softphone-7.c-1"]

    intake.close(connection, 1006, NOW + 2)
    form = next(form for form in wire.FORMATS if form.name == "json")
    again = intake.open(Identity(WHO, True, {}), form, "", NOW + 3)
    send(again, NOW + 4, stats=[{"id": "i", **OBJECTS["audio"], "packetsReceived": 5, "timestamp": NOW * 1000}])
    pipeline = intake.pipeline
    assert isinstance(pipeline, Pipeline)
    participant = pipeline.sessions.participants[ParticipantKey("softphone-7.c-1", "agent")]
    assert "PC_0" in participant.peer_connections

    send(again, NOW + 5, events=[{"name": "callend"}])
    assert "softphone-7.c-1" not in present(intake)
    intake.close(again, 1000, NOW + 6)
    pipeline.tick(NOW + 6)
    assert present(intake) == []


def test_a_connection_that_speaks_for_very_many_is_bounded() -> None:
    """Names that are made up one after the other are not remembered for ever; who is heard of stays in its call."""
    calls = Calls(idle=60.0)
    list(calls.place([event("callstart", NOW, session="first")]))
    for number in range(2 * CLIENTS):
        list(calls.place([event("mute", NOW, PeerConnectionKey(f"room-{number}", "eve", ""))]))
        if number % 1000 == 0:
            list(calls.place([event("mute", NOW)]))

    assert len(calls._clients) == CLIENTS
    assert calls.current(WHO).session == "softphone-7.first"
    assert calls.current(ParticipantKey("room-0", "eve")).session == "room-0"
