"""T7 and T21: who takes much waits for who takes little, and nobody waits for ever."""

import asyncio
import functools
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from uvicorn.server import ServerState

from rtc_exporter.app.budget import Budget, Rates
from rtc_exporter.app.deadline import GRACE, Deadline
from rtc_exporter.app.gate import Gate, Place
from rtc_exporter.app.intake import Intake
from rtc_exporter.app.line import Line, Turns
from rtc_exporter.app.parts import pipeline_settings
from rtc_exporter.app.sockets import LONG, Socket, Sockets
from rtc_exporter.config import Config
from rtc_exporter.errors import Reason
from rtc_exporter.limits import Limits
from rtc_exporter.tenants import Tenants
from tests.hostile.raw import PAGE, frame, upgrade
from tests.running import START, Running, with_exporter


class Rounds:
    """The rounds of a loop, one at a time, and a clock that moves when somebody works."""

    def __init__(self) -> None:
        self.due: list[Callable[[], object]] = []
        self.now = 0.0
        self.line = Line(self.due.append, lambda: self.now)
        self.done: list[str] = []

    def work(self, name: str, seconds: float, times: int = 1, is_light: bool = False) -> Callable[[], object]:
        """Somebody who works so long, so often."""

        def turn() -> None:
            self.done.append(name)
            self.line.spend(seconds)
            if times > 1:
                self.line.join(self.work(name, seconds, times - 1, is_light), is_light)

        return turn

    def next(self) -> list[str]:
        """Who had a turn in the next round."""
        self.done.clear()
        due, self.due[:] = self.due[:], []
        for call in due:
            call()
        return list(self.done)


def test_a_round_has_so_much_work_and_whoever_takes_little_goes_first() -> None:
    """Twenty milliseconds; of those who take much one goes each time, and all of them in the end."""
    rounds = Rounds()
    for name in ("eve", "mallory", "trudy"):
        rounds.line.join(rounds.work(name, 0.008, times=2), is_light=False)
    for name in ("ann", "bob", "cid"):
        rounds.line.join(rounds.work(name, 0.008), is_light=True)

    assert rounds.next() == ["ann", "bob", "cid", "eve"]
    rounds.line.join(rounds.work("dan", 0.001), is_light=True)
    assert rounds.next() == ["dan", "mallory", "trudy", "eve"]
    assert rounds.next() == ["mallory", "trudy"]
    assert (rounds.next(), len(rounds.line)) == ([], 0)


def test_nobody_has_two_turns_in_a_round() -> None:
    """However little it takes, the loop looks in between for what else has come."""
    rounds = Rounds()
    rounds.line.join(rounds.work("eve", 0.0, times=3), is_light=False)
    rounds.line.join(rounds.work("ann", 0.0, times=3, is_light=True), is_light=True)

    assert [rounds.next() for _ in range(4)] == [["ann", "eve"]] * 3 + [[]]


def test_a_round_that_is_over_says_so_until_the_next() -> None:
    """What is done without standing in line counts as well."""
    rounds = Rounds()
    rounds.line.spend(0.019)
    over = [rounds.line.is_over]
    rounds.line.spend(0.001)
    over.append(rounds.line.is_over)
    rounds.next()
    over.append(rounds.line.is_over)

    assert over == [False, True, False]


class Wire(asyncio.Transport):
    """The far end of a connection, as bytes."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 4711)})
        self.is_paused = self.is_closed = False

    def write(self, data: Any) -> None:
        """Nobody reads."""

    def write_eof(self) -> None:
        """Nobody reads."""

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    abort = close


def with_loop(test: Callable[[Rounds], Awaitable[None]]) -> Callable[[], None]:
    """Run a test on a loop."""

    @functools.wraps(test)
    def run() -> None:
        asyncio.run(_in_loop(test))

    del run.__wrapped__
    return run


async def _in_loop(test: Callable[[Rounds], Awaitable[None]]) -> None:
    await test(Rounds())


def _laborious(rounds: Rounds) -> Rounds:
    """A loop of our own, whose clock moves by three milliseconds with every look at it."""

    def look() -> float:
        rounds.now += 0.003
        return rounds.now

    rounds.line.clock = look
    return rounds


def _sockets(line: Line) -> Sockets:
    config = Config.load({}, {})
    tenants = Tenants(pipeline_settings(config), (), START)
    intake = Intake(config, tenants)
    gate = Gate(config.bounds, 0, lambda error: intake.refuse(error, START), lambda limit: None)
    return Sockets(intake, gate, line, lambda: START)


def _client(sockets: Sockets, name: str) -> Socket:
    client = sockets(None, ServerState(), None)
    client.connection_made(Wire())
    client.data_received(upgrade(f"/v1/rtcstats/room/{name}"))
    return client


@with_loop
async def test_r3_who_is_well_does_not_wait_for_heavy_frames(rounds: Rounds) -> None:
    """
    Three clients with frames that take three milliseconds each: two frames are a turn, and seven turns are a round.

    Ann's frame, which comes last, is read before most of theirs; and theirs are all read in the end.
    """
    sockets = _sockets(_laborious(rounds).line)
    heavy = [_client(sockets, f"eve-{n}") for n in range(3)]
    ann = _client(sockets, "ann")
    several = frame(PAGE.encode()) + b"".join(frame(f'["nobody-knows-{n}",null,null,1]'.encode()) for n in range(29))

    for client in heavy:
        client.data_received(several)
    for _ in range(6):
        rounds.next()
    before = [len(client._waiting) for client in heavy]
    rounds.line.spend(0.02)
    ann.data_received(frame(PAGE.encode()))
    assert [len(ann._waiting), ann.transport.is_paused] == [1, True]
    rounds.next()

    assert [len(ann._waiting), ann.transport.is_paused] == [0, False]
    assert all(client._waiting and client.transport.is_paused for client in heavy)
    assert sum(before) - sum(len(client._waiting) for client in heavy) <= 8
    while rounds.due:
        rounds.next()
    assert not any(client._waiting or client.transport.is_paused for client in heavy)
    family = sockets.intake.pipeline.store.family("rtc.exporter.events.unknown")
    assert family is not None
    assert [slot.value for slot in family.series.values()] == [3 * 29]  # type: ignore[union-attr]
    for client in (*heavy, ann):
        client.connection_lost(None)


@with_loop
async def test_r3_a_long_frame_waits_for_who_is_well_even_if_it_is_the_first(rounds: Rounds) -> None:
    """Whoever connects anew for every heavy frame gains nothing by it."""
    sockets = _sockets(rounds.line)
    long = frame(json.dumps(["nobody-knows", None, "x" * LONG, 1]).encode())
    heavy = [_client(sockets, f"eve-{number}") for number in range(10)]
    ann = _client(sockets, "ann")
    rounds.line.spend(0.02)
    for client in heavy:
        client.data_received(frame(PAGE.encode()) + long)
    ann.data_received(frame(PAGE.encode()))
    rounds.next()
    left = [len(client._waiting) for client in (*heavy, ann)]
    while rounds.due:
        rounds.next()

    assert left == [1] * 10 + [0]
    assert not any(client._waiting for client in heavy)
    family = sockets.intake.pipeline.store.family("rtc.exporter.events.unknown")
    assert family is not None
    assert [slot.value for slot in family.series.values()] == [10]  # type: ignore[union-attr]
    for client in (*heavy, ann):
        client.connection_lost(None)


@with_loop
async def test_what_waits_when_a_connection_is_lost_is_counted(rounds: Rounds) -> None:
    """Nothing that came is forgotten without a word."""
    sockets = _sockets(_laborious(rounds).line)
    eve = _client(sockets, "eve")
    eve.data_received(frame(PAGE.encode()) * 10)
    waiting = len(eve._waiting)
    eve.connection_lost(None)
    rounds.next()

    assert 0 < waiting < 10
    assert sockets.intake.tallies[""].refused[Reason.TOO_FAST] == waiting


@with_loop
async def test_handshakes_stand_in_line_as_well(rounds: Rounds) -> None:
    """Six thousand at once; who goes before it is its turn has taken no place, and others are let in."""
    sockets = _sockets(_laborious(rounds).line)
    rounds.line.spend(0.02)
    gone, ann = _client(sockets, "gone"), _client(sockets, "ann")
    before = [gone.transport.is_paused, ann.transport.is_paused, len(sockets.open)]
    gone.transport.abort()
    gone.connection_lost(None)
    rounds.next()

    assert before == [True, True, 0]
    assert sockets.open == {ann}
    assert ann.transport.is_paused is False
    assert sockets.gate._sockets[Place("process", "")] == 1


@with_loop
async def test_a_frame_that_waits_has_come_in_time(rounds: Rounds) -> None:
    """Who has sent it is not blamed for the time that we need to come to it."""
    sockets = _sockets(rounds.line)
    ann, eve = _client(sockets, "ann"), _client(sockets, "eve")
    rounds.line.spend(0.02)
    ann.data_received(frame(PAGE.encode()))
    for client in (ann, eve):
        client._give_up()
    rounds.next()

    assert [participant.participant for participant in sockets.intake.pipeline.sessions.participants] == ["ann", "eve"]
    assert [ann._is_closing, eve._is_closing] == [False, True]
    assert sockets.intake.tallies["rtcstats"].refused == {Reason.TOO_SLOW: 1}
    for client in (ann, eve):
        client.connection_lost(None)


@with_loop
async def test_a_loop_that_is_late_reads_before_it_blames(rounds: Rounds) -> None:
    """The time was over, and what was waited for had come: the loop finds the timer first."""
    loop = asyncio.get_running_loop()
    here, there = socket.socketpair()
    blamed: list[str] = []
    deadline = Deadline()

    def come() -> None:
        loop.remove_reader(here)
        deadline.clear()

    with here, there:
        here.setblocking(False)
        loop.add_reader(here, come)
        deadline.set(0.0, lambda: blamed.append("though it came"))
        there.send(b"x")
        await asyncio.sleep(2 * GRACE)
        deadline.set(0.0, lambda: blamed.append("it did not come"))
        await asyncio.sleep(2 * GRACE)

    assert blamed == ["it did not come"]
    assert not deadline.is_set


@with_loop
async def test_requests_have_turns_as_well(rounds: Rounds) -> None:
    """Four of eight tasks that want a turn begin in a round that others have used up; all of them in the end."""
    rounds.line.spend(0.02)
    begun = []

    async def request(number: int) -> None:
        turns = Turns(rounds.line, Budget(Rates(Limits()), 0.0))
        async with turns:
            begun.append(number)
            rounds.now += 0.006
            await turns.rest()

    tasks = [asyncio.create_task(request(number)) for number in range(8)]
    await asyncio.sleep(0)
    assert begun == []
    rounds.next()
    await asyncio.sleep(0)
    assert begun == [0, 1, 2, 3]
    while not all(task.done() for task in tasks):
        rounds.next()
        await asyncio.sleep(0)
    assert sorted(begun) == list(range(8))


def test_a_budget_delays_before_it_refuses() -> None:
    """A burst is free; then there is a debt, to be waited for; and whoever owes for 205 seconds is told to go."""
    budget = Budget(Rates(Limits(frames_per_second=50.0, frames_burst=10, bytes_per_second=1000, bytes_burst=500)), 0.0)
    budget.frames -= 10
    assert budget.settle() == 0.0
    budget.frames -= 25
    assert (budget.debt, budget.settle()) == (0.5, 0.5)
    budget.fill(0.5)
    assert (budget.frames, budget.settle()) == (0.0, 0.0)
    budget.bytes -= 600
    assert (budget.debt, budget.settle()) == (0.1, 0.2)
    for second in range(1, 206):
        budget.fill(float(second))
        budget.bytes -= 2000
        assert budget.settle() is not None, second
    budget.fill(206.0)
    assert budget.settle() is None


def test_work_says_who_goes_first_and_refuses_nobody() -> None:
    """Twenty milliseconds at once, and as many each second."""
    budget = Budget(Rates(Limits()), 0.0)
    budget.work -= 0.03
    assert (budget.is_light, budget.settle()) == (False, 0.0)
    budget.fill(1.0)
    assert budget.is_light


@with_exporter(limits__bytes_per_second="1000", limits__bytes_burst="1000")
async def test_an_address_that_posts_too_much_is_told_to_wait(exporter: Running) -> None:
    """Twenty times what a WebSocket may send, on loan for five seconds; then 503 with Retry-After."""
    body = b'{"stats": []}'.ljust(1_000_000)
    answers = [
        (await exporter.http.post(exporter.ingest("/v1/reports/room/ann"), content=body)).status_code for _ in range(2)
    ]
    response = await exporter.http.post(exporter.ingest("/v1/reports/room/ann"), content=body)

    assert answers == [202, 503]
    assert (response.status_code, response.headers["retry-after"]) == (503, "10")
    assert response.json() == {"error": "too_fast", "detail": "more than one address may post"}
    assert exporter.value("rtc.exporter.connections.refused", "rate") == 2
    assert exporter.dropped("too_fast") == 2
