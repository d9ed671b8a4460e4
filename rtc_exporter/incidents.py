"""
What goes wrong with a peer connection, as its events and states tell it: the rules of ``rules.setup``.

One ``Incidents`` per peer connection takes its events, what ``setup`` makes of them, and the time, and answers with
episodes.  Times are of the client's event clock, in seconds.  What has happened is told with its true begin and end,
also where that is only known later: a call that broke off did so when the path went, not when hope did.

Nothing is said of what a client does not tell: who sends no states has never not connected.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from rtc_exporter.episodes import Change, Episode
from rtc_exporter.gathering import Gathering
from rtc_exporter.ledger import PAUSE, Ledger
from rtc_exporter.model import Member
from rtc_exporter.rules import DISCONNECTED
from rtc_exporter.rules import setup as rules
from rtc_exporter.rules.rule import Rule
from rtc_exporter.setup import CONNECTED_ICE, NEGOTIATES, Outcome, Restart, Stage, Step

NO_CHANGES: Sequence[Change] = ()

#: Stable states that are remembered: one more than what is allowed in a minute.
STABLE, MINUTE = int(rules.NEGOTIATION_STORM.on) + 1, 60.0
#: Results that say that the browser refused something -> the call.
REFUSALS = {f"{method}OnFailure": method for method in (*sorted(NEGOTIATES), "addIceCandidate")}
_FAILURES = (rules.ICE_FAILED, rules.DTLS_FAILED)

_Facts = Mapping[str, Member]


class Incidents:
    """What goes wrong with one peer connection."""

    __slots__ = (
        "_answered", "_channel", "_cold", "_connected", "_connecting", "_created", "_down", "_dropped", "_ever",
        "_failed", "_frame", "_framed", "_gathering", "_ice", "_ice_ever", "_is_closed", "_ledger", "_negotiated",
        "_offered", "_pending", "_replaced", "_stable", "_stated", "_tells", "_time", "_unmuted", "_video", "has_media",
    )  # fmt: skip

    def __init__(self) -> None:
        self._ledger = Ledger()
        self._time = 0.0
        self._created: float | None = None
        self._is_closed = False
        #: Whether states are told at all, and those of the whole connection; and whether it was ever connected.
        self._tells = self._stated = self._ever = False
        self._connected: float | None = None
        self._connecting: float | None = None
        self._ice, self._ice_ever = "new", False
        #: Since when it is down, whether it has failed, and whether that was told as a call that broke off.
        self._down: float | None = None
        self._failed = self._dropped = self._replaced = False
        #: Its candidates, and whether it failed before a server had given one.
        self._gathering = Gathering(self._ledger)
        self._cold = False
        # Descriptions: the offer that waits, when signalling was last stable, and what waits since.
        self._offered: float | None = None
        self._answered = self._negotiated = False
        self._pending: float | None = None
        self._stable: list[float] = []
        # Media: the first remote video track, its first packet and its first frame.
        self._video = ""
        self._unmuted: float | None = None
        self._frame: float | None = None
        self._framed = self._channel = False
        #: Whether a report has shown media or a data channel; None as long as there was none.
        self.has_media: bool | None = None

    @property
    def open(self) -> list[Episode]:
        """Episodes that last."""
        return self._ledger.open

    @property
    def waits(self) -> bool:
        """Whether something depends on how much time passes."""
        return self._connecting is not None or self._down is not None or bool(self._ledger.open)

    @property
    def is_up(self) -> bool:
        """Whether it is connected now."""
        return self._ever and self._down is None and not self._is_closed

    def replace(self) -> None:
        """Another connection of the participant came up: what broke off or never came about may have been replaced."""
        self._replaced = self._down is not None or any(self._ledger.get(rule) for rule in _FAILURES)

    def event(self, name: str, facts: _Facts, time: float) -> Sequence[Change]:
        """An event of this peer connection."""
        if self._is_closed:
            return NO_CHANGES
        changes = self._pass(time)
        react = _ON.get(name)
        if react is not None:
            changes += react(self, facts, time)
        elif name in REFUSALS:
            changes += self._refused(REFUSALS[name], facts, time)
        return changes

    def step(self, step: Step, time: float) -> Sequence[Change]:
        """What setup has found."""
        if self._is_closed:
            return NO_CHANGES
        match step:
            case Stage("dtls_connected", seconds, end) if seconds > rules.SLOW_DTLS.on:
                return self._ledger.happened(rules.SLOW_DTLS, end - seconds, end, seconds)
            case Stage("first_frame", _, end) if self._frame is None:
                self._frame = end
            case Outcome("connected") if not self._ever:
                return self._up(time)
            case Outcome("timeout"):
                return self._never(rules.NEVER_CONNECTED, time)
            case Outcome("abandoned"):
                return self._abandoned(time)
            case Restart("failed"):
                return self._ledger.happened(rules.ICE_RESTART_FAILED, time)
        return NO_CHANGES

    def tick(self, time: float) -> Sequence[Change]:
        """Time passes."""
        return self._pass(time) if self.waits else NO_CHANGES

    def close(self, time: float) -> list[Change]:
        """The peer connection ends, and all that is open with it."""
        if self._is_closed:
            return []
        changes = self._pass(time)
        pending = 0.0 if self._pending is None else time - self._pending
        if self._ever and pending > rules.NEGOTIATION_PENDING.on:
            changes += self._ledger.happened(rules.NEGOTIATION_PENDING, time - pending, time, pending)
        seconds = 0.0 if self._connected is None or self._created is None else time - self._connected
        if self.has_media is False and not self._channel and seconds > rules.EMPTY_CONNECTION.on:
            changes += self._ledger.happened(rules.EMPTY_CONNECTION, time - seconds, time, seconds)
        for episode in self._ledger.open:
            changes += self._ledger.end(episode.rule, time, "failed" if self._failed else "closed")
        self._is_closed, self._down, self._connecting = True, None, None
        return changes

    # ── time

    def _pass(self, time: float) -> list[Change]:
        """What is due; after a pause nothing is, and what lasts begins anew."""
        changes: list[Change] = []
        if self.waits:
            if time - self._time > PAUSE:
                changes += self._ledger.interrupt()
                self._connecting = None if self._connecting is None else time
                self._down = None if self._down is None else time
            elif self._down is not None:
                changes += self._ledger.begin(DISCONNECTED, self._down, time, is_critical=self._failed)
            if self._replaced:
                self._replaced, self._dropped = False, True
                changes += self._end(_FAILURES, time, "superseded")
            changes += self._ledger.last(time)
            if self._connecting is not None and time - self._connecting >= rules.SLOW_CONNECT.on:
                changes += self._ledger.begin(rules.SLOW_CONNECT, self._connecting, time)
            if self._down is not None and not self._dropped and time - self._down >= rules.DROPPED_CALL.on:
                self._dropped = True
                changes += self._ledger.happened(rules.DROPPED_CALL, self._down, value=time - self._down)
        self._time = time
        return changes

    # ── states

    def _create(self, facts: _Facts, time: float) -> list[Change]:
        self._created = time
        return self._configure(facts, time)

    def _ice_state(self, facts: _Facts, time: float) -> list[Change]:
        self._tells = True
        self._ice = state = str(facts.get("state", ""))
        if state in CONNECTED_ICE:
            self._ice_ever = True
            if self._ever or self._down is not None:
                return self._up(time)
            # Whether the other state is told, which also waits for DTLS, is not known yet: it may come after this one.
            self._connecting = self._connecting if self._stated else None
            return [] if self._stated else self._ledger.end(rules.SLOW_CONNECT, time)
        if state == "checking":
            self._connecting = self._connecting if self._ever or self._connecting is not None else time
        return self._lose(state, time) if state in ("disconnected", "failed") else []

    def _state(self, facts: _Facts, time: float) -> list[Change]:
        self._tells = self._stated = True
        state = str(facts.get("state", ""))
        if state == "connected":
            return self._up(time)
        if state == "connecting":
            self._connecting = self._connecting if self._ever or self._connecting is not None else time
            return []
        return self._lose(state, time) if state in ("disconnected", "failed") else []

    def _up(self, time: float) -> list[Change]:
        """It is connected, for the first time or again."""
        if self._connected is None:
            self._connected = time
        self._ever = True
        self._connecting = self._down = None
        self._failed = self._dropped = self._replaced = False
        return self._ledger.end(rules.SLOW_CONNECT, time) + self._end((*_FAILURES, DISCONNECTED), time, "recovered")

    def _end(self, several: Iterable[Rule], time: float, outcome: str) -> list[Change]:
        return [change for rule in several for change in self._ledger.end(rule, time, outcome)]

    def _lose(self, state: str, time: float) -> list[Change]:
        """It is disconnected or has failed: a call that was there is down, one that was not has never come about."""
        changes: list[Change] = []
        if self._ever or self._created is None or (self._ice_ever and not self._stated):
            self._down = time if self._down is None else self._down
            self._failed = self._failed or state == "failed"
            changes += self._ledger.begin(DISCONNECTED, self._down, time, is_critical=self._failed)
            return changes + (self._ledger.worsen(DISCONNECTED) if self._failed else [])
        if state != "failed" or self._failed:
            return changes
        self._failed, self._connecting = True, None
        changes += self._ledger.end(rules.SLOW_CONNECT, time)
        if self._ice_ever:
            return changes + self._ledger.begin(rules.DTLS_FAILED, time, time)
        self._cold = self._gathering.is_local
        side, cause = self._blame()
        changes += self._ledger.begin(rules.ICE_FAILED, time, time, side=side, cause=cause)
        return changes + self._miss_turn(time)

    # ── outcomes

    def _never(self, rule: Rule, time: float) -> list[Change]:
        """The attempt has come to nothing."""
        is_unknown = not self._tells or (self._ice_ever and not self._stated)
        if self._ever or self._failed or is_unknown or self._created is None:
            return []
        stage = "ice_gathering" if self._ice == "new" else "ice_connected"
        stage = "dtls_connected" if self._ice_ever else stage
        words = {"rtc.setup.stage": stage if self._answered else "set_remote"}
        seconds = time - self._created
        side, cause = self._blame() if rule in rules.BLAMES_TURN else ("", "")
        changes = self._ledger.happened(rule, self._created, time, seconds, words=words, side=side, cause=cause)
        return changes + (self._miss_turn(time) if rule is rules.NEVER_CONNECTED else [])

    def _abandoned(self, time: float) -> list[Change]:
        if self._created is None or time - self._created <= rules.GIVEN_UP.on:
            return []
        return self._never(rules.GIVEN_UP if self._answered else rules.UNANSWERED, time)

    def _blame(self) -> tuple[str, str]:
        """Whose it is that no path was found, and why: a relay would have been one."""
        turn = self._gathering.turn
        return ("", "") if turn is None else (turn.side, turn.name)

    def _miss_turn(self, time: float) -> list[Change]:
        return self._ledger.happened(rules.NO_TURN, time) if self._gathering.has_no_turn else []

    # ── candidates

    def _configure(self, facts: _Facts, time: float) -> list[Change]:
        self._gathering.configure(facts)
        return []

    def _gather(self, facts: _Facts, time: float) -> list[Change]:
        self._tells = True
        return self._gathering.state(facts.get("state", ""), time)

    def _candidate(self, facts: _Facts, time: float) -> list[Change]:
        changes = self._gathering.candidate(facts.get("type", ""), facts.get("protocol", "udp"), time)
        if self._cold and self._failed and not self._ever and not self._gathering.is_local:
            self._cold = False
            changes += self._ledger.happened(rules.ICE_COLD_START, time)
        return changes

    def _candidate_error(self, facts: _Facts, time: float) -> list[Change]:
        self._gathering.error(facts)
        return []

    # ── descriptions

    def _describe_local(self, facts: _Facts, time: float) -> list[Change]:
        if facts.get("type") == "offer":
            self._offered = time
        return []

    def _describe_remote(self, facts: _Facts, time: float) -> list[Change]:
        self._answered = True
        offered, self._offered = self._offered, None
        seconds = 0.0 if offered is None else time - offered
        rule = rules.LATER_ANSWER_SLOW if self._negotiated else rules.ANSWER_SLOW
        # A provisional answer says that somebody's phone is ringing.
        if offered is None or facts.get("type") != "answer" or seconds <= rule.on:
            return []
        return self._ledger.happened(rule, offered, time, seconds)

    def _signal(self, facts: _Facts, time: float) -> list[Change]:
        state = str(facts.get("state", ""))
        if state != "stable":
            if state.startswith("have-") and self._pending is None:
                self._pending = time
            if state == "have-local-offer" and self._offered is None:
                self._offered = time
            return []
        self._negotiated, self._pending, self._offered = True, None, None
        self._stable = [*self._stable, time][-STABLE:]
        if len(self._stable) < STABLE or not 0 <= time - self._stable[0] <= MINUTE:
            return []
        return self._ledger.happened(rules.NEGOTIATION_STORM, self._stable[0], time, float(STABLE))

    def _refused(self, method: str, facts: _Facts, time: float) -> list[Change]:
        rule = rules.CANDIDATE_FAILED if method == "addIceCandidate" else rules.DESCRIPTION_FAILED
        words = {"rtc.api.method": method, "error.type": str(facts.get("error", "_OTHER"))}
        return self._ledger.happened(rule, time, words=words)

    # ── media

    def _track(self, facts: _Facts, time: float) -> list[Change]:
        if facts.get("kind") == "video" and not self._video:
            self._video = str(facts.get("track", ""))
        return []

    def _unmute(self, facts: _Facts, time: float) -> list[Change]:
        if self._video and facts.get("track") == self._video and self._unmuted is None:
            self._unmuted = time
        return []

    def _mute(self, facts: _Facts, time: float) -> list[Change]:
        if facts.get("track") == self._video:
            self._unmuted = None
        return []

    def _resize(self, facts: _Facts, time: float) -> list[Change]:
        if self._framed or not self._video or facts.get("track") != self._video:
            return []
        self._framed = True
        if self._unmuted is None:
            return []
        began = max(self._unmuted, self._connected or self._unmuted)
        # An element may be put on the page late: a report may have seen the frame before.
        seconds = min(time, self._frame or time) - began
        if seconds <= rules.SLOW_FIRST_FRAME.on:
            return []
        return self._ledger.happened(rules.SLOW_FIRST_FRAME, began, began + seconds, seconds)

    def _open_channel(self, facts: _Facts, time: float) -> list[Change]:
        self._channel = True
        return []


_ON: dict[str, Callable[[Incidents, _Facts, float], list[Change]]] = {
    "create": Incidents._create,
    "setConfiguration": Incidents._configure,
    "iceconnectionstatechange": Incidents._ice_state,
    "connectionstatechange": Incidents._state,
    "icegatheringstatechange": Incidents._gather,
    "icecandidate": Incidents._candidate,
    "icecandidateerror": Incidents._candidate_error,
    "setLocalDescription": Incidents._describe_local,
    "setRemoteDescription": Incidents._describe_remote,
    "signalingstatechange": Incidents._signal,
    "track": Incidents._track,
    "mute": Incidents._mute,
    "unmute": Incidents._unmute,
    "resize": Incidents._resize,
    "createDataChannel": Incidents._open_channel,
    "datachannel": Incidents._open_channel,
}
