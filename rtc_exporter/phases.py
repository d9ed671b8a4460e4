"""
How a peer connection comes about and changes, as spans: setup with its phases, negotiations, ICE restarts.

``setup`` knows what happened and how long it took; here it gets a place in a trace.  All times are on the client's
event clock.  A setup span waits a moment after its outcome for the report that tells the path, and for the first
packet and frame; what comes later hangs on it just the same.
"""

from collections.abc import Callable, Mapping

from rtc_exporter import spans, w3c
from rtc_exporter.model import Member
from rtc_exporter.setup import DECISION, NEGOTIATES, Calls, Outcome, Restart, Setup, Stage, Step
from rtc_exporter.tracing import Draft, ParticipantTrace

#: API call -> phase of setup.
PHASE_OF_CALL = {
    "createOffer": "create_offer", "createAnswer": "create_answer",
    "setLocalDescription": "set_local", "setRemoteDescription": "set_remote",
}  # fmt: skip
#: Stage of the setup metrics -> phase of the setup span; API calls have been drawn already.
PHASE_OF_STAGE = {
    "ice_gathering": "ice_gathering", "ice_connected": "ice_connecting", "dtls_connected": "dtls_connecting",
    "first_packet": "first_packet", "first_frame": "first_frame",
}  # fmt: skip
FAILED = {
    "ice_failed": "ICE found no path", "dtls_failed": "DTLS failed", "timeout": "neither connected nor failed in 30 s",
}  # fmt: skip

#: Seconds that a setup span waits for its path and its first media.
LINGER = 5.0
#: Nothing is open for longer.
PART = 300.0
#: A negotiation that rests for so long has been given up, and a restart that nobody has negotiated has not begun.
GIVEN_UP = DECISION

Path = Callable[[], Mapping[str, Member]]


class Phases:
    """One peer connection's spans; ``path`` tells what is known of its selected path now."""

    __slots__ = (
        "candidates", "decided", "is_drawn", "setup_span", "_added", "_before", "_calls", "_errors", "_negotiation",
        "_outcome", "_path", "_phases", "_relay_only", "_removed", "_restart", "_set", "_setup", "_touched", "_trace",
        "_trigger", "_who",
    )  # fmt: skip

    def __init__(self, trace: ParticipantTrace, who: str, setup: Setup, path: Path) -> None:
        self._trace = trace
        self._who = who
        self._setup = setup
        self._path = path
        self._calls = Calls()
        self._phases: list[Draft] = []
        self._outcome = ""
        self._relay_only: bool | None = None
        self._errors = 0
        self.candidates = dict.fromkeys(w3c.CANDIDATE_TYPES, 0)
        #: When the outcome came; and whether the setup span has left.
        self.decided: float | None = None
        self.is_drawn = False
        self.setup_span: Draft | None = None
        self._negotiation: Draft | None = None
        #: What was set in it, and when it was heard of last.
        self._set: set[str] = set()
        self._touched = 0.0
        self._added = self._removed = 0
        self._restart: float | None = None
        self._trigger = ""
        self._before: Member | None = None

    # ── what happens

    def event(self, name: str, facts: Mapping[str, Member], time: float) -> list[Draft]:
        """An event of this peer connection; gives spans that have ended with it."""
        if name == "create":
            self._begin(time, facts)
        elif name == "setConfiguration" and "relay_only" in facts:
            self._relay_only = facts["relay_only"] is True
        elif name in NEGOTIATES or name == "restartIce":
            return self._called(name, facts, time)
        elif name.endswith(("OnSuccess", "OnFailure")):
            return self._settled(name, facts, time)
        elif name == "icecandidate" and facts.get("type") in self.candidates:
            self.candidates[str(facts["type"])] += 1
        elif name == "icecandidateerror":
            self._errors += 1
            if self.setup_span is not None and not self.is_drawn:
                self.setup_span.note("rtc.candidate_error", time, candidate_error(facts))
        elif name in ("addTrack", "addTransceiver"):
            self._added += 1
        elif name == "removeTrack":
            self._removed += 1
        return []

    def step(self, step: Step, time: float) -> list[Draft]:
        """What setup has found; gives spans that have ended with it."""
        match step:
            case Stage(name, seconds, end) if name in PHASE_OF_STAGE:
                return self._phase(PHASE_OF_STAGE[name], end - seconds, end)
            case Outcome(value):
                return self._decide(value, time)
            case Restart(outcome) if self._restart is not None:
                draft = self._draft(spans.RESTART, self._restart, time, str(int(self._restart * 1000)))
                draft.attributes |= {"rtc.ice.restart.trigger": self._trigger, "rtc.outcome": outcome}
                if self._before is not None:
                    draft.attributes["rtc.ice.candidate.previous_type"] = self._before
                after = self._path().get("rtc.ice.candidate.type")
                if after is not None and outcome == "recovered":
                    draft.attributes["rtc.ice.candidate.type"] = after
                if outcome == "failed":
                    draft.error, draft.is_bad = "the ICE restart failed", True
                self._restart = time if outcome == "superseded" else None
                return [draft]
        return []

    def tick(self, time: float) -> list[Draft]:
        """Time passes: the setup span leaves when it has waited long enough."""
        is_due = self.setup_span is not None and not self.is_drawn and self._is_complete(time)
        return self._draw() if is_due else []

    def close(self) -> list[Draft]:
        """The peer connection ends, and with it all that is open."""
        left = self._give_up()
        return self._draw() + left if self.setup_span is not None and not self.is_drawn else left

    @property
    def is_bad(self) -> bool:
        """Whether it failed to connect."""
        return self._outcome in FAILED

    @property
    def outcome(self) -> str:
        """How the attempt to connect ended; "" as long as it has not."""
        return self._outcome

    # ── setup

    def _begin(self, time: float, facts: Mapping[str, Member]) -> None:
        self.setup_span = self._draft(spans.SETUP, time, time)
        if "relay_only" in facts:
            self._relay_only = facts["relay_only"] is True

    def _phase(self, name: str, start: float, end: float, error: str | None = None) -> list[Draft]:
        """A phase has ended; it leaves with its parent, or after it."""
        if self.setup_span is None:
            return []
        if any(known.name == f"rtc.setup.{name}" for known in self._phases):
            return []  # a phase is drawn once; what comes again is a negotiation
        draft = self._trace.draft(f"rtc.setup.{name}", start, end, self._who, parent=self.setup_span.id)
        draft.trace = self.setup_span.trace
        draft.attributes["rtc.peer_connection.id"] = self._who
        if name == "ice_gathering":
            draft.attributes |= self._gathered()
        if error is not None:
            draft.error, draft.is_bad = error, True
            draft.attributes["error.type"] = error
        self._phases.append(draft)
        return [draft] if self.is_drawn else []

    def _decide(self, outcome: str, time: float) -> list[Draft]:
        """The outcome is known; gives the phase that failed where its setup has left without it."""
        self._outcome = outcome
        self.decided = time
        if outcome == "ice_failed" or (outcome == "timeout" and self._setup.ice_connected is None):
            return self._phase("ice_connecting", self._setup.checking_since or self._since(), time, outcome)
        if outcome in ("dtls_failed", "timeout"):
            return self._phase("dtls_connecting", self._setup.ice_connected or self._since(), time, outcome)
        return []

    def _since(self) -> float:
        """When the last phase ended: the next one may have no beginning of its own."""
        ends = [draft.end for draft in self._phases]
        return max(ends, default=self.setup_span.start if self.setup_span is not None else 0.0)

    def _is_complete(self, time: float) -> bool:
        if self.decided is None:  # it rings, or nobody negotiates
            return self.setup_span is not None and time - self.setup_span.start >= PART
        is_whole = bool(self._path()) and not self._setup.awaits_media
        return self._outcome != "connected" or is_whole or time - (self.decided or 0.0) >= LINGER

    def _draw(self) -> list[Draft]:
        self.is_drawn = True
        draft = self.setup_span
        if draft is None:
            return []
        draft.end = self.decided if self.decided is not None else self._since()
        told: dict[str, Member] = {"rtc.peer_connection.id": self._who, **self._gathered(), **self._path()}
        if self._outcome:
            told["rtc.outcome"] = self._outcome
        if self._relay_only is not None:
            told["rtc.ice.transport_policy"] = "relay" if self._relay_only else "all"
        if self._errors:
            told["rtc.ice.candidate.errors"] = self._errors
        if self.is_bad:
            draft.error, draft.is_bad = FAILED[self._outcome], True
            told["error.type"] = self._outcome
        draft.attributes |= told
        return [draft, *self._phases]

    def _gathered(self) -> dict[str, Member]:
        return {f"rtc.ice.candidates.{kind}": number for kind, number in self.candidates.items() if number}

    # ── calls: phases of setup at first, negotiations later

    def _called(self, name: str, facts: Mapping[str, Member], time: float) -> list[Draft]:
        wants_restart = name == "restartIce" or facts.get("ice_restart") is True
        if wants_restart and self._setup.ice_connected is not None and self._restart is None:
            self._restart, self._trigger = time, name
            self._before = self._path().get("rtc.ice.candidate.type")
        if name not in NEGOTIATES:
            return []
        left = self._give_up() if time - self._touched > GIVEN_UP else []
        if self._restart is not None and not self._set and time - self._restart > GIVEN_UP:
            self._restart = time
        self._touched = time
        self._calls.begin(name, str(facts.get("call", "")), time)
        if self._is_later() and self._negotiation is None:
            self._negotiation = self._draft(spans.NEGOTIATION, time, time, str(int(time * 1000)))
            offers = name == "createOffer" or (name == "setLocalDescription" and facts.get("type") != "answer")
            self._negotiation.attributes["rtc.negotiation.role"] = "offer" if offers else "answer"
            self._set.clear()
        return left

    def _give_up(self) -> list[Draft]:
        """The negotiation that was begun and not ended, up to its last sign."""
        draft, self._negotiation = self._negotiation, None
        if draft is None:
            return []
        draft.end = max(draft.start, self._touched)
        draft.attributes["rtc.outcome"] = "abandoned"
        return [draft]

    def _is_later(self) -> bool:
        return self._setup.is_decided

    def _settled(self, name: str, facts: Mapping[str, Member], time: float) -> list[Draft]:
        method, has_failed = name[:-9], name.endswith("OnFailure")
        if method not in PHASE_OF_CALL:
            return []
        seconds = self._calls.settle(method, str(facts.get("call", "")), time)
        # A clock was set, or the page slept: whatever this is the answer to lies behind it.
        left = self._give_up() if abs(time - self._touched) > PART else []
        self._touched = time
        error = str(facts.get("error", "_OTHER")) if has_failed else None
        if self._negotiation is None:
            start = time - (seconds or 0.0)
            return left if self._is_later() else self._phase(PHASE_OF_CALL[method], start, time, error)
        if not has_failed:
            self._set.add(method)
        if not has_failed and not self._set.issuperset(("setLocalDescription", "setRemoteDescription")):
            return []
        draft, self._negotiation = self._negotiation, None
        draft.end = time
        draft.attributes |= {"rtc.tracks.added": self._added, "rtc.tracks.removed": self._removed}
        self._added = self._removed = 0
        if error is not None:
            draft.error, draft.is_bad = f"{method} failed", True
            draft.attributes["error.type"] = error
        return [draft]

    def _draft(self, name: str, start: float, end: float, *parts: str) -> Draft:
        draft = self._trace.draft(name, start, end, self._who, *parts)
        draft.attributes["rtc.peer_connection.id"] = self._who
        return draft


def candidate_error(facts: Mapping[str, Member]) -> dict[str, Member]:
    """What a candidate error tells."""
    told: dict[str, Member] = {"error.type": str(facts.get("error", "_OTHER"))}
    if "scheme" in facts:
        told["rtc.ice.server.scheme"] = facts["scheme"]
    if "protocol" in facts:
        told["rtc.ice.transport"] = facts["protocol"]
    return told
