"""
The scores of each recorded call, for a human to look at: one line for each fold of a participant.

Frames go through the rtcstats decoder and the delta engine as in the exporter.  A participant is as well as the worst
of their peer connections.  Times are seconds since the first report; the last columns are the class by levels alone and
the verdict of levels and scores.  ``--cost`` measures instead what scoring a fold costs.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from rich.console import Console

from rtc_exporter.cadence import Cadence, is_due
from rtc_exporter.delta import Deltas
from rtc_exporter.detectors import Judge
from rtc_exporter.marks import Marker
from rtc_exporter.model import Event, ParticipantKey, Report
from rtc_exporter.quality import CLASSES, UNCLASSIFIED
from rtc_exporter.scores import Scores, Scoring
from rtc_exporter.wire.rtcstats import Decoder
from tests import captures

SCORING = Scoring()


class Marked(NamedTuple):
    """One fold: when, of which peer connection, its scores, the class by levels alone, the verdict, and its price."""

    time: float
    peer: str
    scores: Scores
    level: str
    quality: str
    score: float | None
    cost: float


@dataclass(slots=True)
class _Connection:
    deltas: Deltas = field(default_factory=lambda: Deltas(created=True))
    cadence: Cadence = field(default_factory=Cadence)
    judge: Judge = field(default_factory=Judge)
    marker: Marker = field(default_factory=lambda: Marker(SCORING))
    folded: float = 0.0
    gap: bool = False
    muted: frozenset[str] = frozenset()

    def report(self, report: Report, interval: float) -> Marked | None:
        """Take a report, and fold and score it when it is due."""
        admitted = self.cadence.admit(report.time)
        if admitted not in ("ok", "gap"):
            return None
        if admitted == "gap":
            self.gap = True
            self.judge.reset()
        self.judge.pulse(report, self.muted)
        if not is_due(report.time, self.folded, bool(report.removed), interval):
            return None
        fold = self.deltas.fold(report, self.gap, self.muted)
        self.folded, self.gap = report.time, False
        self.judge.fold(fold)
        began = time.process_time_ns()
        scores = self.marker.fold(fold)
        cost = (time.process_time_ns() - began) / 1e3
        level = self.judge.quality
        grade = UNCLASSIFIED if level == "unclassified" else CLASSES.index(level)
        quality, score = SCORING.verdict(grade, scores.overall)
        return Marked(report.time, report.key.peer_connection, scores, level, CLASSES[quality], score, cost)


def marked(name: str, interval: float = 5.0) -> Iterator[Marked]:
    """The folds of a recording."""
    decoder, connections = Decoder(ParticipantKey("s", name)), dict[str, _Connection]()
    begin = 0.0
    for frame in captures.frames(name):
        for record in decoder.receive(frame.text, 0.0):
            if isinstance(record, Report):
                begin = begin or record.time
                connection = connections.setdefault(record.key.peer_connection, _Connection())
                found = connection.report(record, interval)
                if found is not None:
                    yield found._replace(time=found.time - begin)
            elif isinstance(record, Event) and record.name in ("mute", "unmute"):
                known = connections.get(record.key.peer_connection)
                if known is not None:
                    track = {str(record.facts.get("track", ""))}
                    known.muted = known.muted | track if record.name == "mute" else known.muted - track


def _text(score: float | None) -> str:
    return "   -" if score is None else f"{score:4.2f}"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Print the scores of recorded calls.")
    parser.add_argument("recording", nargs="*", help="which ones, by how their names begin (default: all)")
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between folds (default: %(default)s)")
    parser.add_argument("--cost", action="store_true", help="measure instead")
    args = parser.parse_args()
    console = Console(width=None if Console().is_terminal else 140, highlight=False)
    for name in captures.names():
        if args.recording and not name.startswith(tuple(args.recording)):
            continue
        if args.cost:
            rows = sorted(row.cost for _ in range(20) for row in marked(name, args.interval))
            kept = rows[: len(rows) * 9 // 10]
            console.print(f"{name}: {sum(kept) / len(kept):.1f} µs a fold" if kept else f"{name}: no folds")
            continue
        console.print(f"[bold]{name}[/bold]  in: audio video, out: audio video, levels, verdict")
        for row in marked(name, args.interval):
            scores = "  ".join(_text(score) for score in row.scores)
            console.print(
                f"  {row.peer} {row.time:6.1f}  {scores}  {row.level:12} {row.quality:12} {_text(row.score)}",
                markup=False,
            )


if __name__ == "__main__":
    main()
