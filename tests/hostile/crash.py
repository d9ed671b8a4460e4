"""
Killed without a word, at random times (R15): one process that is started again, and a shard of several.

Two sorts of clients tell of events all the while: one that is gone with its connection, as rtcstats-js is, and
our own in a real browser, which comes back and sends again what no scrape has read.  Of the first nothing is lost
that was scraped; of the second nothing at all, and what is counted twice are exactly those events whose
acknowledgement died with the process.
"""

import asyncio
import contextlib
import http.client
import os
import random
import re
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from benchmarks import children
from benchmarks.children import Place
from rtc_exporter.app.scrapes import SHARED
from tests.chromium import Page, chromium
from tests.hostile.kit import Exporter, Ledger, exporter, main, parse, total
from tests.receivers import closed_port

#: Seconds in which it has to be back.
BACK = 5.0
PATIENCE = 60.0
EVENT = '["navigator.mediaDevices.ondevicechange",null,null,1]'
EVENTS = "rtc_device_changes_total"
#: How our own client is told apart from the others, which say nothing of what they are.
OWN = 'user_agent_name="'
#: Seconds between two scrapes, more than one is given to others for, and between two events of a client.
SCRAPE, PACE = 1.2 * SHARED, 0.05
OPEN = """
const {createTrace} = await import('/client/trace.js');
globalThis.trace = createTrace({spread: 500});
globalThis.made = 0;
trace.connect(%r);
globalThis.timer = setInterval(() => { trace('navigator.mediaDevices.ondevicechange', null, null); made++; }, 50);
"""
STATUS = (
    "const {acked, pending, dropped, connected} = trace.status(); return [made, acked, pending, dropped, connected];"
)


class Told(NamedTuple):
    """What the page says of its trace."""

    made: int
    acked: int
    pending: int
    dropped: int
    is_connected: bool


class Reader:
    """A Prometheus: what it has read of each life of each process, and what the stock clients had said before."""

    def __init__(self, admin: Place, stock: "Stock") -> None:
        self._admin = admin
        self._stock = stock
        #: Which shard, and when its process began -> events of our own client, and of others.
        self.lives: dict[tuple[str, float], tuple[int, int]] = {}
        #: What had certainly been counted when the newest scrape began.
        self.known = 0

    async def run(self) -> None:
        """Scrape until cancelled."""
        while True:
            with contextlib.suppress(OSError, SystemExit, http.client.HTTPException):
                await self.scrape()
            await asyncio.sleep(SCRAPE)

    async def scrape(self) -> None:
        """Once."""
        known = self._stock.heard
        text = (await asyncio.to_thread(children.scrape, self._admin, children.TEXT)).body.decode()
        samples = parse(text)
        for name, began in samples.items():
            if name.partition("{")[0] == "process_start_time_seconds" and '"front"' not in name:
                shard = re.search(r'shard="\w+"', name)
                label = shard[0] if shard else ""
                mine = {key: value for key, value in samples.items() if label in key}
                own = int(total(mine, EVENTS, OWN))
                self.lives[label, began] = own, int(total(mine, EVENTS)) - own
        if total(samples, EVENTS):  # the other shard has none
            self.known = known

    @property
    def own(self) -> int:
        """Events of our own client that were read, over all lives."""
        return sum(own for own, _ in self.lives.values())

    @property
    def others(self) -> int:
        """Events of the others."""
        return sum(others for _, others in self.lives.values())


class Stock:
    """A client that sends until it is cut off."""

    def __init__(self) -> None:
        #: Events that were sent, and those of them that the exporter has certainly taken.
        self.sent = self.heard = 0

    async def run(self, ingest: Place, session: str) -> None:
        """Connect, and send."""
        client = await _come(ingest, session)
        with contextlib.suppress(ConnectionClosed):
            while True:
                self.sent += 1
                await client.send(EVENT)
                sent = self.sent
                await (await client.ping())
                self.heard = sent
                await asyncio.sleep(PACE)


async def _come(ingest: Place, session: str) -> ClientConnection:
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(OSError, InvalidHandshake, EOFError):
                return await connect(
                    f"ws://{ingest.host}:{ingest.port}/v1/rtcstats/{session}/stock", user_agent_header=None,
                    subprotocols=[Subprotocol("rtcstats#5.0")], compression=None, proxy=None,
                )  # fmt: skip
            await asyncio.sleep(0.02)


async def _status(page: Page) -> Told:
    return Told(*await page.run(STATUS))


async def _until(page: Page, condition: Callable[[Told], bool]) -> Told:
    async with asyncio.timeout(PATIENCE):
        while not condition(told := await _status(page)):  # noqa: ASYNC110 - the page has no event for it
            await asyncio.sleep(0.05)
    return told


class Case(NamedTuple):
    """What is killed, and what has to be done then."""

    name: str
    settings: tuple[str, ...]
    #: How many shards; 0 for one process that somebody else starts again.
    shards: int


PROCESS = Case("one process", (), 0)
SHARD = Case("a shard", ("--processes", "2"), 2)
#: Times that a shard is killed before all are started anew: after more it waits on purpose before it comes back.
TWICE = 2
SESSION = "room"


async def _play(ledger: Ledger, case: Case, page: Page, kills: int, choice: random.Random) -> None:
    """Kill it so many times; the last life ends in peace."""
    ingest, admin = (Place("127.0.0.1", closed_port()) for _ in range(2))
    places = ("--ingest.listen", f"127.0.0.1:{ingest.port}", "--admin.listen", f"127.0.0.1:{admin.port}")
    stock = Stock()
    reader = Reader(admin, stock)
    backs: list[float] = []
    again = lost = 0
    with contextlib.ExitStack() as stack:
        start = lambda: stack.enter_context(exporter(*case.settings, *places))  # noqa: E731 - twice, and short
        running = await asyncio.to_thread(start)
        await page.run(OPEN % f"ws://127.0.0.1:{ingest.port}/v1/rtc-exporter/{SESSION}/own")
        reading = asyncio.create_task(reader.run())
        for _ in range(kills):
            sending = asyncio.create_task(stock.run(ingest, SESSION))
            await _until(page, lambda told: told.is_connected)
            await asyncio.sleep(choice.uniform(0.5, 3.0))
            target = running.process.pid if not case.shards else _shard_of(running)
            os.kill(target, signal.SIGKILL)
            began = time.monotonic()
            await sending
            told = await _until(page, lambda told: not told.is_connected)
            # What a scrape under way has got, it has.
            await asyncio.sleep(SCRAPE)
            again += max(0, reader.own - again - told.acked)
            missing = stock.sent - reader.others - lost
            ledger.claim(
                f"{case.name}: what is lost was sent after the last scrape", 0 <= missing <= stock.sent - reader.known,
                f"{missing} of {stock.sent - reader.known}",
            )  # fmt: skip
            lost += missing
            reader.known = stock.heard = stock.sent
            if not case.shards:
                await asyncio.to_thread(running.process.wait)
                began = time.monotonic()
                running = await asyncio.to_thread(start)
            else:
                await (await _come(ingest, SESSION)).close()
            backs.append(time.monotonic() - began)
        await page.run("clearInterval(timer);")
        told = await _until(page, lambda told: told.pending == 0)
        await reader.scrape()
        reading.cancel()
        await page.run("trace.close();")
    ledger.account(f"{case.name}: events of rtcstats-js", stock.sent, counted=reader.others, lost_since_the_scrape=lost)
    ledger.account(f"{case.name}: events of our own client", told.made + again, counted=reader.own)
    ledger.claim(f"{case.name}: our own client has dropped none", not told.dropped, told.dropped)
    ledger.claim(f"{case.name}: of its events none is lost", reader.own >= told.made, f"{again} counted twice")
    ledger.account(f"{case.name}: kills", kills, came_back=len(backs))
    ledger.measure(f"{case.name}: back, at the latest", max(backs), BACK, "s")


def _shard_of(running: Exporter) -> int:
    """The process that the session's connections were handed to."""
    metrics = running.metrics("self")
    handed = {
        match[1]: value
        for key, value in metrics.items()
        if (match := re.match(r'rtc_exporter_connections\{.*shard="(\d+)"', key)) and value
    }
    busy = max(handed, key=handed.__getitem__)
    for pid in Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text().split():
        if Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[3] == busy.encode():
            return int(pid)
    raise SystemExit(f"shard {busy} has no process")


async def _all(ledger: Ledger, kills: int) -> None:
    choice = random.Random(15)
    with tempfile.TemporaryDirectory() as folder, chromium(Path(folder)) as browser:
        of_shards = kills // 2
        plan = [(PROCESS, kills - of_shards)]
        plan += [(SHARD, min(TWICE, of_shards - done)) for done in range(0, of_shards, TWICE)]
        for case, number in plan:
            async with browser.page() as page:
                await _play(ledger, case, page, number, choice)


def run(is_long: bool = False) -> Ledger:
    """Twenty times, as the goal has it; in CI three."""
    ledger = Ledger("crash: killed without a word, and back")
    asyncio.run(_all(ledger, 20 if is_long else 3))
    return ledger


if __name__ == "__main__":
    main(run)
