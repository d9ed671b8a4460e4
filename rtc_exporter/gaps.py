"""
Gaps in what a voice agent says, and whose they are.

A gap is told by who listens: the agent's audio stopped in the middle of an utterance and went on.  Why is in the
reports around it, so a gap waits for a fold that reaches beyond it.  A cause is named only if there was enough of it to
explain ``SHARE`` of the gap:

- ``device``: the playout device ran dry and made samples up;
- ``network``: packets were lost, came too late to be played, or came in a burst that playout had to hurry through;
- ``pipeline``: audio was made up for packets that had not been sent: none is missing.  Or audio arrived and was silent
  while the agent says that it spoke;
- ``unknown``: none of these, which is also what a pause for breath looks like, or no report tells.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from rtc_exporter.dialogue import About, Pause

CAUSES = ("network", "pipeline", "device", "unknown")

#: Of a gap, what has to be explained.
SHARE = 0.25
#: Seconds of audio in a packet, as nearly all senders choose them.
PACKET = 0.02
#: Seconds that a gap waits for a fold; slow clients report every ten.
PATIENCE = 15.0
#: Gaps that wait, and folds that are remembered: with one for each report, those of the longest gap.
WAITING, REMEMBERED = 16, 8


class Evidence(NamedTuple):
    """What a fold says of the agent's audio from ``start`` to ``end``, in seconds; None where no browser says it."""

    start: float
    end: float
    #: Samples made up because the device ran dry, and because a packet was not there.
    synthesized: float | None
    concealed: float | None
    #: Packets lost or discarded, and audio that was hurried through.
    missing: float | None
    #: Whether any packet came.
    received: bool | None


class Gap(NamedTuple):
    """A gap with its cause."""

    about: About
    cause: str
    seconds: float
    start: float


class Gaps:
    """Gaps of one participant that wait for their cause."""

    __slots__ = ("_folds", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[Pause] = deque()
        self._folds: deque[Evidence] = deque(maxlen=REMEMBERED)

    @property
    def is_busy(self) -> bool:
        """Whether a gap waits."""
        return bool(self._waiting)

    def add(self, pause: Pause) -> list[Gap]:
        """A gap is over; what has to make room for it is judged as it is."""
        self._waiting.append(pause)
        return [self._judge(self._waiting.popleft())] if len(self._waiting) > WAITING else []

    def fold(self, evidence: Evidence) -> list[Gap]:
        """A fold ends: gaps that ended before it."""
        self._folds.append(evidence)
        return self._release(evidence.end)

    def tick(self, time: float) -> list[Gap]:
        """Gaps that no fold comes for."""
        return self._release(time - PATIENCE)

    def finish(self) -> list[Gap]:
        """Nothing will come any more."""
        return self._release(float("inf"))

    def _release(self, until: float) -> list[Gap]:
        ready = [pause for pause in self._waiting if pause.end <= until]
        self._waiting = deque(pause for pause in self._waiting if pause.end > until)
        return [self._judge(pause) for pause in ready]

    def _judge(self, pause: Pause) -> Gap:
        seconds = pause.end - pause.start
        folds = [fold for fold in self._folds if fold.end > pause.start and fold.start < pause.end]
        return Gap(pause.about, _cause(folds, seconds * SHARE, pause.is_told), seconds, pause.start)


def _cause(folds: list[Evidence], enough: float, is_told: bool) -> str:
    if _sum(fold.synthesized for fold in folds) >= enough:
        return "device"
    if _sum(fold.missing for fold in folds) >= enough:
        return "network"
    if _sum(fold.concealed for fold in folds) >= enough or any(fold.received is False for fold in folds):
        return "pipeline"
    return "pipeline" if is_told and folds else "unknown"


def _sum(values: Iterable[float | None]) -> float:
    return sum(value for value in values if value is not None)
