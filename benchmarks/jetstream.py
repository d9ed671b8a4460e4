"""
What an edge, an aggregator and the log between them cost, with the real code and a real NATS server (R25).

    python -m benchmarks.jetstream

Reports of a recorded call go through an edge's intake into the log, and from the log into a partition's pipelines.
Processor time is that of this process alone: what the server needs is its own.
"""

import argparse
import asyncio
import time

from benchmarks.load import recorded
from rtc_exporter import wire
from rtc_exporter.app.edge import Edge
from rtc_exporter.app.intake import Intake
from rtc_exporter.app.jetstream import JetStream, Settings
from rtc_exporter.app.outbox import Outbox
from rtc_exporter.app.partition import Partition
from rtc_exporter.app.parts import pipeline_settings
from rtc_exporter.auth import Identity
from rtc_exporter.config import Config
from rtc_exporter.model import ParticipantKey
from rtc_exporter.tenants import Tenants
from tests.engines import SERVERS, engine

#: What the goals want: reports a second into the log, and out of it, each on one core.
GOAL_IN, GOAL_OUT = 20_000, 10_000


def show(what: str, reports: int, cpu: float, wall: float, goal: int) -> None:
    """One line."""
    rate = reports / cpu
    print(
        f"{what}: {cpu / reports * 1e6:.0f} us of processor time a report, {rate:,.0f} a second and core "
        f"(goal {goal:,}: {'reached' if rate >= goal else 'NOT reached'}), {reports / wall:,.0f} a second as measured"
    )


async def measure(url: str, participants: int) -> None:
    """Everything, in one partition."""
    config = Config.load({}, {})
    log = JetStream(Settings((url,), partitions=1), "benchmark")
    await log.start()
    tenants = Tenants(pipeline_settings(config), (), 0.0)
    outbox = Outbox(log, "edge", time.time, 1 << 30, lambda outcome: None)
    edge = Edge(tenants, outbox, config.bounds, 60.0)
    intake = Intake(config, edge, edge)
    outbox.start()
    recording = recorded()
    now = time.time()
    connections = [
        intake.open(
            Identity(ParticipantKey(f"s{number // 2}", f"p{number}"), True, {}), wire.by_name("rtcstats"),
            recording.user_agent, now,
        )
        for number in range(participants)
    ]  # fmt: skip
    begins = next(number for number, text in enumerate(recording.texts) if text.startswith('["g",'))
    for connection in connections:
        for text in recording.texts[: begins + 1]:
            connection.receive(text, now)
    reports = 0
    cpu, wall = time.process_time(), time.perf_counter()
    for number, text in enumerate(recording.texts[begins + 1 :]):
        for connection in connections:
            connection.receive(text, now + number)
        reports += participants * text.startswith('["g",')
        await asyncio.sleep(0)
        while outbox.held > 16 << 20:  # noqa: ASYNC110 - as fast as the engine takes it
            await asyncio.sleep(0.005)
    await outbox.stop(60.0)
    show("edge into the log", reports, time.process_time() - cpu, time.perf_counter() - wall, GOAL_IN)

    info = await log._js.stream_info("rtc-log-0")
    print(f"on the log: {info.state.bytes / reports:,.0f} B a report, in {info.state.messages:,} batches")

    partition = Partition(
        pipeline_settings(config, "0"), lambda settings, now: Tenants(settings, (), now), now, lambda error, now: None
    )
    cpu, wall = time.process_time(), time.perf_counter()
    while batches := await log.read(0, partition.number):
        for batch in batches:
            partition.take(*batch)
    show("aggregator out of the log", reports, time.process_time() - cpu, time.perf_counter() - wall, GOAL_OUT)
    cpu = time.process_time()
    state = partition.freeze()
    cpu, size = time.process_time() - cpu, len(state)
    print(f"snapshot: {cpu / participants * 1e3:.2f} ms and {size / participants:,.0f} B a participant")
    fresh = Partition(
        pipeline_settings(config, "0"), lambda settings, now: Tenants(settings, (), now), now, lambda error, now: None
    )
    cpu = time.process_time()
    fresh.thaw(partition.number, state)
    print(f"restored: {(time.process_time() - cpu) / participants * 1e3:.2f} ms a participant")
    await log.stop()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--participants", type=int, default=300)
    parser.add_argument("--server", choices=SERVERS, default=SERVERS[0])
    args = parser.parse_args()
    with engine(args.server) as servers:
        asyncio.run(measure(servers[0].url, args.participants))


if __name__ == "__main__":
    main()
