"""
Who speaks when: from the begins and ends of speech of a user and a voice agent to turns, interruptions and silences.

A pure state machine for one participant, on one clock, the client's event clock.  A *turn* is owed from the end of
the user's speech on (T_ue) and answered by the first audio of the agent (T_af); voice to voice is ``T_af - T_ue``, as
heard.  ``Turns`` answers with what it found (see ``dialogue``, which has the seconds too).

What is decided where the events leave a choice:

- Speech that goes on within ``CONTINUES`` of its end is one utterance; after that the user has asked again.
- Speech of no more than ``SHORTEST`` (a cough, "mm") owes nothing; if it is answered all the same, that is a turn.
- A begin without an end, a second begin, an end without a begin: the first begin counts, the others are let go of.
- A detector may say late that the user had finished: an answer that began after T_ue is one, whatever was told first.
- While one source of times is trusted (the best that was told, for each side), others neither begin nor end speech.
- Several agents are one voice: it begins with the first who speaks and ends with the last.
- No answer within ``NO_RESPONSE`` is none, if the client was heard of meanwhile; else nobody knows (``unmeasured``),
  as after a clock that went back.  A page that goes in the middle of a turn leaves it ``abandoned``.
- A muted user says nothing to the agent: muting ends the speech, and what the detector hears after that is ignored.
- Who stops speaking within ``BARGE`` of the user's begin stopped for the user, unless the agent says otherwise.
"""

from collections.abc import Callable, Mapping
from math import inf
from typing import ClassVar, TypeAlias

from rtc_exporter import dialogue
from rtc_exporter.dialogue import About, Barge, Finding, Side, Turn
from rtc_exporter.model import Member
from rtc_exporter.w3c import TIMING_SOURCES, VOICE_STAGES

Facts: TypeAlias = Mapping[str, Member]
Findings: TypeAlias = list[Finding]

#: The source of who does not say: what an application or its framework tells.
UNTOLD = "framework"


class Turns:
    """The dialogue of one participant."""

    __slots__ = (
        "agent", "conversation", "framework", "open", "recent", "rtt", "scope", "traceparent", "_agent", "_barge",
        "_both", "_doing", "_greeted", "_heard", "_last", "_muted", "_number", "_speakers", "_user",
    )  # fmt: skip

    def __init__(self) -> None:
        #: dialogue.Told by events, and true until told otherwise.
        self.agent = self.framework = self.conversation = self.traceparent = self.scope = ""
        #: Round trip between the media server and the agent.
        self.rtt: float | None = None
        #: The turn that is owed, and the one answered last, which waits for what the agent tells of it.
        self.open: Turn | None = None
        self.recent: Turn | None = None
        self._user, self._agent = Side(), Side()
        self._speakers: set[str] = set()
        self._barge: Barge | None = None
        #: From when to when the agent spoke while the user did: how much of it is known once the user's end is.
        self._both: tuple[float, float] | None = None
        #: What the agent's framework says that it does, whoever is trusted with times.
        self._doing = ""
        self._greeted = self._muted = False
        self._number = 0
        #: The time of the last event, and when the client was heard of last.
        self._last = self._heard = -inf

    @property
    def is_busy(self) -> bool:
        """Whether time alone can bring a finding."""
        return self.open is not None or self.recent is not None or self._barge is not None

    @property
    def about(self) -> About:
        """Whom findings are about now; of two sources the worse one."""
        ranks = [side.rank for side in (self._user, self._agent) if side.rank < len(TIMING_SOURCES)]
        return About(self.agent, self.framework, TIMING_SOURCES[max(ranks)] if ranks else UNTOLD)

    # ── what is told

    def event(self, name: str, facts: Facts, time: float, connected: float | None) -> Findings:
        """One of ``w3c.VOICE_EVENTS`` came; ``connected`` is when media could flow."""
        found: Findings = []
        if time < self._last - dialogue.BACK:
            self._drop(found)
            self._last = self._heard = time
        self._last = time = max(time, self._last)
        self._expire(time, found)
        self._tell(name, facts, found)
        handle = self._ON.get(name)
        if handle is not None:
            handle(self, time - _number(facts, "hangover"), facts, found)
        if not self._greeted and self._agent.since is not None:
            self._greet(self._agent.since, connected, found)
        return found

    def heard(self, time: float) -> Findings:
        """The client is there: its event clock says ``time``."""
        found: Findings = []
        if time > self._heard:
            self._expire(time, found)
        return found

    def leave(self) -> Findings:
        """The client has gone."""
        found: Findings = []
        if self.open is not None:
            self._decide(self.open, "abandoned", None, found)
        self._finish(found)
        return found

    # ── what the agent says of itself and of a turn

    def _tell(self, name: str, facts: Facts, found: Findings) -> None:
        self.agent = str(facts.get("agent", self.agent))
        self.framework = str(facts.get("framework", self.framework))
        self.conversation = str(facts.get("conversation", self.conversation))
        self.scope = str(facts.get("scope", self.scope))
        if "agent_rtt" in facts:
            self.rtt = _number(facts, "agent_rtt")
        if name == "voice.agent":
            self.traceparent = str(facts.get("traceparent", self.traceparent))
        if name != "voice.metrics":
            return
        turn = self._meant(facts.get("turn"))
        stages = {stage: _number(facts, stage) for stage in VOICE_STAGES if stage in facts}
        about = self.about if turn is None else turn.about
        found += [dialogue.StageTime(about, stage, seconds) for stage, seconds in stages.items()]
        if turn is None:
            return
        self._note(turn, facts)
        turn.stages |= stages
        if "e2e" in facts and turn.e2e is None:
            turn.e2e = _number(facts, "e2e")
            if turn is self.recent:
                found.append(dialogue.Told(turn))

    def _meant(self, number: Member | None) -> Turn | None:
        """The turn of the agent's number; else the one that is owed, else the one answered last."""
        known = [turn for turn in (self.open, self.recent) if turn is not None]
        named = [turn for turn in known if number is not None and turn.told == number]
        return next(iter(named or known), None)

    def _note(self, turn: Turn, facts: Facts) -> None:
        number = facts.get("turn")
        turn.told = number if isinstance(number, int) and turn.told is None else turn.told
        turn.conversation = self.conversation
        turn.traceparent = str(facts.get("traceparent", turn.traceparent or self.traceparent))

    def _trusts(self, side: Side, facts: Facts) -> bool:
        """Whether this event may begin or end the speech of a side; a better source than before begins anew."""
        rank = TIMING_SOURCES.index(str(facts.get("source", UNTOLD)))
        if rank < side.rank:
            side.rank, side.since = rank, None
            if side is self._agent:
                self._speakers = set()
        return rank == side.rank

    # ── the user

    def _user_starts(self, time: float, facts: Facts, found: Findings) -> None:
        user, agent, barge = self._user, self._agent, self._barge
        if not self._trusts(user, facts) or self._muted or user.since is not None:
            return
        user.since = max(time, user.last[1])
        if barge is not None and barge.onset is None and barge.stopped is not None and user.since <= barge.stopped:
            barge.onset = user.since
        elif agent.since is not None and user.since >= agent.since:
            self._barge = Barge(user.since)

    def _user_stops(self, time: float, facts: Facts, found: Findings) -> None:
        user, agent, barge, before = self._user, self._agent, self._barge, self.open
        if not self._trusts(user, facts) or user.since is None:
            return
        began, end = user.end(time)
        turn = Turn(self._number + 1, began, end, self.about)
        self._talk_both(end, found)
        self._note(turn, facts)
        if barge is not None and barge.onset is not None:
            barge.end = end
            if barge.stopped is not None:
                self._settle(barge, found)
            elif not turn.is_short:
                barge.turn = turn
        if agent.since is not None and agent.since < end:
            found.append(dialogue.DoubleTalk(turn.about, end - max(began, agent.since)))
            if min(agent.since - began, end - agent.since) > dialogue.SHORTEST:
                found.append(dialogue.Interruption(turn.about, "by_agent", None, agent.since))
            return
        if before is not None and before is self.open:
            if turn.is_short and began - before.end >= dialogue.CONTINUES:
                return
            if began - before.end < dialogue.CONTINUES:
                before.go_on(end)
                return
            self._decide(before, "reprompted", began, found)
        self._number += 1
        turn.number = self._number
        turn.thinking = end if self._doing == "thinking" else None
        self.open = turn
        first = agent.last[0] if agent.since is None else agent.since
        if first >= end:
            self._answer(turn, first, found)

    def _user_goes(self, time: float, facts: Facts, found: Findings) -> None:
        """The framework says that the user has been silent for long: an end was missed."""
        self._user.since = None

    def _mutes(self, time: float, facts: Facts, found: Findings) -> None:
        if self._user.since is not None:
            self._user_stops(time, {**facts, "source": TIMING_SOURCES[self._user.rank]}, found)
        self._muted = True

    def _unmutes(self, time: float, facts: Facts, found: Findings) -> None:
        self._muted = False

    # ── the agent

    def _agent_starts(self, time: float, facts: Facts, found: Findings) -> None:
        doing, agent, user, turn = self._doing, self._agent, self._user, self.open
        if facts.get("source", UNTOLD) == UNTOLD:
            self._doing = "speaking"
        if not self._trusts(agent, facts):
            return
        if len(self._speakers) < dialogue.AGENTS:
            self._speakers.add(str(facts.get("agent", "")))
        if agent.since is not None:
            return
        silent = agent.last[1]
        agent.since = max(time, silent)
        if turn is not None and turn is self.open:
            self._note(turn, facts)
            self._answer(turn, agent.since, found)
            return
        is_alone = user.since is None and user.last[1] < silent and self._barge is None
        if is_alone and dialogue.SHORTEST_GAP <= agent.since - silent <= dialogue.LONGEST_GAP:
            found.append(dialogue.Pause(self.about, silent, agent.since, doing == "speaking"))

    def _agent_stops(self, time: float, facts: Facts, found: Findings) -> None:
        agent, user, barge, told = self._agent, self._user, self._barge, facts.get("interrupted")
        if facts.get("source", UNTOLD) == UNTOLD:
            self._doing = ""
        if not self._trusts(agent, facts):
            return
        name = str(facts.get("agent", ""))
        self._speakers = self._speakers - {name, ""} if name else set()
        if self._speakers or agent.since is None:
            return
        began, end = agent.end(time)
        if user.since is not None and user.since < end:
            self._talk_both(inf, found)
            self._both = (max(began, user.since), end)
        if barge is None or barge.onset is None:
            self._barge = Barge(None, end) if told is True else None
            return
        took = end - barge.onset
        if told is False or took > (dialogue.BARGE_TOLD if told is True else dialogue.BARGE):
            self._ignore(barge, end, found)
            return
        barge.stopped = end
        if barge.end is not None or took > dialogue.SHORTEST:
            self._settle(barge, found)

    def _thinks(self, time: float, facts: Facts, found: Findings) -> None:
        if self._agent.since is not None and TIMING_SOURCES[self._agent.rank] == UNTOLD:
            self._agent_stops(time, facts, found)
        self._doing = "thinking"
        if self.open is not None and self.open.thinking is None:
            self.open.thinking = time

    def _synthesizes(self, time: float, facts: Facts, found: Findings) -> None:
        if self.open is not None and self.open.synthesizing is None:
            self.open.synthesizing = time

    # ── what follows

    def _greet(self, since: float, connected: float | None, found: Findings) -> None:
        """The agent is heard for the first time: it greets if the user has not spoken before."""
        self._greeted = True
        is_first = self._user.since is None and self._user.last == dialogue.NEVER
        if connected is not None and is_first and 0 <= since - connected <= dialogue.LONGEST_GREETING:
            found.append(dialogue.Greeting(self.about, since - connected))

    def _talk_both(self, end: float, found: Findings) -> None:
        """The user spoke until ``end``."""
        if self._both is not None and self._both[0] < end:
            found.append(dialogue.DoubleTalk(self.about, min(self._both[1], end) - self._both[0]))
        self._both = None

    def _settle(self, barge: Barge, found: Findings) -> None:
        """The agent has stopped while, or soon after, the user spoke."""
        assert barge.onset is not None, "there was a begin"
        assert barge.stopped is not None, "there was an end"
        is_real = (barge.stopped if barge.end is None else barge.end) - barge.onset > dialogue.SHORTEST
        seconds = max(0.0, barge.stopped - barge.onset) if is_real else None
        found.append(dialogue.Interruption(self.about, "stopped" if is_real else "false", seconds, barge.stopped))
        self._barge = None
        if self.recent is not None:
            self.recent.interrupted = True
        if barge.turn is not None and self.open is None and self._user.since is None:
            self._number += 1
            self.open = barge.turn
            self.open.number, self.open.silent = self._number, barge.stopped

    def _ignore(self, barge: Barge, time: float, found: Findings) -> None:
        """The agent went on."""
        if barge.onset is not None and (time if barge.end is None else barge.end) - barge.onset >= dialogue.IGNORED:
            found.append(dialogue.Interruption(self.about, "ignored", None, barge.onset))
        self._barge = None

    def _answer(self, turn: Turn, first: float, found: Findings) -> None:
        turn.first = max(first, turn.end)
        turn.about = self.about
        self._decide(turn, "answered", turn.first, found)

    def _decide(self, turn: Turn, outcome: str, time: float | None, found: Findings) -> None:
        """What becomes of the turn that is owed; ``time`` is when its silence ended, if that is known."""
        self.open = None
        if turn.is_short and outcome != "answered":
            return
        if time is not None and self._user.since is not None:
            time = min(time, self._user.since)
        if time is not None and time - turn.silent > dialogue.DEAD_AIR:
            found.append(dialogue.DeadAir(turn.about, time - turn.silent))
        self._finish(found)
        turn.outcome, turn.until = outcome, self._heard if time is None else time
        found.append(dialogue.Decided(turn))
        if outcome == "answered":
            self.recent = turn
        else:
            found.append(dialogue.Finished(turn))

    def _finish(self, found: Findings) -> None:
        if self.recent is not None:
            found.append(dialogue.Finished(self.recent))
            self.recent = None

    def _expire(self, time: float, found: Findings) -> None:
        """What time alone decides."""
        was_here = time - self._heard <= dialogue.ASLEEP
        self._heard = max(self._heard, time)
        turn, barge = self.open, self._barge
        # Who speaks again says that nothing came: that is decided when it is known for more than a cough.
        if turn is not None and time - turn.end >= dialogue.NO_RESPONSE and self._user.since is None:
            outcome, end = ("no_response", turn.end + dialogue.NO_RESPONSE) if was_here else ("unmeasured", None)
            self._decide(turn, outcome, end, found)
        if self.recent is not None and self.recent.first is not None and time - self.recent.first >= dialogue.HELD:
            self._finish(found)
        if barge is not None and barge.onset is not None and time - barge.onset >= dialogue.BARGE_TOLD:
            self._ignore(barge, barge.onset + dialogue.BARGE_TOLD, found)
        elif (
            barge is not None
            and barge.onset is None
            and barge.stopped is not None
            and time - barge.stopped >= dialogue.LATE
        ):
            found.append(dialogue.Interruption(self.about, "false", None, barge.stopped or time))
            self._barge = None
        for side in (self._user, self._agent):
            if side.since is not None and time - side.since > dialogue.LONGEST_SPEECH:
                side.since = None

    def _drop(self, found: Findings) -> None:
        """Times do not fit together any more: what was begun is let go of."""
        if self.open is not None:
            self._decide(self.open, "unmeasured", None, found)
        self._finish(found)
        for side in (self._user, self._agent):
            side.since, side.last = None, dialogue.NEVER
        self._speakers = set()
        self._barge = self._both = None
        self._greeted = True

    _ON: ClassVar[Mapping[str, Callable[["Turns", float, Facts, Findings], None]]] = {
        "voice.user_speech_started": _user_starts,
        "voice.user_speech_stopped": _user_stops,
        "voice.user_away": _user_goes,
        "voice.user_muted": _mutes,
        "voice.user_unmuted": _unmutes,
        "voice.agent_speech_started": _agent_starts,
        "voice.agent_speech_stopped": _agent_stops,
        "voice.agent_thinking": _thinks,
        "voice.agent_synthesizing": _synthesizes,
    }


def _number(facts: Facts, name: str) -> float:
    value = facts.get(name, 0.0)
    return float(value) if isinstance(value, int | float) else 0.0
