"""
How a peer connection comes about: from API events to stages, an outcome, restarts and outages.

Pure state machines over one clock, the client's event clock.  ``Calls`` ties an API call to its
result, ``Setup`` watches one peer connection.  Both answer with what happened: the pipeline
counts it, the span builder will draw it.

A peer connection is an *attempt* once a description is created or set; one that the page makes
and drops without negotiating (feature detection does) has no outcome.  An attempt has one outcome:

- ``connected``: connectionState said so, or media or DTLS prove it for clients that send no states;
- ``ice_failed``, ``dtls_failed``: connectionState failed before, without or with a working path;
- ``timeout``: both descriptions are set for 30 s and neither of the above has come;
- ``abandoned``: closed, or its participant left, before any of these.
"""

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from rtc_exporter.model import Member, Stats

#: Chromium and Firefox give a path up after 15 to 30 s (recorded: connecting to failed in 15 s and 30 s).
DECISION = 30.0

#: API call -> stage of setup; each is measured until the outcome is known.
STAGE_OF_CALL = {
    "createOffer": "create_offer",
    "setLocalDescription": "set_local",
    "setRemoteDescription": "set_remote",
}
NEGOTIATES = frozenset(("createOffer", "createAnswer", "setLocalDescription", "setRemoteDescription"))
CONNECTED_ICE = ("connected", "completed")

#: Calls of one page that may wait for their result at once; older ones are forgotten.
PENDING_CALLS = 64


class Stage(NamedTuple):
    """A stage of setup took so many seconds until ``end``, on the client's clock."""

    name: str
    seconds: float
    end: float


class Outcome(NamedTuple):
    """How the attempt to connect ended."""

    value: str


class Restart(NamedTuple):
    """How an ICE restart ended."""

    outcome: str


class Outage(NamedTuple):
    """ICE was disconnected for so many seconds and came back; the span builder watches the states itself."""

    seconds: float


Step: TypeAlias = Stage | Outcome | Restart | Outage


class Calls:
    """API calls that wait for their result, tied by the client's call id or else in order."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        # Mostly none: a tuple, since an empty deque takes 700 bytes.
        self._waiting: tuple[tuple[str, str, float], ...] = ()

    def begin(self, method: str, call: str, time: float) -> None:
        """A call was made."""
        self._waiting = (*self._waiting, (method, call, time))[-PENDING_CALLS:]

    def settle(self, method: str, call: str, time: float) -> float | None:
        """Its result came: seconds since the call, or None when the call was not seen."""
        for index, (waiting, waiting_call, begun) in enumerate(self._waiting):
            if waiting == method and (waiting_call == call or not call):
                self._waiting = self._waiting[:index] + self._waiting[index + 1 :]
                return max(0.0, time - begun)
        return None


class Setup:
    """One peer connection on its way, from its creation (or first sight) to its end."""

    __slots__ = (
        "created", "outcome", "_attempted", "_begun", "_both_set", "_calls", "_connected", "_described",
        "_disconnected", "_early", "_gathering", "_ice", "_ice_connected", "_ice_ever", "_restart", "_restart_offered",
        "_seen", "last_state", "state",
    )  # fmt: skip

    def __init__(self, created: float | None) -> None:
        """``created`` is None when the client connected to us after it made the peer connection."""
        self.created = created
        self.outcome: str | None = None
        #: connectionState now, and what it was before the end.
        self.state = self.last_state = "new"
        self._attempted = False
        self._calls = Calls()
        self._described: tuple[str, ...] = ()
        self._both_set: float | None = None
        self._gathering: float | None = None
        self._begun: float | None = None
        self._ice = "new"
        self._ice_ever = False
        self._ice_connected: float | None = None
        self._connected: float | None = None
        self._disconnected: float | None = None
        self._restart = False
        self._restart_offered = False
        self._seen: tuple[str, ...] = ()
        self._early: tuple[str, ...] = ()

    @property
    def checking_since(self) -> float | None:
        """When ICE began to check, on the client's clock."""
        return self._begun

    @property
    def ice_connected(self) -> float | None:
        """When ICE connected for the first time, on the client's clock."""
        return self._ice_connected

    @property
    def is_decided(self) -> bool:
        """Whether the outcome is known, or there is none to come."""
        return self.outcome is not None or self.created is None

    def on(self, name: str, facts: Mapping[str, Member], time: float, now: float) -> list[Step]:
        """An event of this peer connection; ``time`` on the client's clock, ``now`` on ours."""
        if name in NEGOTIATES or name == "restartIce":
            return self._call(name, facts, time)
        if name.endswith("OnSuccess"):
            return self._settled(name.removesuffix("OnSuccess"), facts, time, now)
        state = str(facts.get("state", ""))
        match name:
            case "icegatheringstatechange":
                return self._gathered(state, time)
            case "iceconnectionstatechange":
                return self._ice_changed(state, time)
            case "connectionstatechange":
                return self._state_changed(state, time)
            case "unmute":
                return self._first("first_packet", time)
            case "resize":
                return self._first("first_frame", time)
        return []

    def report(self, stats: Stats, time: float) -> list[Step]:
        """What a report proves; called until both ``first_packet`` and ``first_frame`` are seen."""
        if self._connected is not None and time - self._connected > DECISION:
            # What has not come by now is not part of setup.
            self._seen = _with(self._seen, "first_packet", "first_frame")
            return []
        steps: list[Step] = []
        for members in stats.values():
            match members.get("type"):
                case "transport" if members.get("dtlsState") == "connected":
                    steps += self._decide("connected", time)
                case "inbound-rtp":
                    if _positive(members.get("packetsReceived")):
                        steps += self._decide("connected", time) + self._first("first_packet", time)
                    if _positive(members.get("framesDecoded")):
                        steps += self._first("first_frame", time)
        return steps

    @property
    def awaits_media(self) -> bool:
        """Whether a report could still tell something about setup."""
        return self.created is not None and not ("first_packet" in self._seen and "first_frame" in self._seen)

    def tick_due(self, now: float) -> bool:
        """Whether the time for a decision is over."""
        return self._both_set is not None and now - self._both_set >= DECISION

    def tick(self, now: float) -> list[Step]:
        """Time passes: an attempt that neither connects nor fails has timed out."""
        return self._decide("timeout", None) if self.tick_due(now) else []

    def close(self) -> list[Step]:
        """The peer connection ends."""
        steps: list[Step] = self._decide("abandoned", None) if self._attempted else []
        if self._restart:
            self._restart = False
            steps.append(Restart("recovered" if self._ice in CONNECTED_ICE else "failed"))
        self.state = "closed"
        return steps

    def _call(self, name: str, facts: Mapping[str, Member], time: float) -> list[Step]:
        steps: list[Step] = []
        if (name == "restartIce" or facts.get("ice_restart") is True) and self._ice_ever:
            if self._restart and self._restart_offered:
                steps.append(Restart("superseded"))
                self._restart_offered = False
            self._restart = True
        if name in NEGOTIATES:
            self._attempted = True
            self._calls.begin(name, str(facts.get("call", "")), time)
        return steps

    def _settled(self, method: str, facts: Mapping[str, Member], time: float, now: float) -> list[Step]:
        if method not in NEGOTIATES:
            return []
        seconds = self._calls.settle(method, str(facts.get("call", "")), time)
        if method == "setLocalDescription" and self._restart:
            self._restart_offered = True
        if method.startswith("set"):
            self._described = _with(self._described, method)
            if len(self._described) == 2 and self._both_set is None:
                self._both_set = now
        stage = STAGE_OF_CALL.get(method)
        return [Stage(stage, seconds, time)] if stage and seconds is not None and not self.is_decided else []

    def _gathered(self, state: str, time: float) -> list[Step]:
        if state == "gathering" and self._gathering is None:
            self._gathering = time
        elif state == "complete" and self._gathering is not None and "ice_gathering" not in self._seen:
            self._seen = _with(self._seen, "ice_gathering")
            return [Stage("ice_gathering", max(0.0, time - self._gathering), time)]
        return []

    def _ice_changed(self, state: str, time: float) -> list[Step]:
        steps: list[Step] = []
        if state == "checking" and self._begun is None:
            self._begun = time
        elif state in CONNECTED_ICE:
            if not self._ice_ever:
                self._ice_ever = True
                self._ice_connected = time
                if self._begun is not None:
                    steps.append(Stage("ice_connected", max(0.0, time - self._begun), time))
            if self._disconnected is not None:
                steps.append(Outage(max(0.0, time - self._disconnected)))
                self._disconnected = None
            if self._restart and self._restart_offered and self._ice not in CONNECTED_ICE:
                steps += self._restarted("recovered")
        elif state == "disconnected":
            self._disconnected = time if self._ice_ever else None
        elif state == "failed" and self._restart:
            steps += self._restarted("failed")
        self._ice = state
        return steps

    def _state_changed(self, state: str, time: float) -> list[Step]:
        self.state = self.last_state = state
        steps: list[Step] = []
        if state == "connected":
            if self._ice_connected is not None and self._connected is None:
                steps.append(Stage("dtls_connected", max(0.0, time - self._ice_connected), time))
            steps += self._decide("connected", time)
        elif state == "failed":
            steps += self._decide("dtls_failed" if self._ice_ever else "ice_failed", None)
            if self._restart:
                steps += self._restarted("failed")
        return steps

    def _restarted(self, outcome: str) -> list[Step]:
        self._restart = self._restart_offered = False
        return [Restart(outcome)]

    def _decide(self, outcome: str, time: float | None) -> list[Step]:
        early: list[Step] = []
        if outcome == "connected" and self._connected is None and time is not None:
            self._connected = time
            early = [step for stage in sorted(self._early) for step in self._first(stage, time)]
        if self.outcome is not None or self.created is None:
            return early
        self.outcome = outcome
        steps: list[Step] = [Outcome(outcome)]
        if outcome == "connected" and time is not None:
            steps.append(Stage("total", max(0.0, time - self.created), time))
        return steps + early

    def _first(self, stage: str, time: float) -> list[Step]:
        """The first packet or frame, measured from connected; a packet that overtook the event counts as 0."""
        if self._connected is None:
            self._early = _with(self._early, stage)
            return []
        if stage in self._seen or self.created is None:
            return []
        self._seen = _with(self._seen, stage)
        if time - self._connected > DECISION:
            return []  # whoever joins an empty room waits for others, not for its setup
        return [Stage(stage, max(0.0, time - self._connected), time)]


def _with(known: tuple[str, ...], *names: str) -> tuple[str, ...]:
    """A set of few words; one of Python's takes 216 bytes when it is empty."""
    return known + tuple(name for name in names if name not in known)


def _positive(value: Member | None) -> bool:
    return isinstance(value, int | float) and value > 0
