"""
What spans cost: the same recorded calls through decoder and pipeline, with and without a tracer, turn by turn.

Clients come one after the other, as they do, and play a recorded call each; processor time by report, in process.  What
a socket costs beside it is the matter of ``benchmarks/ingest.py``: the goal of 15 % is of that whole.
"""

import argparse
import gc
import time
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.load import recorded
from rtc_exporter.app.garbage import COLLECT
from rtc_exporter.export.otlp import batches
from rtc_exporter.model import Joined, ParticipantKey, Report
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.tracing import TraceSettings
from rtc_exporter.wire.rtcstats import Decoder

RECORDINGS = ("healthy-cr.p1", "degraded-cr.p1", "mesh-cr.p1")
NOW = 1_795_171_573.0
CASES = {
    "no spans": None,
    "ratio 0": TraceSettings(ratio=0.0),
    "ratio 0.1": TraceSettings(ratio=0.1),
    "ratio 1": TraceSettings(),
}


def play(texts: list[str], clients: int, settings: TraceSettings | None) -> tuple[float, float, int, int]:
    """Processor seconds of decoder and pipeline, and of encoding the spans; reports, and spans that left."""
    pipeline = Pipeline(PipelineSettings(traces=settings), NOW)
    crowd = []
    for number in range(clients):
        key = ParticipantKey(f"session-{number // 2}", f"participant-{number}")
        pipeline.feed(Joined(key, NOW, {"user_agent.name": "Chrome"}), NOW)
        crowd.append(Decoder(key))
    spent = encoding = 0.0
    reports = spans = 0
    for second, text in enumerate(texts):
        now = NOW + second
        began = time.process_time()
        for decoder in crowd:
            for record in decoder.receive(text, now):
                reports += isinstance(record, Report)
                pipeline.feed(record, now)
        pipeline.tick(now)
        left = pipeline.take_spans()
        spent += time.process_time() - began
        began = time.process_time()
        for request, _ in batches(left, {"service.name": "benchmark"}):
            if request is not None:
                request.SerializeToString()
        encoding += time.process_time() - began
        spans += len(left)
    return spent, encoding, reports, spans


def main() -> None:
    """Print a table for each recording."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    gc.set_threshold(*COLLECT)
    for recording in RECORDINGS:
        texts = recorded(recording).texts
        found: dict[str, list[tuple[float, float, int, int]]] = {name: [] for name in CASES}
        for _ in range(args.rounds):
            for name, settings in CASES.items():
                found[name].append(play(texts, args.clients, settings))
        base = median(row[0] / row[2] for row in found["no spans"])
        table = Table(
            "",
            "µs a report",
            "more",
            "encoding, µs a report",
            "spans a client",
            title=f"{recording}, {args.clients} clients",
        )
        for name, rows in found.items():
            each = median(row[0] / row[2] for row in rows)
            encoding = median(row[1] / row[2] for row in rows)
            spans = rows[0][3] / args.clients
            table.add_row(
                name, f"{each * 1e6:.1f}", f"{(each - base) * 1e6:+.1f}", f"{encoding * 1e6:.1f}", f"{spans:.1f}"
            )
        Console().print(table)


if __name__ == "__main__":
    main()
