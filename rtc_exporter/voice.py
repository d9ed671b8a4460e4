"""
From conversations with voice agents to series and spans: one function for each finding of ``dialogue``.

A turn is counted when it is decided and not when the session ends, so that an alert sees an agent that has become
slow.  Its span waits some seconds more for what the agent itself measured.  Nothing is kept for participants who have
nothing to do with an agent.

Where the times of speech are those of reports (source ``stats``), turns are counted and no distribution is fed: the
resolution is a second, and the question is about tenths.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rtc_exporter import catalog, spans, w3c
from rtc_exporter.conversation import READS, Conversation, Way
from rtc_exporter.delta import Fold
from rtc_exporter.dialogue import (
    INTERRUPTIONS,
    OUTCOMES,
    About,
    DeadAir,
    Decided,
    DoubleTalk,
    Finding,
    Finished,
    Greeting,
    Interruption,
    Pause,
    StageTime,
    Told,
    Turn,
)  # fmt: skip
from rtc_exporter.gaps import CAUSES, Gap
from rtc_exporter.labels import Labels
from rtc_exporter.model import Event, Member
from rtc_exporter.series import ExemplarLabels, SeriesStore
from rtc_exporter.sessions import Participant
from rtc_exporter.span import Link
from rtc_exporter.tracer import Tracer
from rtc_exporter.tracing import Draft

#: With ``Voice``, the members to be followed.
__all__ = ["READS", "Voice"]

#: Voice to voice, in seconds.  From the first on users notice, which vendors of agents agree on (their 95th percentile
#: is to stay below); the second is where silence is counted as dead air (``dialogue.DEAD_AIR``).
SLOW, CRITICAL = 1.5, 2.0

_EVENTS = frozenset(w3c.VOICE_EVENTS)


class _Drawn:
    """What is known of a turn's span before it leaves."""

    __slots__ = ("draft", "exemplar", "way")

    def __init__(self, way: Way | None) -> None:
        self.way = way
        self.draft: Draft | None = None
        self.exemplar: ExemplarLabels | None = None


class Voice:
    """Turns what is found in conversations into series and spans."""

    def __init__(self, store: SeriesStore, labels: Labels, tracer: Tracer | None) -> None:
        self._store = store
        self._labels = labels
        self._tracer = tracer
        #: Participants of whom time alone can tell something.
        self._busy: dict[Participant, None] = {}

    # ── what happens

    def event(self, participant: Participant, event: Event, now: float) -> None:
        """An event of a page or of a peer connection; most are none of an agent's."""
        name, talk = event.name, participant.talk
        if name == "connectionstatechange":
            if participant.connected is None and event.facts.get("state") == "connected":
                participant.connected = event.time
            return
        if name == "enabled" and talk is not None and participant.kind_of(str(event.facts.get("track", ""))) == "audio":
            name = "voice.user_unmuted" if event.facts.get("flag") is True else "voice.user_muted"
        if name not in _EVENTS:
            return
        if talk is None:
            talk = participant.talk = Conversation()
        found = talk.turns.event(name, event.facts, event.time, participant.connected)
        self._prepare(participant, talk, now)
        self._take(participant, talk, found, now)

    def fold(self, participant: Participant, fold: Fold, now: float) -> None:
        """A fold of one of its peer connections, before its increments are let go of."""
        talk = participant.talk
        if talk is not None:
            found = [*talk.fold(fold, participant.sent), *talk.turns.heard(participant.sent)]
            self._take(participant, talk, found, now)

    def tick(self, now: float) -> None:
        """Once a second: what nobody answered."""
        for participant in list(self._busy):
            talk = participant.talk
            if talk is not None:
                # Not ``participant.time(now)``: of a client that says nothing, nothing is known.
                found = [*talk.turns.heard(participant.sent), *talk.gaps.tick(participant.sent)]
                self._take(participant, talk, found, now)
            else:
                del self._busy[participant]

    def leave(self, participant: Participant, now: float) -> None:
        """The participant is gone: what is open ends."""
        talk = participant.talk
        if talk is not None:
            self._take(participant, talk, [*talk.turns.leave(), *talk.gaps.finish()], now)
            participant.talk = None
            self._busy.pop(participant, None)

    def _take(self, participant: Participant, talk: Conversation, found: Iterable[Finding | Gap], now: float) -> None:
        for one in found:
            _ON[type(one)](self, participant, talk, one, now)
        if talk.turns.is_busy or talk.gaps.is_busy:
            self._busy[participant] = None
        else:
            self._busy.pop(participant, None)

    # ── findings

    def _decided(self, participant: Participant, talk: Conversation, one: Decided, now: float) -> None:
        turn = one.turn
        drawn = turn.notes = _Drawn(talk.way(turn.until))
        story = participant.story
        if story is not None:
            number = str(int(turn.end * 1000))
            drawn.draft = story.trace.draft(spans.VOICE_TURN, turn.end, turn.until, number)
            if severity(turn) == "critical":
                drawn.draft.is_bad, drawn.draft.error = True, "No answer" if turn.first is None else "Slow answer"
                assert self._tracer is not None, "who has a story is traced"
                self._tracer.keep(participant, spans.VOICE_TURN)
            if participant.exemplar is not None:
                own = {"span_id": drawn.draft.id.hex()}
                drawn.exemplar = tuple((name, own.get(name, value)) for name, value in participant.exemplar)
        about = turn.about
        self._add(participant, about, "rtc.voice.turns", 1, now, {"rtc.voice.outcome": turn.outcome})
        if turn.latency is None:
            return
        self._observe(participant, about, "rtc.voice.turn.latency", turn.latency, now, drawn.exemplar)
        if drawn.way is not None:
            way, rest = drawn.way.total, max(0.0, turn.latency - drawn.way.total)
            self._observe(participant, about, "rtc.voice.turn.transport.latency", way, now, drawn.exemplar)
            self._observe(participant, about, "rtc.voice.turn.pipeline.latency", rest, now, drawn.exemplar)
        if turn.e2e is not None:
            self._explain(participant, turn, drawn, now)

    def _told(self, participant: Participant, talk: Conversation, one: Told, now: float) -> None:
        if isinstance(drawn := one.turn.notes, _Drawn):
            self._explain(participant, one.turn, drawn, now)

    def _explain(self, participant: Participant, turn: Turn, drawn: _Drawn, now: float) -> None:
        """The agent's own figure, and what neither it nor the way accounts for."""
        assert turn.e2e is not None, "it was told"
        self._observe(participant, turn.about, "rtc.voice.turn.agent.latency", turn.e2e, now, drawn.exemplar)
        rest = unexplained(turn, drawn.way)
        if rest is not None:
            self._observe(participant, turn.about, "rtc.voice.turn.unexplained.latency", rest, now, drawn.exemplar)

    def _finished(self, participant: Participant, talk: Conversation, one: Finished, now: float) -> None:
        drawn = one.turn.notes
        if self._tracer is not None and isinstance(drawn, _Drawn) and drawn.draft is not None:
            told = {name: self._labels.admit(name, value, now) for name, value in _who(one.turn.about).items()}
            draw(drawn.draft, one.turn, drawn.way, talk.turns.scope, told)
            self._tracer.send(participant, drawn.draft, now)

    def _stage(self, participant: Participant, talk: Conversation, one: StageTime, now: float) -> None:
        extra = {"rtc.voice.stage": one.stage}
        self._observe(participant, one.about, "rtc.voice.turn.stage.duration", one.seconds, now, None, extra)

    def _interruption(self, participant: Participant, talk: Conversation, one: Interruption, now: float) -> None:
        extra = {"rtc.voice.interruption": one.kind}
        self._add(participant, one.about, "rtc.voice.interruptions", 1, now, extra)
        if one.seconds is not None:
            name = "rtc.voice.interruption.latency"
            self._observe(participant, one.about, name, one.seconds, now, participant.exemplar)
        if participant.story is not None:
            participant.story.note("rtc.voice.interruption", one.time, dict(extra))

    def _double_talk(self, participant: Participant, talk: Conversation, one: DoubleTalk, now: float) -> None:
        self._add(participant, one.about, "rtc.voice.double_talk.time", one.seconds, now)

    def _dead_air(self, participant: Participant, talk: Conversation, one: DeadAir, now: float) -> None:
        name = "rtc.voice.dead_air.duration"
        self._observe(participant, one.about, name, one.seconds, now, participant.exemplar)

    def _greeting(self, participant: Participant, talk: Conversation, one: Greeting, now: float) -> None:
        name = "rtc.voice.agent.first_audio"
        self._observe(participant, one.about, name, one.seconds, now, participant.exemplar)

    def _pause(self, participant: Participant, talk: Conversation, one: Pause, now: float) -> None:
        for gap in talk.gaps.add(one):
            self._gap(participant, talk, gap, now)

    def _gap(self, participant: Participant, talk: Conversation, one: Gap, now: float) -> None:
        extra = {"rtc.voice.gap.cause": one.cause}
        self._add(participant, one.about, "rtc.voice.gaps", 1, now, extra)
        self._add(participant, one.about, "rtc.voice.gap.time", one.seconds, now, extra)
        if participant.story is not None:
            participant.story.note("rtc.voice.gap", one.start, {**extra, "rtc.voice.gap.duration": _ms(one.seconds)})

    # ── series

    def _prepare(self, participant: Participant, talk: Conversation, now: float) -> None:
        """Counters of rare events start at 0 as soon as it is known for whom."""
        about = talk.turns.about
        key = (participant.cohort_key, about)
        if talk.zeros == key:
            return
        talk.zeros = key
        for outcome in OUTCOMES:
            self._add(participant, about, "rtc.voice.turns", 0, now, {"rtc.voice.outcome": outcome})
        for kind in INTERRUPTIONS:
            self._add(participant, about, "rtc.voice.interruptions", 0, now, {"rtc.voice.interruption": kind})
        for cause in CAUSES:
            self._add(participant, about, "rtc.voice.gaps", 0, now, {"rtc.voice.gap.cause": cause})
            self._add(participant, about, "rtc.voice.gap.time", 0, now, {"rtc.voice.gap.cause": cause})

    def _add(
        self, participant: Participant, about: About, name: str, amount: float, now: float,
        extra: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self._store.add(name, self._values(participant, about, name, extra, now), amount, now)

    def _observe(
        self, participant: Participant, about: About, name: str, seconds: float, now: float,
        exemplar: ExemplarLabels | None, extra: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        if not about.is_coarse or name in TOLD:
            values = self._values(participant, about, name, extra, now)
            self._store.observe(name, values, seconds, now, exemplar=exemplar)

    def _values(
        self, participant: Participant, about: About, name: str, extra: Mapping[str, str] | None, now: float
    ) -> tuple[str, ...]:
        told = self._labels.admit_all({**_who(about), **(extra or {})}, now)
        return participant.values(catalog.BY_NAME[name].attributes, told)


#: What the agent measured itself, however coarse our times are.
TOLD = frozenset(("rtc.voice.turn.stage.duration", "rtc.voice.turn.agent.latency"))

_ON: dict[type, Callable[[Voice, Participant, Conversation, Any, float], None]] = {
    Decided: Voice._decided,
    Told: Voice._told,
    Finished: Voice._finished,
    StageTime: Voice._stage,
    Interruption: Voice._interruption,
    DoubleTalk: Voice._double_talk,
    DeadAir: Voice._dead_air,
    Greeting: Voice._greeting,
    Pause: Voice._pause,
    Gap: Voice._gap,
}


def severity(turn: Turn) -> str:
    """How bad a turn was for who waited: "" where it was not, or nobody knows."""
    if turn.outcome == "no_response" or (turn.latency is not None and turn.latency >= CRITICAL):
        return "" if turn.about.is_coarse else "critical"
    return "warning" if turn.latency is not None and turn.latency >= SLOW and not turn.about.is_coarse else ""


def unexplained(turn: Turn, way: Way | None) -> float | None:
    """What neither the way nor the agent's own figure accounts for; definitions differ, so it is no less than 0."""
    if turn.latency is None or turn.e2e is None or way is None:
        return None
    return max(0.0, turn.latency - way.total - turn.e2e)


def draw(draft: Draft, turn: Turn, way: Way | None, scope: str, who: Mapping[str, str]) -> None:
    """All that is known of a turn goes on its span."""
    rest = None if turn.latency is None or way is None else max(0.0, turn.latency - way.total)
    seconds = {
        "rtc.voice.speech.duration": turn.end - turn.began,
        "rtc.voice.latency.total": turn.latency,
        "rtc.voice.latency.transport": None if way is None else way.total,
        "rtc.voice.latency.pipeline": rest,
        "rtc.voice.latency.unexplained": unexplained(turn, way),
        "rtc.voice.latency.agent": turn.e2e,
        **{f"rtc.voice.latency.{stage}": took for stage, took in turn.stages.items()},
        **({} if way is None else {f"rtc.voice.transport.{part}": took for part, took in way.parts.items()}),
    }
    scope = "end_to_end" if way is not None and "agent_round_trip_time" in way.parts else scope
    told: dict[str, Member | None] = {
        "rtc.voice.outcome": turn.outcome,
        "rtc.voice.resolution": "coarse" if turn.about.is_coarse else "fine",
        "rtc.voice.turn.number": turn.number if turn.told is None else turn.told,
        "rtc.voice.interrupted": turn.interrupted if turn.first is not None else None,
        "gen_ai.conversation.id": turn.conversation or None,
        "rtc.transport.scope": scope or None if way is not None else None,
        "rtc.severity": severity(turn) or None,
        **{name: value or None for name, value in who.items()},
        **{name: None if value is None else _ms(value) for name, value in seconds.items()},
    }
    draft.attributes |= {name: value for name, value in told.items() if value is not None}
    for name, time in (("rtc.voice.thinking", turn.thinking), ("rtc.voice.synthesizing", turn.synthesizing)):
        if time is not None:
            draft.note(name, time, {})
    if turn.traceparent:
        _, trace, span, _ = turn.traceparent.split("-")
        draft.links = (Link(bytes.fromhex(trace), bytes.fromhex(span), {}),)


def _who(about: About) -> dict[str, str]:
    return {
        "gen_ai.agent.name": about.agent,
        "rtc.voice.framework": about.framework,
        "rtc.voice.timing.source": about.source,
    }


def _ms(seconds: float) -> float:
    """Clients' clocks have milliseconds: what is finer is noise."""
    return round(seconds, 3)
