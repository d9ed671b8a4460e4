"""
Reads finished calls from files: ``rtc-exporter import FILE…``.

The same decoders and the same pipeline as for live clients, with the records' own times for a clock.
Several files are read side by side in time order, so the two ends of a call meet in one session as
they did when it happened.  History cannot be scraped: ``--openmetrics`` writes what a scrape every
``--step`` seconds would have seen, for ``promtool tsdb create-blocks-from openmetrics``.
"""

import argparse
import contextlib
import heapq
import itertools
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypeAlias

from rich.console import Console
from rich.progress import Progress

from rtc_exporter import auth, tree, useragent, wire
from rtc_exporter.calls import Calls
from rtc_exporter.errors import ClientError, Reason, RtcExporterError
from rtc_exporter.export import prometheus
from rtc_exporter.listener import Listener
from rtc_exporter.metric import Profile, Tier
from rtc_exporter.model import Joined, Left, ParticipantKey, Record, Report
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.sessions import Participant
from rtc_exporter.span import Span
from rtc_exporter.summary import ConnectionSummary, Summary, summarise
from rtc_exporter.tracing import TraceSettings

#: Enough of a file to tell its format and whose it is.
HEAD = 1 << 16
#: Endings that say nothing about the call, removed to get a participant's name from a file's.
ENDINGS = (".gz", ".jsonl", ".json", ".txt", ".frames", ".rtcstats-dump", ".webrtc-internals", ".dump")
#: Seconds between two samples of ``--openmetrics``; Prometheus' own default is 60.
STEP = 15.0
#: Seconds between two records that are lived through; a file may claim a year.
LONGEST_PAUSE = 86_400.0


#: Delivers spans, and returns how many it delivered and where to.
Send: TypeAlias = Callable[[Sequence[Span]], tuple[int, str]]


@dataclass
class Source:
    """One file on its way in."""

    path: str
    key: ParticipantKey
    reader: "wire.Reader"
    stream: BinaryIO
    user_agent: str
    reports: int = 0


@dataclass
class Outcome:
    """What came of the files; ``gone`` is who was in them, and until when."""

    gone: list[tuple[Participant, float]] = field(default_factory=list)
    summaries: list[Summary] = field(default_factory=list)
    reports: int = 0
    refused: Counter[Reason] = field(default_factory=Counter)
    spans: list[Span] = field(default_factory=list)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``rtc-exporter import``."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="dump or recording, gzipped or not; - is standard input"
    )
    parser.add_argument("--session", default="", help="session id (default: what the file says, else its name)")
    parser.add_argument("--participant", default="", help="participant id, for a single file (default: likewise)")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how the summary is printed")
    parser.add_argument(
        "--profile", choices=[p.name.lower() for p in Profile], default="standard", help="families in --openmetrics"
    )
    parser.add_argument("--trace", action="store_true", help="print the span tree instead of the summary")
    parser.add_argument(
        "--otlp", action="store_true", help="also send the spans, with their own times, where OTEL_EXPORTER_OTLP_* say"
    )
    parser.add_argument("--no-epoch", action="store_true", help="for exporters with traces.epoch set to none")
    parser.add_argument("--openmetrics", metavar="FILE", help="also write OpenMetrics with timestamps, for promtool")
    parser.add_argument(
        "--step", type=float, default=STEP, metavar="SECONDS", help="time between two samples (default: 15)"
    )


def run(args: argparse.Namespace, send: Send | None = None) -> int:
    """
    Read the files and print what the calls were like; 1 when a file could not be read, or spans could not be sent.

    ``send`` delivers the spans.
    """
    console = Console(stderr=True)
    if args.participant and len(args.files) > 1:
        console.print("--participant names one participant, so it takes one file")
        return 2
    if args.step <= 0:
        console.print(f"--step is {args.step}, and has to be above 0 seconds")
        return 2
    try:
        with contextlib.ExitStack() as stack:
            sources = [_open(path, args.session, args.participant, stack) for path in args.files]
            outcome = _play(sources, args, console)
    except (OSError, RtcExporterError) as exc:
        console.print(f"import failed: {exc}", style="red", markup=False, soft_wrap=True)
        return 1
    if args.trace:
        print("\n".join(tree.render(outcome.spans)))
    elif args.format == "json":
        print_json(outcome)
    else:
        print_text(outcome)
    return 0 if send is None else _send(send, outcome.spans, console)


def _send(send: Send, spans: Sequence[Span], console: Console) -> int:
    delivered, where = send(spans)
    console.print(f"{delivered} of {len(spans)} spans sent by {where}", markup=False, soft_wrap=True, highlight=False)
    return 0 if delivered == len(spans) else 1


def _open(path: str, session: str, participant: str, stack: contextlib.ExitStack) -> Source:
    """Find out what a file is and whose."""
    stream: BinaryIO = stack.enter_context(open(path, "rb")) if path != "-" else _spooled(stack)  # noqa: SIM115  # likewise
    head = stream.read(HEAD)
    stream.seek(0)
    try:
        reader = wire.detect_file(head)
        description = reader.describe(head)
        claims = auth.claimed_names(description.token)
    except ClientError as exc:
        raise RtcExporterError(f"{path}: {exc}") from exc
    name = _stem(path)
    key = ParticipantKey(
        session or claims.session or description.session or name,
        participant or claims.participant or description.participant or name,
    )
    return Source(path, key, reader(stream, key, description.started or 0.0), stream, description.user_agent)


def _spooled(stack: contextlib.ExitStack) -> BinaryIO:
    """Standard input as a file that can be read twice."""
    spooled: BinaryIO = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  # the stack closes it
    shutil.copyfileobj(sys.stdin.buffer, spooled)
    spooled.seek(0)
    return spooled


def _stem(path: str) -> str:
    name = "stdin" if path == "-" else Path(path).name
    shorter = next((name.removesuffix(ending) for ending in ENDINGS if name.endswith(ending) and name != ending), name)
    return name if shorter == name else _stem(shorter)


def _records(source: Source) -> Iterator[tuple[float, int, Record, Source]]:
    """The records of a file with their times; what the user agent says joins the first of them."""
    records = Calls().place(source.reader)
    for number in itertools.count():
        try:
            record = next(records)
        except StopIteration:
            return
        except ClientError as exc:
            raise RtcExporterError(f"{source.path}: {exc}") from exc
        if isinstance(record, Joined):
            user_agent = record.attributes.get("user_agent.original") or source.user_agent
            record = record._replace(attributes={**record.attributes, **useragent.parse(user_agent)})
        time = record.sent if isinstance(record, Report) else record.time
        yield time, number, record, source


def read(files: list[str], session: str, console: Console, listener: Listener | None = None) -> Outcome:
    """Everything in the files, as an import reads them; the listener hears what verdicts find."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args([f"--session={session}", "--profile=full", "--", *files])
    with contextlib.ExitStack() as stack:
        return _play([_open(path, session, "", stack) for path in files], args, console, listener)


def _play(
    sources: list[Source], args: argparse.Namespace, console: Console, listener: Listener | None = None
) -> Outcome:
    """Feed everything in time order."""
    merged = heapq.merge(*map(_records, sources), key=lambda row: row[0])
    outcome = Outcome()
    participants: dict[ParticipantKey, Participant] = {}
    pipeline: Pipeline | None = None
    samples: Samples | None = None
    now = ticked = 0.0
    total = sum(_size(source.stream) for source in sources)
    with contextlib.ExitStack() as stack:
        progress = stack.enter_context(Progress(console=console, transient=True, disable=not console.is_terminal))
        task = progress.add_task("reading", total=total or None)
        for time, _number, record, source in merged:
            now = max(now, time)
            if pipeline is None:
                limit = 1_000_000 if args.openmetrics else 0
                settings = PipelineSettings(
                    profile=Profile[args.profile.upper()], participants_limit=limit, expiry=float("inf"),
                    traces=TraceSettings(epoch="none" if args.no_epoch else "day") if args.trace or args.otlp else None,
                )  # fmt: skip
                pipeline, ticked = Pipeline(settings, now, listener), now
                samples = Samples(args.step, now) if args.openmetrics else None
            if samples is not None:
                samples.take(pipeline, now)
            for tick in _ticks(ticked, now):
                pipeline.tick(tick)
                outcome.spans += pipeline.take_spans()
                ticked = tick
                progress.update(task, completed=sum(_position(source.stream) for source in sources))
            _remember(pipeline, record, participants)
            pipeline.feed(record, now)
            _remember(pipeline, record, participants)
            if isinstance(record, Report):
                source.reports += 1
            if isinstance(record, Left) and record.key in participants:
                outcome.gone.append((participants.pop(record.key), now))
        if pipeline is not None:
            pipeline.shutdown(now)
            outcome.spans += pipeline.take_spans()
            outcome.gone += [(participant, now) for participant in participants.values()]
        if samples is not None and pipeline is not None:
            samples.finish(pipeline, now, args.openmetrics)
    outcome.summaries = [summarise(participant, end) for participant, end in outcome.gone]
    outcome.reports = sum(source.reports for source in sources)
    for source in sources:
        outcome.refused.update(source.reader.refused)
    outcome.summaries.sort(key=lambda summary: (summary.session, summary.start, summary.participant))
    return outcome


def _ticks(last: float, now: float) -> Iterator[float]:
    """The ticks between two records: each second at first, for what is due then, and each half minute after that."""
    if now - last > LONGEST_PAUSE:
        last = now - LONGEST_PAUSE
    begin = last
    while now - last >= 1:
        last = min(last + (1.0 if last - begin < 60 else 30.0), now)
        yield last


def _remember(pipeline: Pipeline, record: Record, participants: dict[ParticipantKey, Participant]) -> None:
    """Keep hold of participants, so that they can be summarised after they left."""
    key = ParticipantKey(record.key.session, record.key.participant)
    participant = pipeline.sessions.get(key)
    if participant is not None:
        participants[key] = participant


def _size(stream: BinaryIO) -> int:
    position = stream.tell()
    size = stream.seek(0, 2)
    stream.seek(position)
    return size


def _position(stream: BinaryIO) -> int:
    return 0 if stream.closed else stream.tell()


class Samples:
    """What scrapes would have seen of everything but the exporter itself."""

    def __init__(self, step: float, now: float) -> None:
        self._history = prometheus.History()
        self._step = step
        self._due = now + step

    def take(self, pipeline: Pipeline, now: float) -> None:
        """Scrape at each step that has passed by ``now``."""
        while self._due <= now:
            pipeline.tick(self._due)
            self._scrape(pipeline, self._due)
            self._due += self._step

    def finish(self, pipeline: Pipeline, now: float, path: str) -> None:
        """The final counts, after everybody has left; then everything goes into the file."""
        self._scrape(pipeline, now)
        with open(path, "wb") as out:
            out.writelines(self._history.render())

    def _scrape(self, pipeline: Pipeline, time: float) -> None:
        store = pipeline.store
        self._history.add([*store.families(Tier.COHORT), *store.families(Tier.PARTICIPANT)], time)
        pipeline.scraped()


def print_json(outcome: Outcome) -> None:
    """The summaries as one JSON document, for scripts."""
    rows = [{**s._asdict(), "peer_connections": [c._asdict() for c in s.peer_connections]} for s in outcome.summaries]
    document = {"reports": outcome.reports, "refused": dict(outcome.refused), "participants": rows}
    print(json.dumps(document, indent=2))


def print_text(outcome: Outcome) -> None:
    """The summaries in words, a few lines for each participant: they fit a terminal, an issue and a mail."""
    by_session: dict[str, list[Summary]] = {}
    for summary in outcome.summaries:
        by_session.setdefault(summary.session, []).append(summary)
    for session, summaries in by_session.items():
        begin = min(summary.start for summary in summaries)
        length = max(summary.start + summary.duration for summary in summaries) - begin
        when = datetime.fromtimestamp(begin, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        print(tree.clean(f"session {session}: {when}, {length:.0f} s, participants: {len(summaries)}"))
        for summary in summaries:
            print("\n".join(map(tree.clean, _lines(summary))))
        print()
    refused = ", ".join(f"{number} {reason}" for reason, number in outcome.refused.items())
    print(f"{outcome.reports} reports" + (f"; skipped: {refused}" if refused else ""))


def _lines(summary: Summary) -> Iterator[str]:
    """A participant: who, each peer connection, what it received and sent, what failed."""
    yield f"  {summary.participant}: {summary.client or 'unknown client'}, {summary.duration:.0f} s"
    for connection in summary.peer_connections:
        yield f"    {connection.peer_connection:<10}{_connection(connection)}"
    expected = (summary.packets_received or 0.0) + (summary.packets_lost or 0.0)
    received = [
        _of(summary.inbound_loss_ratio, "of {:,.0f} packets lost", expected),
        None if summary.freezes is None else f"freezes: {summary.freezes:.0f} ({summary.freeze_time or 0:.1f} s)",
        _of(summary.concealment_ratio, "of the audio made up"),
    ]
    sent = [_of(summary.outbound_loss_ratio, "of {:,.0f} packets lost", summary.packets_sent)]
    if summary.round_trip_time_mean is not None:
        longest = summary.round_trip_time_max or 0.0
        sent.append(f"round trip {summary.round_trip_time_mean * 1000:.0f} ms, at most {longest * 1000:.0f} ms")
    failed = [f"{text} ×{number}" if number > 1 else text for text, number in summary.errors.items()]
    for title, words in (("received", received), ("sent", sent), ("failed", failed)):
        known = [word for word in words if word]
        if known:
            yield f"    {title:<10}{', '.join(known)}"


def _connection(connection: ConnectionSummary) -> str:
    outcome = connection.outcome or connection.state
    if outcome == "connected" and connection.state != "connected":
        outcome += f", then {connection.state}"
    codecs = [
        f"{title} {' '.join(names)}"
        for title, names in (("in", connection.codecs_in), ("out", connection.codecs_out))
        if names
    ]
    return ", ".join([f"{outcome} over {connection.path}" if connection.path else outcome, *codecs])


def _of(ratio: float | None, text: str, *numbers: float | None) -> str | None:
    return None if ratio is None else f"{ratio:.2%} {text.format(*numbers)}"
