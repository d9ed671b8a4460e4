"""The order of things: when reports are judged, who is here, and what is never lost or counted twice."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from rtc_exporter import catalog, w3c
from rtc_exporter.errors import BusyError, LimitError, Reason
from rtc_exporter.events import TRACKS
from rtc_exporter.limits import Limits
from rtc_exporter.model import Event, Joined, Left, Member, Members, ParticipantKey, PeerConnectionKey, Report, Stats
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.series import Counter, Histogram
from rtc_exporter.sessions import Participant

START = 1_760_000_000.0
ANN = ParticipantKey("room", "ann")
BOB = ParticipantKey("room", "bob")
PC = PeerConnectionKey(*ANN, "PC_0")
CHROME = {"user_agent.name": "Chrome", "user_agent.os.name": "Linux"}


def audio(packets: int, **members: Member) -> Members:
    """A stream received."""
    return {"type": "inbound-rtp", "kind": "audio", "ssrc": 1, "packetsReceived": packets, **members}


class Call:
    """A pipeline with a clock, and clients whose clocks are the same."""

    def __init__(self, **settings: Any) -> None:
        self.now = START
        self.pipeline = Pipeline(PipelineSettings(**settings), START)

    def join(self, key: ParticipantKey = ANN, attributes: Mapping[str, str] = CHROME) -> None:
        """A client comes, or tells more about itself."""
        self.pipeline.feed(Joined(key, self.now, attributes), self.now)

    def event(self, name: str, key: ParticipantKey = ANN, pc: str = "PC_0", **facts: Member) -> None:
        """Something happens; ``pc=""`` for the page."""
        self.pipeline.feed(Event(PeerConnectionKey(*key, pc), self.now, name, facts), self.now)

    def create(self, key: ParticipantKey = ANN, pc: str = "PC_0") -> None:
        """The client makes a peer connection."""
        self.event("create", key, pc)

    def report(
        self,
        stats: Stats,
        at: float | None = None,
        key: ParticipantKey = ANN,
        pc: str = "PC_0",
        removed: Stats | None = None,
    ) -> bool:
        """A report, of the time on the clock or another one; whether it was taken."""
        time = self.now if at is None else START + at
        return self.pipeline.feed(Report(PeerConnectionKey(*key, pc), time, time, stats, removed or {}), self.now)

    def leave(self, key: ParticipantKey = ANN, reason: str = "left") -> None:
        """The client goes."""
        self.pipeline.feed(Left(key, self.now, reason), self.now)

    def wait(self, seconds: float) -> None:
        """Time passes, a second at a time as it does for the server."""
        for _ in range(int(seconds)):
            self.now += 1
            self.pipeline.tick(self.now)

    def total(self, name: str) -> float | None:
        """A counter, a gauge, or the number of observations, summed over all series; None where there is none."""
        family = self.pipeline.store.family(name)
        assert family is not None, f"{name} is published"
        slots = family.slots()
        return (
            sum(float(slot.count) if isinstance(slot, Histogram) else slot.value for slot in slots) if slots else None
        )

    def by(self, name: str, attribute: str) -> dict[str, float]:
        """A metric by one attribute, zeros included."""
        family = self.pipeline.store.family(name)
        assert family is not None
        result: dict[str, float] = {}
        for slot in family.slots():
            value = dict(zip(family.metric.attributes, slot.values, strict=True)).get(attribute, "")
            result[value] = result.get(value, 0.0) + getattr(slot, "value", 0.0)
        return result

    @property
    def ann(self) -> Participant:
        """Who is there."""
        return self.pipeline.sessions.participants[ANN]

    @property
    def packets(self) -> float | None:
        """What was counted of the stream."""
        return self.total("rtc.inbound.packets")

    @property
    def dropped(self) -> dict[str, float]:
        """Reports that were dropped, by reason."""
        return {reason: n for reason, n in self.by("rtc.exporter.reports.dropped", "rtc.drop.reason").items() if n}


def begun(**settings: Any) -> Call:
    """Ann's peer connection, with a first report of 100 packets."""
    call = Call(**settings)
    call.join()
    call.create()
    call.report({"a": audio(100)})
    return call


# ── folding


def test_the_first_report_is_folded_at_once() -> None:
    """What is known of a peer connection is shown as soon as it is known."""
    assert begun().packets == 100


def test_a_report_within_the_interval_waits() -> None:
    """Judging costs more than merging: it is done every five seconds of the client's clock."""
    call = begun()

    for second in (1, 2, 3, 4):
        assert call.report({"a": audio(100 + second)}, second)
        assert call.packets == 100
    call.report({"a": audio(105)}, 5)

    assert call.packets == 105


def test_of_a_report_in_between_it_counts_that_it_came() -> None:
    """Nobody has what it says: it is not folded, however long ago the last one was; the next one says it too."""
    call = begun()
    for second in (7, 8, 8):
        report = Report(PC, START + second, START + second, {}, {}, heard=True, is_interim=True)
        call.pipeline.feed(report, START + second)
    assert call.packets == 100
    assert call.ann.sent == START + 8
    call.now = START + 9
    call.report({"a": audio(109)})

    assert call.packets == 109
    assert call.dropped == {"duplicate": 1}


def test_what_has_waited_does_not_turn_back_the_clock_of_its_participant() -> None:
    """A report that was kept at an edge is told of after a later one of another peer connection."""
    call = begun()
    call.create(pc="PC_1")
    call.wait(2)
    call.report({"a": audio(1)}, pc="PC_1")
    call.pipeline.feed(Report(PC, START + 1, START + 1, {}, {}, heard=True), START + 1)

    assert (call.ann.seen, call.ann.sent) == (START + 2, START + 2)


def test_it_is_the_clients_clock_that_counts() -> None:
    """Reports that come in one burst are folded as they were made."""
    call = begun()

    for second in range(1, 11):
        call.report({"a": audio(100 + second)}, second)

    assert call.packets == 110
    assert call.total("rtc.inbound.jitter") is None, "nothing was made up"
    assert call.total("rtc.inbound.packet_loss.ratio") is None


def test_who_reports_a_little_early_is_folded_all_the_same() -> None:
    """Timers are not exact: nine tenths of the interval are enough."""
    call = begun()

    call.report({"a": audio(145)}, 4.5)

    assert call.packets == 145


def test_without_an_interval_every_report_is_folded() -> None:
    """0 for each."""
    call = begun(fold_interval=0.0)

    call.report({"a": audio(101)}, 1)
    assert call.packets == 101
    call.report({"a": audio(102)}, 1.5)
    assert call.packets == 102


def test_an_object_that_goes_is_folded_at_once() -> None:
    """Fold before you forget: its last state is in the report that removes it."""
    call = begun()

    call.report({}, 1, removed={"a": audio(130)})

    assert call.packets == 130


def test_closing_folds_what_has_waited() -> None:
    """Also what came in the last seconds counts."""
    call = begun()
    call.report({"a": audio(120)}, 2)

    call.event("close")

    assert call.packets == 120


def test_leaving_folds_what_has_waited() -> None:
    """Whether or not the page closed its peer connection first."""
    call = begun()
    call.report({"a": audio(120)}, 2)

    call.leave()

    assert call.packets == 120


def test_shutdown_counts_what_has_waited() -> None:
    """Everybody leaves, and the last scrape has it all."""
    call = begun()
    call.join(BOB)
    call.create(BOB)
    call.report({"b": audio(7)}, key=BOB)
    call.report({"a": audio(120)}, 2)
    call.report({"b": audio(9)}, 3, BOB)

    call.pipeline.shutdown(call.now)

    assert call.packets == 129
    assert call.by("rtc.participant.leaves", "rtc.leave.reason")["closed"] == 2
    assert call.pipeline.status()[:3] == (0, 0, 0)


def test_closing_twice_counts_once() -> None:
    """A close by the page, and then the end of its participant."""
    call = begun()
    call.report({"a": audio(120)}, 2)

    call.event("close")
    call.event("close")
    call.leave()

    assert call.packets == 120


# ── repetitions


@pytest.mark.parametrize(("at", "reason"), [(0.0, "duplicate"), (-3.0, "out_of_order")])
def test_a_report_that_is_not_newer_is_dropped_and_counted(at: float, reason: str) -> None:
    """Clients that come back repeat themselves."""
    call = begun(fold_interval=0.0)

    assert not call.report({"a": audio(900)}, at)

    assert call.packets == 100
    assert call.dropped == {reason: 1}


def test_a_repetition_loses_nothing_that_it_removes() -> None:
    """The decoder has let go of the object: its last counts are in this record or nowhere."""
    call = begun()
    stats: dict[str, Members] = {"a": audio(120)}
    call.report(stats, 2)
    last = stats.pop("a")

    call.report(stats, 2, removed={"a": last})
    call.event("close")

    assert call.packets == 120


def test_reports_after_the_end_are_dropped() -> None:
    """A peer connection that was closed counts nothing any more."""
    call = begun()
    call.event("close")

    assert not call.report({"a": audio(200)}, 10)

    assert call.packets == 100
    assert call.dropped == {"out_of_order": 1}


def test_a_gap_is_counted_and_its_packets_too() -> None:
    """A page that slept: what it received is true, but says nothing about any one interval."""
    call = begun(fold_interval=0.0)
    call.report({"a": audio(150, packetsLost=0)}, 1)
    judged = call.total("rtc.inbound.packet_loss.ratio")

    call.report({"a": audio(500, packetsLost=50)}, 400)

    assert call.total("rtc.exporter.report.gaps") == 1
    assert call.packets == 500
    assert call.total("rtc.inbound.packet_loss.ratio") == judged


def test_the_same_name_created_again_is_another_peer_connection() -> None:
    """The first one ends with what it had, and the second counts from zero."""
    call = begun()
    call.report({"a": audio(120)}, 2)

    call.create()
    call.report({"a": audio(30)}, 3)

    assert call.packets == 150
    assert call.pipeline.status().peer_connections == 1


def test_who_was_there_before_us_counts_from_its_first_report() -> None:
    """Nobody saw it created: what it counted earlier is not ours."""
    call = Call(fold_interval=0.0)
    call.join()
    call.report({"a": audio(5000)}, 0)
    call.report({"a": audio(5010)}, 1)

    assert call.packets == 10
    assert call.total("rtc.connection.attempts") == 0


# ── coming and going


def test_who_is_silent_leaves_by_timeout() -> None:
    """After ``expiry`` and at most one sweep more; it is counted as left and as evicted, and what waited is folded."""
    call = begun(expiry=60.0)
    call.report({"a": audio(120)}, 2)

    call.wait(60)
    assert call.pipeline.status().participants == 1
    call.wait(6)

    assert call.pipeline.status()[:3] == (0, 0, 0)
    assert call.by("rtc.participant.leaves", "rtc.leave.reason")["timeout"] == 1
    assert call.total("rtc.exporter.participants.evicted") == 1
    assert call.packets == 120


def test_whoever_speaks_stays() -> None:
    """Any word will do: a report, an event, a new client."""
    call = begun(expiry=60.0)
    for speak in (lambda: call.report({"a": audio(200)}), lambda: call.event("devicechange", pc=""), call.join):
        call.wait(58)
        speak()

    call.wait(58)

    assert call.pipeline.status().participants == 1


def test_who_has_a_socket_is_here_however_silent() -> None:
    """And is silent from the moment that it closes."""
    call = Call(expiry=60.0)
    call.join()
    call.pipeline.attach(ANN, call.now)

    call.wait(600)
    assert call.pipeline.status().participants == 1

    assert call.pipeline.detach(ANN, call.now) == 0
    call.wait(60)
    assert call.pipeline.status().participants == 1
    call.wait(6)
    assert call.pipeline.status().participants == 0
    assert call.by("rtc.participant.leaves", "rtc.leave.reason")["timeout"] == 1


def test_sockets_are_counted() -> None:
    """A page that reloads has two for a moment; each is a page load of its own."""
    call = Call()

    assert call.pipeline.attach(ANN, call.now) == 1
    assert call.pipeline.attach(ANN, call.now) == 2
    assert call.pipeline.detach(ANN, call.now) == 1
    call.wait(120)
    assert call.pipeline.status().participants == 1
    assert call.pipeline.detach(ANN, call.now) == 0


def test_what_its_page_dropped_ends_after_a_minute() -> None:
    """A peer connection that is no longer reported has gone without a close, where others go on."""
    call = begun()
    call.create(pc="PC_1")
    call.report({"a": audio(120)}, 2)
    for _ in range(14):
        call.report({"b": audio(1, ssrc=2)}, pc="PC_1")
        call.wait(5)

    assert call.pipeline.status().peer_connections == 1
    assert call.total("rtc.inbound.packets") == 121


def test_a_session_lasts_from_the_first_join_to_the_last_leave() -> None:
    """Whoever comes and goes in between."""
    call = Call()
    call.join(ANN)
    call.wait(10)
    call.join(BOB)
    call.wait(10)
    call.leave(ANN)
    assert (call.total("rtc.sessions.active"), call.total("rtc.session.duration")) == (1, None)
    call.wait(10)
    call.leave(BOB)

    assert (call.total("rtc.sessions.active"), call.total("rtc.session.duration")) == (0, 1)
    assert sum_of(call, "rtc.session.duration") == 30
    assert sum_of(call, "rtc.participant.duration") == 40


def sum_of(call: Call, name: str) -> float:
    """The sum of a histogram."""
    family = call.pipeline.store.family(name)
    assert family is not None
    return sum(slot.sum for slot in family.slots() if isinstance(slot, Histogram))


def test_leaving_without_having_joined_is_nothing() -> None:
    """A repeated good-bye."""
    call = begun()
    call.leave()
    call.leave()

    assert call.total("rtc.participant.leaves") == 1


# ── cohorts


def test_who_tells_more_about_itself_moves_to_another_cohort() -> None:
    """From then on it counts there; what was counted stays, and no gauge is left behind."""
    call = begun(fold_interval=0.0)
    call.join(ANN, {"rtc.app.name": "meet"})
    call.report({"a": audio(130)}, 1)

    assert call.by("rtc.inbound.packets", "rtc.app.name") == {"": 100, "meet": 30}
    assert call.by("rtc.inbound.packets", "user_agent.name") == {"Chrome": 130}
    assert call.by("rtc.participants.active", "rtc.app.name") == {"": 0, "meet": 1}
    call.leave()
    assert call.by("rtc.participants.active", "rtc.app.name") == {"": 0, "meet": 0}
    assert set(call.by("rtc.peer_connections.active", "rtc.app.name").values()) == {0}
    assert set(call.by("rtc.sessions.active", "rtc.app.name").values()) == {0}
    assert call.by("rtc.participant.leaves", "rtc.app.name") == {"": 0, "meet": 1}
    assert call.total("rtc.participant.joins") == 1


def test_two_countries_are_two_cohorts() -> None:
    """Participants that differ in nothing but their country are counted apart where the country is a label."""
    call = Call(fold_interval=0.0)
    for key, country in ((ANN, "AT"), (BOB, "DE")):
        call.join(key, {**CHROME, "geo.country.iso_code": country})
        call.create(key)
        call.report(PATH, 0, key)

    assert call.by("rtc.candidate_pair.io", "geo.country.iso_code") == {"AT": 30, "DE": 30}
    assert call.by("rtc.participant.joins", "geo.country.iso_code") == {"AT": 1, "DE": 1}


def test_streams_are_judged_by_what_each_of_them_reports() -> None:
    """Two streams with as many members, but not the same ones, as browsers of different age report them."""
    call = Call(fold_interval=0.0)
    call.join()
    call.create()
    for second in (0, 1):
        call.report({"a": audio(second, packetsLost=0), "b": audio(second, ssrc=2, jitter=0.25)}, second)

    assert call.total("rtc.inbound.packet_loss.ratio") == 1
    assert call.total("rtc.inbound.jitter") == 1


PATH: Stats = {
    "l": {"type": "local-candidate", "candidateType": "host", "protocol": "udp"},
    "p": {
        "type": "candidate-pair", "localCandidateId": "l", "remoteCandidateId": "r", "state": "succeeded",
        "nominated": True, "bytesSent": 10, "bytesReceived": 20,
    },
}  # fmt: skip


# ── limits


def test_tracks_that_have_gone_keep_nobody_from_what_comes_later() -> None:
    """Of too many that were muted, those count of which there is a stream; of names the newest are kept."""
    call = begun()
    for number in range(300):
        call.event("track", pc="PC_0", track=f"t{number}", kind="video")
        call.report({"v": {"type": "inbound-rtp", "kind": "video", "trackIdentifier": f"t{number}"}}, number + 1)
        call.event("mute", pc="PC_0", track=f"t{number}", kind="video")
    (participant,) = call.pipeline.sessions.participants.values()
    (connection,) = participant.peer_connections.values()

    assert "t299" in connection.muted
    assert participant.kind_of("t299") == "video"
    assert len(connection.muted) <= TRACKS
    assert len(connection.tracks) <= TRACKS


def test_one_participant_too_many_is_refused() -> None:
    """Nobody can push out who is here, and who is here goes on."""
    call = begun(limits=replace(Limits(), participants=1), fold_interval=0.0)

    for refused in (lambda: call.join(BOB), lambda: call.create(BOB), lambda: call.report({}, 1, BOB)):
        with pytest.raises(BusyError) as caught:
            refused()
        assert caught.value.reason is Reason.TOO_MANY
    call.report({"a": audio(101)}, 1)

    assert call.packets == 101
    assert call.total("rtc.participant.joins") == 1
    assert call.pipeline.status().participants == 1
    call.leave()
    call.join(BOB)
    assert call.pipeline.status().participants == 1


def test_one_peer_connection_too_many_is_refused() -> None:
    """The others of this participant, and those of everybody else, go on."""
    call = begun(limits=replace(Limits(), peer_connections=1), fold_interval=0.0)

    for refused in (lambda: call.create(pc="PC_1"), lambda: call.report({"b": audio(9)}, 1, pc="PC_1")):
        with pytest.raises(LimitError) as caught:
            refused()
        assert caught.value.reason is Reason.TOO_MANY
    call.report({"a": audio(101)}, 1)
    call.join(BOB)
    call.create(BOB)

    assert call.packets == 101
    assert call.pipeline.status().peer_connections == 2


def test_a_closed_peer_connection_makes_room() -> None:
    """A page may make many, one after the other."""
    call = begun(limits=replace(Limits(), peer_connections=1))
    for number in range(1, 10):
        call.event("close", pc=f"PC_{number - 1}")
        call.create(pc=f"PC_{number}")
        call.report({"a": audio(number)}, number, pc=f"PC_{number}")

    assert call.packets == 100 + sum(range(1, 10))
    assert call.pipeline.status().peer_connections == 1


# ── zeros


RARE = {
    "rtc.connection.attempts": ("rtc.outcome", catalog.OUTCOMES),
    "rtc.ice.restarts": ("rtc.outcome", catalog.RESTART_OUTCOMES),
    "rtc.participant.leaves": ("rtc.leave.reason", w3c.LEAVE_REASONS),
}


@pytest.mark.parametrize("name", RARE)
def test_counters_of_rare_events_are_there_before_they_count(name: str) -> None:
    """From the join on at 0, so that the first failure is an increase."""
    attribute, values = RARE[name]
    call = Call()
    assert call.total(name) is None
    call.join()

    assert call.by(name, attribute) == dict.fromkeys(values, 0)
    assert call.by(name, "user_agent.name") == {"Chrome": 0}


def test_the_counters_about_ourselves_are_there_from_the_start() -> None:
    """Before anybody came: every reason for a drop, and every format."""
    call = Call()

    assert call.by("rtc.exporter.reports.dropped", "rtc.drop.reason") == dict.fromkeys(catalog.DROPS, 0)
    assert call.by("rtc.exporter.reports", "rtc.transport.protocol") == dict.fromkeys(catalog.FORMAT_NAMES, 0)
    assert call.total("rtc.exporter.errors.internal") == 0


# ── attempts


def test_an_attempt_that_comes_to_nothing_times_out() -> None:
    """30 s after both descriptions are set, on our clock; its end changes nothing any more."""
    call = Call()
    call.join()
    call.create()
    for name in ("setLocalDescription", "setRemoteDescription"):
        call.event(name, call="1")
        call.event(f"{name}OnSuccess", call="1")

    call.wait(29)
    assert call.total("rtc.connection.attempts") == 0
    call.wait(2)
    assert call.by("rtc.connection.attempts", "rtc.outcome")["timeout"] == 1
    call.event("close")
    call.leave()
    assert call.total("rtc.connection.attempts") == 1


def test_the_state_of_peer_connections_is_a_gauge() -> None:
    """One series for each state, and a peer connection in one of them at a time."""
    call = Call()
    call.join()
    call.create()
    assert call.by("rtc.peer_connections.active", "rtc.peer_connection.state") == {"new": 1}
    call.event("connectionstatechange", state="connecting")
    call.event("connectionstatechange", state="connected")
    assert call.by("rtc.peer_connections.active", "rtc.peer_connection.state") == {
        "new": 0, "connecting": 0, "connected": 1,
    }  # fmt: skip
    call.event("close")
    assert call.total("rtc.peer_connections.active") == 0


def test_an_event_that_is_not_known_is_counted_as_that() -> None:
    """And does no harm."""
    call = begun()
    call.event("other")

    assert call.total("rtc.exporter.events.unknown") == 1


@pytest.mark.parametrize("value", [-5, "many", 1e300, True])
def test_a_value_that_cannot_be_is_counted_as_refused(value: Member) -> None:
    """And the rest of its report is taken."""
    call = begun(fold_interval=0.0)
    call.report({"a": {**audio(101), "bytesReceived": value}}, 1)

    assert call.packets == 101
    assert call.dropped == {"rejected_value": 1}


def test_the_clock_of_a_client_is_measured() -> None:
    """A client that is an hour behind: the offset shows, and the delay is what is left without it."""
    call = Call(fold_interval=0.0)
    call.join()
    call.create()
    for second in range(5):
        call.report({"a": audio(second)}, second - 3600)
        call.wait(1)

    assert sum_of(call, "rtc.exporter.client.clock_offset") == 5 * 3600
    assert sum_of(call, "rtc.exporter.report.delay") == 0


def test_an_attempt_whose_creation_comes_late_can_time_out() -> None:
    """An event may overtake the creation of its peer connection; the attempt is watched all the same."""
    pipeline = Pipeline(PipelineSettings(), 0.0)
    key = PeerConnectionKey("room", "ann", "PC_0")
    for name in ("negotiationneeded", "create", "setLocalDescription", "setRemoteDescription"):
        pipeline.feed(Event(key, 1.0, name, {}), 1.0)
        if name.startswith("set"):
            pipeline.feed(Event(key, 1.0, f"{name}OnSuccess", {}), 1.0)

    pipeline.tick(32.0)

    family = pipeline.store.family("rtc.connection.attempts")
    assert family is not None
    counted = {slot.values[-1]: slot.value for slot in family.slots() if isinstance(slot, Counter)}
    assert counted["timeout"] == 1
