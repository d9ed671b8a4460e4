"""
The words for a dialogue of a user with a voice agent: a turn, what is found in it, and the seconds that decide.

Times are on the client's event clock.  ``turns`` makes these out of events; ``voice`` counts and draws them.
"""

from math import inf
from typing import NamedTuple, TypeAlias

from rtc_exporter.w3c import TIMING_SOURCES

#: Seconds.  One of silence is what people take before they take it for trouble (Jefferson 1989).
CONTINUES = 1.0
SHORTEST = 0.3
NO_RESPONSE = 10.0
DEAD_AIR = 2.0
#: An agent that stops later than this after the user's begin had finished by itself; if it says that it was
#: interrupted, it may have taken longer.
BARGE, BARGE_TOLD = 2.0, 10.0
#: A user who spoke for so long while the agent went on was ignored; less is a nod.
IGNORED = 1.0
#: An answer to nobody, or a word that the other side has not told of yet.
LATE = 1.0
#: A pause of the agent from here to here is a gap in what it says: shorter ones are consonants, longer ones an end.
SHORTEST_GAP, LONGEST_GAP = 0.2, 3.0
#: What the agent measured comes about now; until then the turn's span waits.
HELD = 15.0
#: A client that was not heard of for so long was asleep, or away.
ASLEEP = 15.0
#: A clock that goes back by more was set; less is the order in which a page wrote events down.
BACK = 0.5
#: Nobody speaks for longer in one piece, and no greeting takes longer.
LONGEST_SPEECH, LONGEST_GREETING = 300.0, 60.0
#: Agents that are told apart.
AGENTS = 4

OUTCOMES = ("answered", "no_response", "reprompted", "abandoned", "unmeasured")
#: What became of two who spoke at once: the agent stopped for the user, or for nobody; went on; or cut in itself.
INTERRUPTIONS = ("stopped", "false", "ignored", "by_agent")


NEVER = (-inf, -inf)


class About(NamedTuple):
    """Which agent, made with what, and how the times are known."""

    agent: str
    framework: str
    source: str

    @property
    def is_coarse(self) -> bool:
        """Whether the times are those of reports, a second apart: too coarse for a distribution."""
        return self.source == "stats"


class Turn:
    """One turn: times on the client's event clock, and what the agent tells of it."""

    __slots__ = (
        "about", "began", "conversation", "e2e", "end", "first", "interrupted", "is_short", "notes", "number",
        "outcome", "silent", "stages", "synthesizing", "thinking", "told", "traceparent", "until",
    )  # fmt: skip

    def __init__(self, number: int, began: float, end: float, about: About) -> None:
        self.number = number
        #: The agent's number for it.
        self.told: int | None = None
        self.about = about
        #: The user's speech; and since when both are silent.
        self.began = began
        self.end = self.silent = end
        self.is_short = end - began <= SHORTEST
        #: First audio of the agent.
        self.first: float | None = None
        #: What became of it, and when that was clear.
        self.outcome = ""
        self.until = end
        self.thinking: float | None = None
        self.synthesizing: float | None = None
        self.interrupted = False
        self.e2e: float | None = None
        self.stages: dict[str, float] = {}
        self.conversation = ""
        self.traceparent = ""
        #: Free for whoever draws its span.
        self.notes: object = None

    def go_on(self, end: float) -> None:
        """The user had not finished, and has by now."""
        self.end = self.silent = end
        self.is_short = end - self.began <= SHORTEST

    @property
    def latency(self) -> float | None:
        """Voice to voice."""
        return None if self.first is None else self.first - self.end


class Decided(NamedTuple):
    """What became of a turn."""

    turn: Turn


class Told(NamedTuple):
    """The agent has told what a turn took, after it was decided."""

    turn: Turn


class Finished(NamedTuple):
    """Nothing more will be known of a turn."""

    turn: Turn


class StageTime(NamedTuple):
    """The agent tells of one of its stages."""

    about: About
    stage: str
    seconds: float


class Interruption(NamedTuple):
    """One of ``INTERRUPTIONS`` at ``time``; ``seconds`` from the user's begin to the agent's end, if it stopped."""

    about: About
    kind: str
    seconds: float | None
    time: float


class DoubleTalk(NamedTuple):
    """Both spoke at once."""

    about: About
    seconds: float


class DeadAir(NamedTuple):
    """Nobody spoke while the user waited."""

    about: About
    seconds: float


class Greeting(NamedTuple):
    """The agent speaks first, so long after the connection."""

    about: About
    seconds: float


class Pause(NamedTuple):
    """The agent was silent in the middle of what it said; ``is_told``: it says that it went on speaking."""

    about: About
    start: float
    end: float
    is_told: bool


Finding: TypeAlias = Decided | Told | Finished | StageTime | Interruption | DoubleTalk | DeadAir | Greeting | Pause


class Side:
    """One of the two: since when it speaks, from when to when it spoke last, and by which source that is known."""

    __slots__ = ("last", "rank", "since")

    def __init__(self) -> None:
        self.since: float | None = None
        self.last = NEVER
        self.rank = len(TIMING_SOURCES)

    def end(self, time: float) -> tuple[float, float]:
        """It stops: the times of what it said."""
        began = time if self.since is None else self.since
        self.last, self.since = (began, max(began, time)), None
        return self.last


class Barge:
    """The user began while the agent spoke; or, without ``onset``, the agent stopped for somebody not yet heard."""

    __slots__ = ("end", "onset", "stopped", "turn")

    def __init__(self, onset: float | None, stopped: float | None = None) -> None:
        self.onset = onset
        self.end: float | None = None
        self.stopped = stopped
        #: What is owed to the user once the agent stops.
        self.turn: Turn | None = None
