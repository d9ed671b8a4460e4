"""
What the programs about an engine have in common: an edge, aggregators, and the truth.

The truth is what one process counts of the same frames: each client sends the same recorded call, up to where it came.
"""

import contextlib
import http.client
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from websockets.frames import Frame, Opcode

from benchmarks import children
from benchmarks.children import ROOT, Place
from benchmarks.load import Load, Recording, is_report, recorded
from rtc_exporter.catalog import BY_NAME
from rtc_exporter.metric import Kind
from rtc_exporter.model import Left, ParticipantKey
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.wire import rtcstats
from tests.engines import Nats
from tests.hostile.kit import PATIENCE, Ledger, parse

READY = r"aggregates at \w+, metrics at http://([\d.]+):(\d+)/metrics"
#: Counters that are made of what clients have counted: these are compared, to the last increment.
COUNTED = tuple(metric.prometheus for metric in BY_NAME.values() if metric.kind is Kind.COUNTER and metric.sources)


def settings(servers: list[Nats], role: str, replicas: int = 1) -> list[str]:
    """Settings of a process of this role."""
    urls = ",".join(server.url for server in servers)
    return ["--engine.role", role, "--engine.servers", urls, "--engine.replicas", str(replicas)]


class Aggregator:
    """An aggregator in a process of its own; killed, it can be followed by another."""

    def __init__(self, arguments: list[str], log: Path) -> None:
        self._log = log
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "rtc_exporter", "serve", "--admin.listen", "127.0.0.1:0", *arguments],
                stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, cwd=ROOT,
            )  # fmt: skip

    def wait(self) -> None:
        """Wait until it is ready."""
        self.place  # noqa: B018 - finds it

    @property
    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def place(self) -> Place:
        """Where it can be scraped."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            if found := re.search(READY, self.log):
                return Place(found[1], int(found[2]))
            time.sleep(0.05)
        raise SystemExit(f"the aggregator is not ready:\n{self.log[-3000:]}")

    def metrics(self) -> dict[str, float]:
        """A scrape; nothing where it does not answer."""
        try:
            return parse(children.scrape(self.place, children.TEXT).body.decode())
        except (OSError, ValueError, SystemExit, http.client.HTTPException):
            return {}


@contextlib.contextmanager
def aggregators(arguments: list[str]) -> Iterator[Callable[[], Aggregator]]:
    """Starts aggregators; all end with the block."""
    started: list[Aggregator] = []
    with tempfile.TemporaryDirectory() as folder:

        def start() -> Aggregator:
            started.append(Aggregator(arguments, Path(folder, str(len(started)))))
            return started[-1]

        try:
            yield start
        finally:
            for aggregator in started:
                if aggregator.process.poll() is None:
                    aggregator.process.kill()
                aggregator.process.wait()


@lru_cache(maxsize=100)
def of_one(recording: str, reports: int) -> Mapping[str, float]:
    """What one process counts of a client that has sent so many reports of a recorded call, and left."""
    pipeline = Pipeline(PipelineSettings(), 0.0)
    texts = recorded(recording).texts
    key = ParticipantKey("s", "p")
    decoder = rtcstats.Decoder(key)
    events = [text for text in texts if not is_report(text)]
    sent = [*events, *[text for text in texts if is_report(text)][:reports]]
    for number, text in enumerate(sent):
        for record in decoder.receive(text, float(number)):
            pipeline.feed(record, float(number))
    pipeline.feed(Left(key, 1000.0, "page_hide"), 1000.0)
    sums: defaultdict[str, float] = defaultdict(float)
    for family in pipeline.store.families():
        if family.metric.prometheus in COUNTED:
            sums[family.metric.prometheus] += sum(getattr(slot, "value", 0.0) for slot in family.slots())
    return dict(sums)


def truth(load: Load, recording: str) -> dict[str, float]:
    """What all clients of a load have counted."""
    sums: defaultdict[str, float] = defaultdict(float)
    for client in load._clients:
        for name, value in of_one(recording, client.next).items():
            sums[name] += value
    return dict(sums)


def counted(metrics: Mapping[str, float]) -> dict[str, float]:
    """The same counters in a scrape."""
    sums: defaultdict[str, float] = defaultdict(float)
    for key, value in metrics.items():
        name = key.partition("{")[0]
        if name in COUNTED:
            sums[name] += value
    return dict(sums)


def differ(found: Mapping[str, float], wanted: Mapping[str, float]) -> list[str]:
    """Counters that are not as wanted; seconds are sums of fractions, and rounded."""
    return [name for name, value in wanted.items() if abs(found.get(name, 0.0) - value) > 1e-9 * value]


def compare(ledger: Ledger, wanted: Mapping[str, float], found: Mapping[str, float]) -> None:
    """The packets as a row, and whether all other counters are right."""
    for name in ("rtc_inbound_packets_total", "rtc_outbound_packets_total"):
        ledger.account(name, round(wanted[name]), counted=round(found.get(name, 0.0)))
    wrong = differ(found, wanted)
    ledger.claim(f"all {len(wanted)} counters of what clients count are exact", not wrong, wrong[:3])


def leave(load: Load) -> None:
    """All clients close, as pages do that go."""
    for client in load._clients:
        client.send(masked_close(1001))


def masked_close(code: int) -> bytes:
    """A close frame of a client."""
    return Frame(Opcode.CLOSE, code.to_bytes(2, "big")).serialize(mask=True)


def until(look: Callable[[], object], patience: float = PATIENCE) -> bool:
    """Wait for something; whether it came."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if look():
            return True
        time.sleep(0.2)
    return False


__all__ = [
    "Aggregator", "Load", "Recording", "aggregators", "compare", "counted", "differ", "leave", "recorded", "settings", "truth",
    "until",
]  # fmt: skip
