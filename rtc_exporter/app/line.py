"""
Who is read next: whoever takes little at once, everybody else one after the other.

The loop hands over what has come from all clients before it looks for more.  Fifty clients whose every frame takes ten
milliseconds would all be read in that one round, and whoever is well would wait for half a second.  So a round has so
much work; what is over stands in line and has a turn in one of the next rounds, after what came meanwhile.  Of those in
line go first who have taken little lately, and at least one of the others goes too.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import TypeAlias, TypeVar

from rtc_exporter.app.budget import Budget

#: Seconds of work in one round of the loop, and of one client in a row: a fifth and a twentieth of what a delay that
#: nobody notices may have.
ROUND, TURN = 0.020, 0.005

Work: TypeAlias = Callable[[], object]
V = TypeVar("V")


class Line:
    """The rounds of one loop."""

    __slots__ = ("_dear", "_is_due", "_light", "_next_round", "clock", "used")

    def __init__(
        self, next_round: Callable[[Work], object] | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """``next_round`` calls what it is given in the next round; ``clock`` in seconds, which only measures."""
        self._next_round = next_round or (lambda work: asyncio.get_running_loop().call_soon(work))
        self.clock = clock
        #: Seconds of work in this round so far.
        self.used = 0.0
        self._light: deque[Work] = deque()
        self._dear: deque[Work] = deque()
        self._is_due = False

    @property
    def is_over(self) -> bool:
        """Whether nobody can begin in this round any more."""
        return self.used >= ROUND

    def __len__(self) -> int:
        return len(self._light) + len(self._dear)

    def spend(self, seconds: float) -> None:
        """So much work was done in this round."""
        self.used += seconds
        self._go_on()

    def join(self, work: Work, is_light: bool) -> None:
        """Stand in line; ``work`` is called when it is its turn, and says what it took by ``spend``."""
        (self._light if is_light else self._dear).append(work)
        self._go_on()

    def _go_on(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._next_round(self._round)

    def _round(self) -> None:
        self._is_due, self.used = False, 0.0
        # Whoever joins again from here on has had a turn in this round.
        light, dear = len(self._light), len(self._dear)
        while light and not self.is_over:
            light -= 1
            self._light.popleft()()
        begun = False
        while dear and not (begun and self.is_over):
            dear -= 1
            begun = True
            self._dear.popleft()()
        if self:
            self._go_on()


class Turns:
    """The turns of one request, whose work is a task: ``async with`` it, and ``rest`` between two pieces of work."""

    __slots__ = ("_began", "_line", "_paid", "budget")

    def __init__(self, line: Line, budget: Budget) -> None:
        """``budget`` is the sender's."""
        self._line = line
        self._began = self._paid = 0.0
        self.budget = budget

    async def __aenter__(self) -> None:
        """Wait until there is time."""
        if self._line.is_over:
            turn = asyncio.get_running_loop().create_future()
            self._line.join(lambda: self._call(turn), self.budget.is_light)
            await turn
        self._began = self._line.clock()

    async def __aexit__(self, *_: object) -> None:
        """Say what it took."""
        took = self._line.clock() - self._began
        self.budget.work -= took
        self._line.spend(took - self._paid)
        self._paid = 0.0

    async def rest(self) -> None:
        """Let others have a turn, if this one is over."""
        if self._line.clock() - self._began >= TURN:
            await self.__aexit__()
            await asyncio.sleep(0)
            await self.__aenter__()

    async def aside(self, work: Callable[..., V], *arguments: object) -> V:
        """What another thread does, and takes no time of the loop."""
        await self.__aexit__()
        try:
            return await asyncio.to_thread(work, *arguments)
        finally:
            await self.__aenter__()

    def _call(self, turn: "asyncio.Future[None]") -> None:
        """The task goes on only when the loop comes to it, so what it may take is paid before."""
        if not turn.done():
            self._paid = TURN
            self._line.spend(TURN)
            turn.set_result(None)
