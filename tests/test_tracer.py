"""The span tree of every recorded call, and of calls that are made up to be long, split, sampled or broken."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from rtc_exporter import spans as table
from rtc_exporter.drafts import SUMS
from rtc_exporter.model import Event, Joined, Left, Member, Members, ParticipantKey, PeerConnectionKey, Report, Stats
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.span import Span
from rtc_exporter.summary import summarise
from rtc_exporter.tracing import TraceSettings
from tests import captures, traced

CASES = sorted({name.split(".")[0] for name in captures.names()})
START = 1_795_169_700.0
PC = PeerConnectionKey("room", "ann", "PC_0")
ANN = ParticipantKey("room", "ann")


def facts(case: str) -> dict[str, Any]:
    """What was done to the call, and when."""
    found: dict[str, Any] = json.loads((captures.DATA / f"{case}.facts.json").read_text(encoding="utf-8"))
    return found


def start(case: str) -> float:
    """When the scenario started: ``started_at`` is before the browsers did, so the first join is the mark."""
    join = next(action for action in facts(case)["actions"] if action.get("cmd") == "join")
    told = next(captures.rows(f"{case}.{join['participant']}.frames"))
    return float(told["connected_at"]) - float(join["t"])


def named(spans: Iterable[Span], name: str, participant: str | None = None) -> list[Span]:
    """The spans of this name, of everybody or of one participant."""
    return [
        span for span in spans
        if span.name == name and participant in (None, span.attributes.get("rtc.participant.id"))
    ]  # fmt: skip


def orphans(spans: Sequence[Span]) -> list[str]:
    """Spans whose parent is not among those that left before them."""
    seen: set[tuple[bytes, bytes]] = set()
    lost = []
    for span in spans:
        if span.parent_id and (span.trace_id, span.parent_id) not in seen:
            lost.append(span.name)
        seen.add((span.trace_id, span.span_id))
    return lost


# ── recorded calls


@pytest.mark.parametrize("case", CASES)
def test_a_recorded_call_is_one_trace_as_the_table_says(case: str) -> None:
    """One trace, parents first, no id twice, and nothing in it that the table does not know."""
    spans = traced.spans(case)
    ids = Counter((span.trace_id, span.span_id) for span in spans)

    assert {span.trace_id for span in spans} == {spans[0].trace_id}
    assert orphans(spans) == []
    assert [ident for ident, number in ids.items() if number > 1] == []
    by_id = {span.span_id: span.name for span in spans}
    for span in spans:
        row = table.BY_NAME[span.name]
        assert by_id.get(span.parent_id, "") == row.parent
        assert set(span.attributes) <= {*table.COMMON, *row.attributes}, span.name
        for event in span.events:
            assert event.name in row.events
            assert set(event.attributes) <= set(table.EVENTS[event.name][1])
            assert span.start <= event.time <= span.end
        for name, value in span.attributes.items():
            kind = table.SPAN_ATTRIBUTES[name].type if name in table.SPAN_ATTRIBUTES else "string"
            assert type(value) in {"string": (str,), "int": (int,), "double": (float, int), "boolean": (bool,)}[kind], (
                name
            )
        assert span.start <= span.end


@pytest.mark.parametrize("case", CASES)
def test_every_stay_begins_and_ends(case: str) -> None:
    """As many participants as recordings; each has a summary, and each peer connection has a setup."""
    spans = traced.spans(case)

    assert len(named(spans, table.PARTICIPANT)) == len(traced.participants(case))
    assert len(named(spans, table.SUMMARY)) == len(traced.participants(case))
    assert len(named(spans, table.SESSION)) == len(named(spans, table.SESSION_SUMMARY)) == 1
    told = sum(len(row["pcs"]) for row in facts(case)["participants"].values())
    assert len(named(spans, table.SETUP)) == told
    reasons = {span.attributes["rtc.leave.reason"] for span in named(spans, table.SUMMARY)}
    assert reasons <= {"closed", "page_hide"}


@pytest.mark.parametrize("case", ["icefail-cr", "icefail-ff"])
def test_a_call_without_a_path_fails_in_ice(case: str) -> None:
    """ERROR on the setup and on the phase that failed, and on no other phase."""
    spans = traced.spans(case)
    failed = [span for span in spans if span.name.startswith("rtc.setup.") and span.error is not None]

    assert {span.attributes["rtc.outcome"] for span in named(spans, table.SETUP)} == {"ice_failed"}
    assert all(span.error == "ICE found no path" for span in named(spans, table.SETUP))
    assert {span.name for span in failed} == {"rtc.setup.ice_connecting"}
    assert len(failed) == 2
    assert all(8 < span.end - span.start < 35 for span in failed)
    assert named(spans, "rtc.setup.first_packet") == []


def test_denied_turn_credentials_time_out_with_their_error_on_the_span() -> None:
    """401 of the TURN server is an event of the setup that waits for a candidate in vain."""
    spans = traced.spans("turndenied-cr")
    for setup in named(spans, table.SETUP):
        assert setup.attributes["rtc.outcome"] in ("timeout", "abandoned")
        assert setup.attributes["rtc.ice.transport_policy"] == "relay"
        assert [event.attributes["error.type"] for event in setup.events] == ["401"]
        assert not any(name in setup.attributes for name in table.CANDIDATES)


@pytest.mark.parametrize(
    ("case", "error"),
    [("gumdenied-cr", "NotAllowedError"), ("gumdenied-ff", "NotAllowedError"), ("gumnotfound-cr", "NotFoundError")],
)
def test_a_microphone_that_cannot_be_had_is_an_error(case: str, error: str) -> None:
    """The call of getUserMedia says what was asked for and why it failed; whoever else is there has none."""
    calls = named(traced.spans(case), "rtc.get_user_media", "p1")

    assert [(call.error, call.attributes["error.type"]) for call in calls] == [("getUserMedia failed", error)]
    assert all(call.error is None for call in named(traced.spans(case), "rtc.get_user_media", "p2"))


@pytest.mark.parametrize(("case", "local"), [("relay-cr", "relay"), ("relay-crff", "relay"), ("healthy-cr", "host")])
def test_the_path_is_on_the_setup(case: str, local: str) -> None:
    """Which candidates, over which protocol, encrypted how."""
    setups = named(traced.spans(case), table.SETUP)

    assert [setup.attributes["rtc.ice.candidate.type"] for setup in setups] == [local, local]
    assert {setup.attributes["rtc.ice.transport"] for setup in setups} == {"udp"}
    assert all(
        setup.attributes["rtc.srtp.cipher"] != "other" for setup in setups if "rtc.srtp.cipher" in setup.attributes
    )


@pytest.mark.parametrize(("case", "local"), [("relay-cr", "relay"), ("healthy-cr", "host")])
def test_the_path_is_on_what_is_searched(case: str, local: str) -> None:
    """Back ends join no spans: segments and summaries say it too."""
    for name in (table.SEGMENT, table.SUMMARY):
        found = named(traced.spans(case), name)
        assert [span.attributes["rtc.ice.candidate.type"] for span in found] == [local, local]
    segments = named(traced.spans(case), table.SEGMENT)
    assert [span.attributes["rtc.ice.remote_candidate.type"] for span in segments] == [local, local]


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith(("healthy", "relay", "mesh", "simulcast"))])
def test_a_healthy_call_has_all_phases_and_no_error(case: str) -> None:
    """From the offer to the first frame; nothing is bad."""
    spans = traced.spans(case)
    for setup in named(spans, table.SETUP):
        phases = {span.name.removeprefix("rtc.setup.") for span in spans if span.parent_id == setup.span_id}
        assert setup.attributes["rtc.outcome"] == "connected"
        assert phases >= {
            "set_local",
            "set_remote",
            "ice_gathering",
            "ice_connecting",
            "dtls_connecting",
            "first_packet",
        }
        assert ("create_offer" in phases) != ("create_answer" in phases)
    assert [(span.name, span.error) for span in spans if span.error is not None] == []


@pytest.mark.parametrize("case", ["degraded-cr", "degraded-ff"])
@pytest.mark.parametrize("participant", ["p1", "p2"])
def test_an_outage_is_an_episode_within_a_second_of_its_time(case: str, participant: str) -> None:
    """Three seconds in which nothing arrives, in reports that come once a second."""
    told = facts(case)
    block = next(index for index, action in enumerate(told["actions"]) if action.get("block"))
    begin, end = (start(case) + told["actions"][index]["t"] for index in (block, block + 1))
    (episode,) = named(traced.spans(case), "rtc.episode.no_media", participant)

    assert episode.start == pytest.approx(begin, abs=1.0)
    assert episode.end == pytest.approx(end, abs=1.0)
    assert episode.attributes["rtc.cause"] == "outage"


@pytest.mark.parametrize("case", ["degraded-cr", "degraded-ff"])
def test_loss_and_delay_are_episodes_while_they_last(case: str) -> None:
    """10 % loss and 400 ms from 10 to 55 s: begun within a fold of the first, ended within two of the last."""
    began = start(case)
    for participant in ("p1", "p2"):
        for name in ("loss", "latency", "audio_concealment"):
            found = named(traced.spans(case), f"rtc.episode.{name}", participant)
            assert found, name
            assert began + 5 < min(span.start for span in found) < began + 30
            assert max(span.end for span in found) < began + 66


def test_a_page_that_is_loaded_again_joins_again() -> None:
    """Two participant spans of p2, the second says so, and both have their own setup."""
    spans = traced.spans("reload-cr")
    first, second = named(spans, table.PARTICIPANT, "p2")

    assert (first.attributes["rtc.participant.join"], second.attributes["rtc.participant.join"]) == (0, 1)
    assert [len([s for s in named(spans, table.SETUP) if s.parent_id == p.span_id]) for p in (first, second)] == [1, 1]
    assert [span.attributes["rtc.leave.reason"] for span in named(spans, table.SUMMARY, "p2")] == ["page_hide"] * 2


@pytest.mark.parametrize("case", ["healthy-cr", "degraded-ff", "mesh-cr"])
def test_two_exporters_with_half_of_a_session_each_make_one_trace(case: str) -> None:
    """Nobody tells them of one another: one trace, one root, no orphan, and nobody's spans are told twice."""
    names = traced.participants(case)
    half = len(names) // 2
    one = traced.play(case, TraceSettings(replica="a"), names[:half])
    other = traced.play(case, TraceSettings(replica="b"), names[half:])

    assert {span.trace_id for span in (*one, *other)} == {one[0].trace_id}
    assert {span.span_id for span in named([*one, *other], table.SESSION)} == {one[0].span_id}
    assert orphans(one) == orphans(other) == []
    shared = {span.span_id for span in one} & {span.span_id for span in other}
    assert shared == {one[0].span_id}
    together = {span.span_id for span in (*one, *other)} - {
        s.span_id for s in named([*one, *other], table.SESSION_SUMMARY)
    }
    alone = {span.span_id for span in traced.spans(case)} - {
        s.span_id for s in named(traced.spans(case), table.SESSION_SUMMARY)
    }
    assert together == alone


def test_a_restart_in_the_middle_of_a_call_leaves_no_orphan() -> None:
    """The process that comes after knows nothing of the one before, and computes the same trace and participant."""
    rows = list(traced.records("degraded-cr.p1.frames", "degraded-cr"))
    half = len(rows) // 2
    traces = []
    for part in (rows[:half], rows[half:]):
        pipeline = Pipeline(PipelineSettings(traces=TraceSettings()), part[0][0])
        for now, _, _, record in part:
            pipeline.feed(record, now)
        pipeline.shutdown(part[-1][0])
        traces.append(pipeline.take_spans())

    assert [orphans(spans) for spans in traces] == [[], []]
    assert len({span.trace_id for spans in traces for span in spans}) == 1
    assert len({span.span_id for spans in traces for span in named(spans, table.PARTICIPANT)}) == 1


# ── sampling


def test_nothing_but_the_marker_leaves_of_a_good_call_that_is_not_kept() -> None:
    """At ratio 0 a healthy call is one span; all others are counted as sampled out."""
    spans = traced.play("relay-cr", TraceSettings(ratio=0.0))

    assert [span.name for span in spans] == [table.SESSION]


def test_a_call_that_turns_bad_is_kept_with_its_past() -> None:
    """At ratio 0 the degraded call is there from its first span on, and says why."""
    spans = traced.play("degraded-cr", TraceSettings(ratio=0.0))

    assert orphans(spans) == []
    assert {span.name for span in spans} >= {table.PARTICIPANT, table.SETUP, table.SEGMENT, table.SUMMARY}
    reasons = {span.attributes["rtc.sampling.reason"] for span in spans if "rtc.participant.id" in span.attributes}
    assert len(reasons) == 2 or len(reasons) == 1
    assert all(str(reason).startswith("rtc.episode.") for reason in reasons)


def test_a_pinned_participant_is_kept_and_the_other_is_not() -> None:
    """Support looks at one of two."""
    spans = traced.play("relay-cr", TraceSettings(ratio=0.0, pinned=frozenset(("p2",))))

    assert {span.attributes.get("rtc.participant.id") for span in spans} == {None, "p2"}
    assert {span.attributes.get("rtc.sampling.reason") for span in named(spans, table.SETUP)} == {"pinned"}


# ── calls that are made up


class Made:
    """A participant with one peer connection, and a clock."""

    def __init__(self, settings: TraceSettings | None = None, offset: float = 0.0) -> None:
        self.now = START
        self.offset = offset
        self.pipeline = Pipeline(PipelineSettings(traces=settings or TraceSettings()), START)
        self.left: list[Span] = []

    def feed(self, record: Joined | Event | Report | Left) -> None:
        """Take a record and what leaves with it."""
        self.pipeline.feed(record, self.now)
        self.left += self.pipeline.take_spans()

    def event(self, name: str, pc: str = "PC_0", **facts: Member) -> None:
        """Something happens; ``pc=""`` for the page."""
        self.feed(Event(PC._replace(peer_connection=pc), self.now + self.offset, name, facts))

    def connect(self) -> None:
        """A peer connection comes about within a second."""
        self.feed(Joined(ANN, self.now, {}))
        self.event("create")
        for name, call in (("createOffer", "1"), ("setLocalDescription", "2"), ("setRemoteDescription", "3")):
            self.event(name, call=call)
            self.wait(0.125)
            self.event(f"{name}OnSuccess", call=call)
        self.event("iceconnectionstatechange", state="checking")
        self.wait(0.25)
        self.event("iceconnectionstatechange", state="connected")
        self.wait(0.125)
        self.event("connectionstatechange", state="connected")

    def wait(self, seconds: float) -> None:
        """Time passes, a second at a time."""
        whole, rest = divmod(seconds, 1.0)
        for step in [1.0] * int(whole) + [rest]:
            self.now += step
            self.pipeline.tick(self.now)
        self.left += self.pipeline.take_spans()

    def report(self, seconds: float, stats: Stats) -> None:
        """A report after so many seconds."""
        self.wait(seconds)
        time = self.now + self.offset
        self.feed(Report(PC, time, time, stats, {}))

    def leave(self) -> list[Span]:
        """The participant goes: everything that has left."""
        self.feed(Left(ANN, self.now, "left"))
        return self.left


def stream(second: int, lost: int = 0) -> Stats:
    """A report of a call that goes well, or loses packets."""
    return {
        "A": {"type": "inbound-rtp", "kind": "audio", "ssrc": 1, "packetsReceived": 50 * second - lost,
              "packetsLost": lost, "bytesReceived": 5000 * second, "jitter": 0.005},
        "T": {"type": "transport", "bytesReceived": 6000 * second, "dtlsState": "connected"},
    }  # fmt: skip


@pytest.mark.parametrize("kind", [{"kind": "video"}, {}], ids=["video", "unknown"])
def test_spans_and_summary_have_the_same_sums(kind: Members) -> None:
    """Of every stream, also where a client does not say whether it is sound or picture."""
    call = Made()
    call.connect()
    for second in (0, 5, 10, 15):
        gained = {"packetsReceived": 10.0 * second, "bytesReceived": 100.0 * second, "freezeCount": second / 5,
                  "totalFreezesDuration": 0.1 * second}  # fmt: skip
        call.report(5, {"v": {"type": "inbound-rtp", "ssrc": 1, **kind, **gained}})
    told = summarise(call.pipeline.sessions.participants[ANN], call.now)
    (span,) = named(call.leave(), table.SUMMARY)

    assert (told.packets_received, told.freezes, told.freeze_time) == (150, 3, 1.5)
    assert [span.attributes[name] for name in SUMS] == [1500, 0, 3, 1.5]


def test_an_eight_hour_call_is_seen_while_it_runs_and_keeps_its_budget() -> None:
    """A report each ten seconds, trouble each half hour: under 300 spans, the first half known at half time."""
    call = Made()
    call.connect()
    lost = 0
    half: list[Span] = []
    for number in range(1, 8 * 360 + 1):
        lost += 100 if number % 180 < 6 else 0
        call.report(10.0, stream(number * 10, lost))
        if number == 4 * 360:
            half = list(call.left)
    spans = call.leave()

    assert max(span.end for span in half) > START + 4 * 3600 - 310
    assert 48 <= len(named(half, table.SEGMENT)) <= 100
    assert len(named(half, "rtc.episode.loss")) >= 7
    assert len(spans) < 300
    assert orphans(spans) == []
    assert all(
        span.end - span.start <= 330 for span in spans if span.name not in (table.SUMMARY, table.SESSION_SUMMARY)
    )
    covered = sum(span.end - span.start for span in named(spans, table.SEGMENT))
    assert covered == pytest.approx(8 * 3600, abs=30)


def test_a_stay_of_more_than_eight_hours_goes_on_in_a_linked_trace() -> None:
    """The ninth hour is another trace; each knows the other."""
    call = Made()
    call.connect()
    for number in range(1, 9 * 60 + 1):
        call.report(60.0, stream(number * 60))
    spans = call.leave()
    first, second = named(spans, table.PARTICIPANT)
    links = [link for span in named(spans, table.SEGMENT) for link in span.links]

    assert first.trace_id != second.trace_id
    assert second.parent_id == b""
    assert [(link.trace_id, link.span_id) for link in second.links] == [(first.trace_id, first.span_id)]
    assert [(link.trace_id, link.span_id) for link in links] == [(second.trace_id, second.span_id)]
    assert orphans(spans) == []


def test_a_long_episode_leaves_in_parts() -> None:
    """Eleven minutes of loss: two parts of five minutes, and the rest."""
    call = Made()
    call.connect()
    for number in range(1, 67):
        call.report(10.0, stream(number * 10, 100 * number))
    spans = named(call.leave(), "rtc.episode.loss")

    assert [span.attributes["rtc.part"] for span in spans] == [0, 1, 2]
    assert [span.start for span in spans[1:]] == [span.end for span in spans[:-1]]


def test_the_participant_leaves_after_thirty_seconds_without_any_call() -> None:
    """Who sits in a lobby is seen."""
    call = Made()
    call.feed(Joined(ANN, call.now, {}))
    call.event("createPage", pc="")
    call.wait(29.0)
    before = [span.name for span in call.left]
    call.wait(1.0)

    assert before == [table.SESSION]
    assert [span.name for span in call.left] == [table.SESSION, table.PARTICIPANT]
    assert call.left[1].end - call.left[1].start == 30.0


def test_a_setup_waits_for_its_first_media_but_not_for_ever() -> None:
    """A connection without media is drawn five seconds after it is connected; media that comes later hangs on it."""
    call = Made()
    call.connect()
    call.wait(4.0)
    before = named(call.left, table.SETUP)
    call.wait(1.5)
    (setup,) = named(call.left, table.SETUP)
    call.event("unmute")
    spans = call.leave()

    assert before == []
    assert setup.end - setup.start == 0.75
    assert [span.parent_id for span in named(spans, "rtc.setup.first_packet")] == [setup.span_id]


def test_a_failed_offer_is_an_error_of_its_phase() -> None:
    """What the browser refuses is told by the name of its exception."""
    call = Made()
    call.feed(Joined(ANN, call.now, {}))
    call.event("create")
    call.event("setRemoteDescription", call="1")
    call.wait(0.5)
    call.event("setRemoteDescriptionOnFailure", call="1", error="InvalidAccessError")
    (phase,) = named(call.leave(), "rtc.setup.set_remote")

    assert (phase.error, phase.attributes["error.type"]) == ("InvalidAccessError", "InvalidAccessError")
    assert phase.end - phase.start == 0.5


def test_later_offers_are_negotiations() -> None:
    """A screen is shared, and shown by a new exchange."""
    call = Made()
    call.connect()
    call.wait(10.0)
    call.event("addTrack", kind="video", track="t")
    call.event("createOffer", call="7")
    call.wait(0.5)
    call.event("createOfferOnSuccess", call="7")
    call.event("setLocalDescription", call="8", type="offer")
    call.event("setLocalDescriptionOnSuccess", call="8")
    call.event("setRemoteDescription", call="9", type="answer")
    call.wait(0.5)
    call.event("setRemoteDescriptionOnSuccess", call="9")
    (span,) = named(call.leave(), table.NEGOTIATION)

    assert span.end - span.start == 1.0
    assert span.attributes["rtc.negotiation.role"] == "offer"
    assert (span.attributes["rtc.tracks.added"], span.attributes["rtc.tracks.removed"]) == (1, 0)


def test_an_ice_restart_and_the_outage_that_made_it() -> None:
    """Disconnected for eight seconds, restarted, recovered."""
    call = Made()
    call.connect()
    call.wait(10.0)
    call.event("iceconnectionstatechange", state="disconnected")
    call.wait(6.0)
    call.event("restartIce")
    call.event("setLocalDescription", call="8")
    call.event("setLocalDescriptionOnSuccess", call="8")
    call.event("iceconnectionstatechange", state="checking")
    call.wait(2.0)
    call.event("iceconnectionstatechange", state="connected")
    spans = call.leave()
    (restart,) = named(spans, table.RESTART)
    (outage,) = named(spans, "rtc.episode.disconnected")

    assert (restart.end - restart.start, restart.attributes["rtc.outcome"]) == (2.0, "recovered")
    assert restart.attributes["rtc.ice.restart.trigger"] == "restartIce"
    assert (outage.end - outage.start, outage.attributes["rtc.outcome"]) == (8.0, "recovered")
    assert (outage.attributes["rtc.severity"], outage.attributes["rtc.worst"]) == ("critical", 8.0)
    assert outage.error == "ICE is disconnected, as the peer connection says itself"


def test_a_connection_that_dies_is_one_episode() -> None:
    """ICE and the peer connection both say that they failed."""
    call = Made()
    call.connect()
    call.wait(10.0)
    call.event("iceconnectionstatechange", state="disconnected")
    call.event("connectionstatechange", state="disconnected")
    call.wait(15.0)
    call.event("iceconnectionstatechange", state="failed")
    call.event("connectionstatechange", state="failed")
    (outage,) = named(call.leave(), "rtc.episode.disconnected")

    assert (outage.end - outage.start, outage.attributes["rtc.outcome"]) == (15.0, "failed")


def test_a_long_outage_keeps_a_trace_before_it_ends() -> None:
    """At ratio 0: five seconds after ICE was disconnected the past of the call leaves."""
    call = Made(TraceSettings(ratio=0.0))
    call.connect()
    call.wait(10.0)
    call.event("iceconnectionstatechange", state="disconnected")
    call.wait(4.0)
    before = [span.name for span in call.left]
    call.wait(1.0)

    assert before == [table.SESSION]
    assert {span.name for span in call.left} >= {table.PARTICIPANT, table.SETUP}


def test_a_bad_rating_keeps_a_trace() -> None:
    """The user says it was bad: then it was, whatever was measured."""
    call = Made(TraceSettings(ratio=0.0))
    call.connect()
    call.wait(10.0)
    call.event("feedback", pc="", value=2.0, issue="audio")
    spans = call.leave()

    assert {span.attributes.get("rtc.sampling.reason") for span in spans[1:-1]} == {"rtc.feedback"}
    assert named(spans, table.SUMMARY)[0].attributes["rtc.feedback.rating"] == 2.0


def test_a_stay_whose_reports_could_not_be_read_is_partial() -> None:
    """The participant's summary and the session's say so, and a segment says when."""
    call = Made()
    call.connect()
    call.event("baseless", pc="")
    spans = call.leave()

    shown = [event.name for span in named(spans, table.SEGMENT) for event in span.events]
    assert shown.count("rtc.reports_lost") == 1
    assert named(spans, table.SUMMARY)[0].attributes["rtc.partial"] is True
    assert named(spans, table.SESSION_SUMMARY)[0].attributes["rtc.partial"] is True


def test_a_stay_that_was_read_wholly_says_nothing_of_it() -> None:
    """An attribute that would always be false is left out."""
    call = Made()
    call.connect()
    spans = call.leave()

    assert [name for span in spans for name in span.attributes if name == "rtc.partial"] == []


def test_what_a_library_of_the_client_finds_is_shown() -> None:
    """When it begins and when it is over; a word that nobody knows is not repeated."""
    call = Made()
    call.connect()
    call.event("issue", pc="", issue="congestion", flag=True)
    call.event("issue", pc="", issue="congestion", flag=False)
    call.event("issue", pc="", issue="the-cat", flag=True)
    spans = call.leave()

    shown = [event for span in named(spans, table.SEGMENT) for event in span.events if event.name == "rtc.client_issue"]
    assert [dict(event.attributes) for event in shown] == [
        {"rtc.client.issue": "congestion", "rtc.client.issue_begins": True},
        {"rtc.client.issue": "congestion", "rtc.client.issue_begins": False},
        {"rtc.client.issue": "other", "rtc.client.issue_begins": True},
    ]


def test_a_client_with_a_wrong_clock_has_spans_on_ours() -> None:
    """A clock that is an hour ahead is corrected, and the participant says by how much."""
    call = Made(offset=3600.0)
    call.connect()
    for second in range(1, 20):
        call.report(1.0, stream(second))
    spans = call.leave()
    (participant,) = named(spans, table.PARTICIPANT)

    assert participant.attributes["rtc.client.clock_offset"] == -3600.0
    assert all(START - 1 <= span.start <= span.end <= call.now for span in spans)
    assert named(spans, table.SETUP)[0].end - named(spans, table.SETUP)[0].start == 0.75


@pytest.mark.parametrize(
    ("header", "links"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
         [("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")]),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", []),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", []),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", []),
        ("nonsense", []),
        ("", []),
    ],
)  # fmt: skip
def test_the_trace_of_the_page_is_linked(header: str, links: list[tuple[str, str]]) -> None:
    """W3C Trace Context: a link, for the participants of a call share a trace of their own."""
    call = Made()
    call.feed(Joined(ANN, call.now, {"traceparent": header}))
    call.feed(Joined(ANN, call.now, {"traceparent": header}))
    (span,) = named(call.leave(), table.PARTICIPANT)

    assert [(link.trace_id.hex(), link.span_id.hex()) for link in span.links] == links


def test_exemplars_are_only_for_who_is_kept() -> None:
    """No dead links: labels appear with the decision, and are those of the participant's span."""
    call = Made(TraceSettings(ratio=0.0))
    call.connect()
    participant = call.pipeline.sessions.participants[ANN]
    before = participant.exemplar
    call.event("getUserMedia", pc="", audio=True)
    call.event("getUserMediaOnFailure", pc="", error="NotAllowedError")
    after = participant.exemplar
    (span,) = named(call.left, table.PARTICIPANT)

    assert before is None
    assert after == (("trace_id", span.trace_id.hex()), ("span_id", span.span_id.hex()), ("rtc.participant.id", "ann"))


def test_every_finished_span_is_counted_once() -> None:
    """Queued, sampled out and over budget add up to what was made; nothing is buffered in the end."""
    for ratio in (0.0, 1.0):
        call = Made(TraceSettings(ratio=ratio, budget=5))
        call.connect()
        for number in range(1, 200):
            call.report(10.0, stream(number * 10))
        spans = call.leave()
        store = call.pipeline.store
        made = {
            name: store.counter("rtc.exporter.spans", (name,), 0.0).value
            for name in ("queued", "sampled_out", "over_budget")
        }

        assert made["queued"] == len(spans)
        assert made["over_budget"] > 0
        assert (made["sampled_out"] > 0) == (ratio == 0.0)
        assert store.gauge("rtc.exporter.spans.buffered", (), 0.0).value == 0.0


def test_no_spans_are_made_where_nobody_takes_them() -> None:
    """Without OTLP nothing of this costs anything."""
    pipeline = Pipeline(PipelineSettings(), START)
    pipeline.feed(Joined(ANN, START, {}), START)

    assert pipeline.take_spans() == []
    assert pipeline.sessions.participants[ANN].story is None
