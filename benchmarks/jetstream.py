"""
What an edge, an aggregator and the log between them cost, with the real code and a real NATS server (R25).

    python -m benchmarks.jetstream

A recorded call goes through an edge's intake into the log, and from the log into a partition's pipelines: first all
that is no report, then the reports, one a second as ``benchmarks.ingest`` has it.  The floor, reading the same reports
as JSON, is measured in between.  Processor time is that of this process alone: what the server needs is its own.
"""

import argparse
import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from benchmarks.load import is_report, recorded
from rtc_exporter import wire
from rtc_exporter.app.edge import Edge
from rtc_exporter.app.garbage import collect_less
from rtc_exporter.app.intake import Connection, Intake
from rtc_exporter.app.jetstream import JetStream, Settings
from rtc_exporter.app.outbox import Outbox
from rtc_exporter.app.partition import Partition
from rtc_exporter.app.parts import pipeline_settings
from rtc_exporter.auth import Identity
from rtc_exporter.config import Config
from rtc_exporter.model import ParticipantKey
from rtc_exporter.tenants import Tenants
from tests.engines import SERVERS, engine

#: What the goals want: frames a second into the log, and out of it, each on one core.
GOAL_IN, GOAL_OUT = 20_000, 10_000


@dataclass(slots=True)
class Cost:
    """What some frames cost."""

    frames: int = 0
    #: Seconds of processor time, and on the wall.
    cpu: float = 0.0
    wall: float = 0.0

    @contextlib.contextmanager
    def counting(self, frames: int) -> Iterator[None]:
        """Measure a block that takes so many."""
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self.cpu += time.process_time() - cpu
        self.wall += time.perf_counter() - wall
        self.frames += frames

    def show(self, what: str, floor: "Cost", goal: int = 0) -> None:
        """One line."""
        each, rate = self.cpu / self.frames, self.frames / self.cpu
        text = f"{each * 1e6:6.1f} us of processor time, {each / (floor.cpu / floor.frames):4.1f} x the floor"
        if goal:
            is_reached = "reached" if rate >= goal else "NOT reached"
            text += f", {rate:,.0f} a second and core (goal {goal:,}: {is_reached})"
        print(f"{what:<28}{text}")


def partition_of(config: Config, now: float) -> Partition:
    """One that holds nothing."""

    def fault(error: BaseException, now: float) -> None:
        raise error

    return Partition(pipeline_settings(config, "0"), lambda settings, now: Tenants(settings, (), now), now, fault)


def connected(intake: Intake, user_agent: str, participants: int, now: float) -> list[Connection]:
    """Participants in calls of two."""
    keys = (ParticipantKey(f"s{number // 2}", f"p{number}") for number in range(participants))
    return [intake.open(Identity(key, True, {}), wire.by_name("rtcstats"), user_agent, now) for key in keys]


async def written(
    log: JetStream, config: Config, participants: int, now: float, interval: float
) -> tuple[int, Cost, Cost, Cost]:
    """
    Let participants tell their events, and then their reports, into the log.

    Returns the number of the batch at which all events were there, and what an event and a report cost, and reading the
    JSON of a report alone.
    """
    tenants = Tenants(pipeline_settings(config), (), 0.0)
    outbox = Outbox(log, "edge", time.time, 1 << 30, lambda outcome: None)
    edge = Edge(tenants, outbox, config.bounds, 60.0, interval)
    intake = Intake(config, edge, edge)
    outbox.start()
    recording = recorded()
    events, reports, floor = Cost(), Cost(), Cost()
    connections = connected(intake, recording.user_agent, participants, now)

    async def tell(text: str, now: float) -> None:
        for connection in connections:
            connection.receive(text, now)
        await asyncio.sleep(0)
        while outbox.held > 16 << 20:  # noqa: ASYNC110 - as fast as the engine takes it
            await asyncio.sleep(0.005)

    async def drained() -> None:
        done = asyncio.Event()
        outbox.when_stored(done.set)
        await done.wait()

    told = [text for text in recording.texts if not is_report(text)]
    first, *rest = [text for text in recording.texts if is_report(text)]
    with events.counting(participants * (len(told) + 1)):
        for text in (*told, first):
            await tell(text, now)
        await drained()
    end = await log.end(0)
    for number, text in enumerate(rest):
        with floor.counting(participants):
            for _ in connections:
                orjson.loads(text)
        with reports.counting(participants):
            await tell(text, now + number + 1)
            edge.tick(now + number + 1)
    with reports.counting(0):
        edge.shutdown(now + len(rest) + 1)
        await drained()
    await outbox.stop(60.0)
    return end, events, reports, floor


def counted(config: Config, participants: int, now: float) -> Cost:
    """What a report costs one process that decodes and counts it, without an engine."""
    tenants, reports = Tenants(pipeline_settings(config), (), now), Cost()
    intake, recording = Intake(config, tenants), recorded()
    connections = connected(intake, recording.user_agent, participants, now)
    told = [text for text in recording.texts if not is_report(text)]
    first, *rest = [text for text in recording.texts if is_report(text)]
    for text in (*told, first):
        for connection in connections:
            connection.receive(text, now)
    for number, text in enumerate(rest):
        with reports.counting(participants):
            tenants.tick(now + number + 1)
            for connection in connections:
                connection.receive(text, now + number + 1)
    return reports


async def measure(url: str, participants: int, interval: float, gathers: bool) -> None:
    """Everything, in one partition, with so many seconds between two folds."""
    config = Config.load({"metrics.fold-interval": str(interval)}, {})
    log = JetStream(Settings((url,), partitions=1), "benchmark")
    await log.start()
    now = time.time()
    end, events, reports, floor = await written(log, config, participants, now, interval if gathers else 0.0)
    floor.show("orjson alone, a report", floor)
    reports.show("edge, a report", floor, GOAL_IN)
    events.show("edge, as calls begin", floor)
    info = await log._js.stream_info("rtc-log-0")
    print(f"on the log: {info.state.bytes / (reports.frames + events.frames):,.0f} B a frame")

    partition = partition_of(config, now)
    begins, goes_on = Cost(), Cost()
    while True:
        is_begun = partition.number >= end
        with (goes_on if is_begun else begins).counting(0):
            batches = await log.read(0, partition.number)
            for batch in batches if is_begun else batches[: end - partition.number]:
                partition.take(*batch)
        if not batches:
            break
    begins.frames, goes_on.frames = events.frames, reports.frames
    goes_on.show("aggregator, a report", floor, GOAL_OUT)
    begins.show("aggregator, as calls begin", floor)
    counted(config, participants, now).show("one process, a report", floor)
    saved, restored = Cost(), Cost()
    with saved.counting(participants):
        state = partition.freeze()
    fresh = partition_of(config, now)
    with restored.counting(participants):
        fresh.thaw(partition.number, state)
    print(f"snapshot: {saved.cpu / participants * 1e3:.2f} ms and {len(state) / participants:,.0f} B a participant")
    print(f"restored: {restored.cpu / participants * 1e3:.2f} ms a participant")
    await log.stop()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--participants", type=int, default=300)
    parser.add_argument("--server", choices=SERVERS, default=SERVERS[0])
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between folds; 0: each report is folded")
    parser.add_argument("--at-once", action="store_true", help="write each report at once (engine.gather = false)")
    args = parser.parse_args()
    collect_less()
    with engine(args.server) as servers:
        asyncio.run(measure(servers[0].url, args.participants, args.interval, not args.at_once))


if __name__ == "__main__":
    main()
