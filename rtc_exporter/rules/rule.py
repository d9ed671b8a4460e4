"""
What an issue is, and what a rule is: the rows of the tables beside this module.

An *issue* is what an operator sees: its name is a label value, a span and a heading.  A *rule* is one way to find it,
so several may be of one issue.  ``source`` says who decides:

- ``fold``: one signal of one stats type, fold by fold (``probes``, ``detectors``);
- ``trend``: what takes several folds or several streams to see (``trends``);
- ``report``: whether anything arrives, looked at with every report (``silence``);
- ``event``: API events and states (``incidents``, ``captures``);
- ``session``: what is only seen across participants (``crowd``).

A rule of folds or trends opens an issue when ``k`` of the last ``n`` judged folds are above ``on``, or one is above
``at_once``, and closes it when so many in a row are not above ``off`` that ``k`` of ``n`` can no longer be had.  What
the browser does not report is not judged, which is not the same as good.

Folds are five seconds, unless the operator chose otherwise: 2 of 3 is ten to fifteen seconds.  Where a source does not
say when a warning clears, it clears at half of where it starts.  A source "own" is a bound of ours that wants
calibration.
"""

from dataclasses import dataclass
from math import inf

#: Who can do something about it.  ``peer`` is the other participant, ``user`` somebody's choice, such as a permission.
SIDES = ("device", "network", "infrastructure", "application", "peer", "user", "unknown")
DEVICE, NETWORK, INFRASTRUCTURE, APPLICATION, PEER, USER, UNKNOWN = SIDES

#: ``info`` is worth knowing beside others, ``warning`` is noticed by users, ``critical`` makes a call useless.
SEVERITIES = ("info", "warning", "critical")
INFO, WARNING, CRITICAL = SEVERITIES

SOURCES = ("fold", "trend", "report", "event", "session")


@dataclass(frozen=True, slots=True)
class Issue:
    """What can be wrong: its name, whose it is unless evidence says otherwise, what it means, and what to do."""

    name: str
    side: str
    help: str
    advice: str


@dataclass(frozen=True, slots=True)
class Rule:
    """
    One way to find an issue.

    ``stats`` and ``signal`` say what is read; ``variant`` tells rules of one issue, direction and kind apart.
    ``severity`` is where it starts; above ``critical`` it is critical.  ``codecs`` are the only ones that it is about,
    ``but`` the ones that it is not about, in lower case.  ``least``: a counter and what it must have gained for an
    interval to be bad.  ``settle``: seconds of a connection that are not judged.  ``causes``: which of ``CAUSES`` may
    explain it, the likeliest first.  ``whose`` is the side where it is not the issue's.  ``origin`` is where the bounds
    come from.
    """

    issue: Issue
    on: float
    off: float
    of: tuple[int, int]
    unit: str
    help: str
    origin: str
    variant: str = ""
    stats: str = ""
    signal: str = ""
    kind: str = ""
    direction: str = ""
    severity: str = WARNING
    critical: float = inf
    at_once: float = inf
    least: tuple[str, float] | None = None
    settle: float = 0.0
    codecs: frozenset[str] = frozenset()
    but: frozenset[str] = frozenset()
    causes: tuple[str, ...] = ()
    whose: str = ""
    source: str = "fold"

    @property
    def name(self) -> str:
        """The issue's."""
        return self.issue.name

    @property
    def side(self) -> str:
        """Its own, or else the issue's."""
        return self.whose or self.issue.side

    @property
    def id(self) -> str:
        """What tells the rule from others: ``loss.inbound.audio.narrow``."""
        return ".".join(part for part in (self.name, self.direction, self.kind, self.variant) if part)

    @property
    def is_measured(self) -> bool:
        """Whether its episodes have a value: what just happens has none."""
        return self.source != "event" or self.on > 0 or self.critical < inf

    @property
    def clears_after(self) -> int:
        """Folds in a row that are not bad, and end an episode."""
        k, n = self.of
        return n - k + 1

    def is_about(self, codec: str | None) -> bool:
        """Whether a stream of this codec is judged; an unknown one is taken for the usual."""
        known = (codec or "").lower()
        return known not in self.but and (not self.codecs or known in self.codecs)


def event(
    issue: Issue, help: str, origin: str, *, severity: str = WARNING, variant: str = "", kind: str = "", side: str = "",
    on: float = 0.0, critical: float = inf, unit: str = "",
) -> Rule:  # fmt: skip
    """
    A rule that events decide: it happens, or it lasts while a state does.

    Where ``on`` is given, something is measured between two events: seconds, unless another unit is named.
    ``critical`` is how long it lasts before it is critical.
    """
    unit = unit or ("s" if on or critical < inf else "1")
    return Rule(
        issue, on, 0.0, (1, 1), unit, help, origin, variant=variant, kind=kind, severity=severity, critical=critical,
        whose=side, source="event",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cause:
    """What else was seen in the worst interval of an episode: a signal above a bound, and whose matter that is."""

    word: str
    stats: str
    signal: str
    above: float
    side: str
    help: str


#: ``outage``, which no signal shows, is that nothing at all arrived meanwhile.
OUTAGE = "outage"
CAUSES: dict[str, Cause] = {
    cause.word: cause
    for cause in (
        Cause("loss", "inbound-rtp", "loss_ratio", 0.02, NETWORK, "Packets were lost on the way here."),
        Cause("jitter", "inbound-rtp", "jitter", 0.04, NETWORK, "Packets came at uneven times."),
        Cause("late", "inbound-rtp", "discarded_ratio", 0.01, NETWORK, "Packets came too late to be played."),
        Cause("latency", "remote-inbound-rtp", "round_trip_time", 0.4, NETWORK, "The round trip was long."),
        Cause(
            "remote_loss", "remote-inbound-rtp", "loss_ratio", 0.02, NETWORK,
            "Packets were lost on the way to the other side.",
        ),
        Cause("decoder", "inbound-rtp", "decode_load", 0.8, DEVICE, "The decoder had no time left."),
        Cause("dropped", "inbound-rtp", "dropped_ratio", 0.1, DEVICE, "Frames were dropped after they came."),
        Cause("playout", "media-playout", "glitch_ratio", 0.05, DEVICE, "The loudspeaker ran dry."),
        Cause("cpu", "outbound-rtp", "cpu_limited_ratio", 0.1, DEVICE, "The machine held the encoder back."),
        Cause("bandwidth", "outbound-rtp", "bandwidth_limited_ratio", 0.1, NETWORK, "Bandwidth held the encoder back."),
    )
}  # fmt: skip
