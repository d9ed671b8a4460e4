"""
What the detectors make of each recorded call: every episode with its times, for a human to look at.

Frames go through the rtcstats decoder and the delta engine as in the exporter; times are seconds since the first
report.  ``--folds`` prints the quality class and the values of each fold as well; ``--cost`` measures instead what
judging a fold costs beside folding it, a pulse, and to parse a report, which is the floor.
"""

import argparse
import gc
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import orjson
from rich.console import Console

from rtc_exporter.cadence import Cadence, is_due
from rtc_exporter.delta import Deltas, Fold
from rtc_exporter.detectors import BENCH, Change, Judge
from rtc_exporter.marks import Marker
from rtc_exporter.model import Event, ParticipantKey, Report
from rtc_exporter.scores import Scores
from rtc_exporter.wire.rtcstats import Decoder
from tests import captures

#: What the cost is measured on.
RECORDINGS = ("healthy-cr.p1.frames", "degraded-cr.p1.frames", "mesh-cr.p1.frames")


@dataclass(slots=True)
class Connection:
    """One peer connection as the exporter follows it."""

    deltas: Deltas = field(default_factory=lambda: Deltas(created=True))
    cadence: Cadence = field(default_factory=Cadence)
    judge: Judge = field(default_factory=Judge)
    folded: float = 0.0
    gap: bool = False
    muted: frozenset[str] = frozenset()


@dataclass(slots=True)
class Call:
    """One recording, judged."""

    begin: float = 0.0
    changes: list[tuple[str, Change]] = field(default_factory=list)
    folds: list[tuple[str, float, str, dict[str, float]]] = field(default_factory=list)
    connections: dict[str, Connection] = field(default_factory=dict)

    def report(self, report: Report, interval: float) -> None:
        """Take a report: pulse, and fold when it is due."""
        name = report.key.peer_connection
        connection = self.connections.setdefault(name, Connection())
        verdict = connection.cadence.admit(report.time)
        if verdict not in ("ok", "gap"):
            return
        self.begin = self.begin or report.time
        if verdict == "gap":
            connection.gap = True
            self._note(name, connection.judge.reset())
        self._note(name, connection.judge.pulse(report, connection.muted))
        if is_due(report.time, connection.folded, bool(report.removed), interval):
            fold = connection.deltas.fold(report, connection.gap, connection.muted)
            connection.folded, connection.gap = report.time, False
            self._note(name, connection.judge.fold(fold))
            self.folds.append((name, report.time, connection.judge.quality, dict(connection.judge.values)))

    def event(self, event: Event) -> None:
        """Follow mutes and closes."""
        connection = self.connections.get(event.key.peer_connection)
        if connection is None:
            return
        track = str(event.facts.get("track", ""))
        if event.name == "mute":
            connection.muted |= {track}
        elif event.name == "unmute":
            connection.muted -= {track}
        elif event.name == "close":
            self._note(event.key.peer_connection, connection.judge.close(event.time))

    def _note(self, name: str, changes: Sequence[Change]) -> None:
        self.changes += [(name, change) for change in changes]


def texts(name: str) -> list[str]:
    """What the client of a recording sent."""
    return [frame.text for frame in captures.frames(name)]


def judge(name: str, interval: float = 5.0) -> Call:
    """Play a recording."""
    decoder, call = Decoder(ParticipantKey("s", name)), Call()
    for text in texts(name):
        for record in decoder.receive(text, 0.0):
            if isinstance(record, Report):
                call.report(record, interval)
            elif isinstance(record, Event):
                call.event(record)
    for peer, connection in call.connections.items():
        call.changes += [(peer, change) for change in connection.judge.close(connection.folded)]
    return call


def show(name: str, interval: float, console: Console, folds: bool) -> None:
    """Print the episodes of a recording, oldest first."""
    call = judge(name, interval)
    qualities = Counter(quality for _, _, quality, _ in call.folds)
    told = ", ".join(f"{number} {quality}" for quality, number in qualities.most_common())
    console.print(f"[bold]{name}[/bold]  folds: {told or 'none'}")
    ended = [(peer, change.episode) for peer, change in call.changes if change.kind == "end"]
    for peer, episode in sorted(ended, key=lambda row: row[1].begin):
        begin, end, worst = (time - call.begin for time in (episode.begin, episode.last, episode.worst_time))
        end = (episode.end or episode.last) - call.begin
        stream = ", ".join(str(word) for word in (episode.mid, episode.ssrc, episode.codec) if word is not None)
        console.print(
            f"  {peer} {begin:6.1f} - {end:5.1f} s  {episode.severity:8} {episode.rule.id:34} "
            f"worst {episode.worst:.3f} at {worst:.1f}, cause {episode.cause or '-'}, {episode.streams} of [{stream}]",
            markup=False,
        )
    for peer, time_, quality, values in call.folds if folds else ():
        short = ", ".join(f"{key.removeprefix('rtc.')} {value:.3f}" for key, value in values.items())
        console.print(f"    {peer} {time_ - call.begin:6.1f} {quality:12} {short}", markup=False)


def folded(name: str, interval: float) -> Iterator[tuple[Judge, Fold, float]]:
    """The folds of a recording, and what folding took."""
    decoder, connections = Decoder(ParticipantKey("s", name)), dict[str, Connection]()
    for text in texts(name):
        for report in decoder.receive(text, 0.0):
            if not isinstance(report, Report):
                continue
            connection = connections.setdefault(report.key.peer_connection, Connection())
            connection.judge.pulse(report)
            if is_due(report.time, connection.folded, bool(report.removed), interval):
                list(report.stats.values())
                began = time.process_time_ns()
                fold = connection.deltas.fold(report)
                yield connection.judge, fold, (time.process_time_ns() - began) / 1e3
                connection.folded = report.time


class _Timed(Marker):
    """Says what the scores took where they are made: a second time, what the fold remembers would make them cheaper."""

    took = 0.0

    def fold(self, fold: Fold) -> Scores:
        began = time.process_time_ns()
        try:
            return super().fold(fold)
        finally:
            self.took = (time.process_time_ns() - began) / 1e3


def cost(name: str, interval: float, times: int, console: Console) -> None:
    """Print what judging costs beside the fold that it judges."""
    folding, judging, marking, pulsing = [], [], [], []
    # The exporter collects seldom (see ``app.server``); here it would be once in a few folds.
    gc.collect()
    gc.disable()
    for _ in range(times):
        for judge_, fold, took in folded(name, interval):
            if not isinstance(judge_._marker, _Timed):
                judge_._marker = _Timed(BENCH.scoring)
            began = time.process_time_ns()
            judge_.fold(fold)
            judging.append((time.process_time_ns() - began) / 1e3)
            folding.append(took)
            marking.append(judge_._marker.took)
    decoder, report = Decoder(ParticipantKey("s", name)), None
    for text in texts(name):
        report = next((one for one in decoder.receive(text, 0.0) if isinstance(one, Report)), report)
    assert report is not None, "a recording has reports"
    # The floor of this run: to parse a report that holds what changed.
    delta = next(text for text in reversed(texts(name)) if text.startswith('["g"'))
    parsing: list[float] = []
    for _ in range(times * 20):
        began = time.process_time_ns()
        for _ in range(10):
            orjson.loads(delta)
        parsing.append((time.process_time_ns() - began) / 1e4)
    judge_ = Judge()
    for _ in range(5):
        began = time.process_time_ns()
        for _ in range(100_000):
            judge_.pulse(report)
        pulsing.append((time.process_time_ns() - began) / 1e8)
    floor, fold_, judged, marked = (
        sum(sorted(row)[: len(row) * 9 // 10]) / (len(row) * 9 // 10) for row in (parsing, folding, judging, marking)
    )
    console.print(
        f"{name}: orjson {floor:.1f} µs; so many times as long: fold {fold_ / floor:.1f}, "
        f"rules {(judged - marked) / floor:.1f}, scores {marked / floor:.1f}, pulse {min(pulsing) / floor:.3f}"
    )


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Print what the detectors make of recorded calls.")
    parser.add_argument("recording", nargs="*", help="which ones, by how their names begin (default: all)")
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between folds (default: %(default)s)")
    parser.add_argument("--folds", action="store_true", help="print each fold too")
    parser.add_argument("--cost", action="store_true", help="measure instead")
    parser.add_argument("--times", type=int, default=50, help="runs that are measured (default: %(default)s)")
    args = parser.parse_args()
    console = Console(width=None if Console().is_terminal else 180, highlight=False)
    wanted = [name for name in captures.names() if not args.recording or name.startswith(tuple(args.recording))]
    if args.cost:
        for name in wanted if args.recording else RECORDINGS:
            cost(name, args.interval, args.times, console)
        return
    for name in wanted:
        show(name, args.interval, console, args.folds)


if __name__ == "__main__":
    main()
