"""
The command ``rtc-exporter``: serve, check, doctor, metrics, trace-id, import, explain, demo, docs.

Flags of ``serve`` and ``check`` are the settings table.  A wrong setting prints one sentence and exits with
status 2 before any port is opened.
"""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import groupby

from rich.console import Console
from rich.table import Table

from rtc_exporter import __version__, docs, doctor, explain, importer, otel, player
from rtc_exporter.app import process
from rtc_exporter.catalog import METRICS
from rtc_exporter.config import Config, settings_table
from rtc_exporter.errors import ConfigError, RtcExporterError
from rtc_exporter.metric import Metric, Profile
from rtc_exporter.model import ParticipantKey
from rtc_exporter.shards import parent
from rtc_exporter.sources import FILE_VARIABLE
from rtc_exporter.span import Span
from rtc_exporter.tracing import SessionTrace, TraceSettings

#: Settings that have a short flag too.
SHORT = {"shards.processes": ("--processes",)}
#: Exit status for a wrong setting or argument, as argparse has it; and for a command that failed.
WRONG = 2
FAILED = 1
#: Interrupted from the keyboard: 128 and the number of the signal.
INTERRUPTED = 130

EXAMPLES = """\
examples:
  rtc-exporter serve
      listen on this machine: clients on port 8080, Prometheus on port 9464
  rtc-exporter serve --ingest.listen :8080 --ingest.token-secret-file /run/secrets/rtc
      listen for everybody who has a token
  rtc-exporter check --config /etc/rtc-exporter.toml
      say what is wrong with a configuration, or what it amounts to
  rtc-exporter demo
      play recorded calls into a running exporter
"""
SETTINGS = f"""\
Each setting is a flag, a variable, or a line of a TOML file (--config, or {FILE_VARIABLE}).
Flags win over variables, variables over the file.  Variables are in brackets below.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = args.run
    try:
        return run(args)
    except RtcExporterError as exc:
        print(f"rtc-exporter: {exc}", file=sys.stderr)
        return WRONG if isinstance(exc, ConfigError) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    result = argparse.ArgumentParser(
        prog="rtc-exporter",
        description="Turns what WebRTC clients report about a call into metrics for Prometheus and OpenTelemetry.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    result.add_argument("--version", action="version", version=f"rtc-exporter {__version__}")
    commands = result.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, (help, add_arguments, run) in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=help,
            description=help[0].upper() + help[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        add_arguments(command)
        command.set_defaults(run=run)
    return result


# ── serve and check


def add_settings(command: argparse.ArgumentParser) -> None:
    """One flag for each setting."""
    command.description = f"{command.description}\n\n{SETTINGS}"
    command.add_argument("--config", metavar="FILE", help=f"TOML file with settings [{FILE_VARIABLE}]")
    for section, rows in groupby(settings_table(), lambda row: row.section):
        group = command.add_argument_group(section)
        for row in rows:
            default = f" Default: {row.default}." if row.default else ""
            group.add_argument(
                row.flag,
                *SHORT.get(row.name, ()),
                dest=row.name,
                default=argparse.SUPPRESS,
                metavar=row.type.upper().replace(", ", "|"),
                help=f"{row.meaning}{default} [{row.variable}]".replace("%", "%%"),
            )


def load(args: argparse.Namespace, environ: Mapping[str, str]) -> Config:
    """The configuration that the arguments and the environment make."""
    return Config.load(flags(args), environ, args.config)


def flags(args: argparse.Namespace) -> dict[str, str]:
    """The settings among the arguments."""
    names = {row.name for row in settings_table()}
    return {name: value for name, value in vars(args).items() if name in names}


def serve(args: argparse.Namespace) -> int:
    """Run the exporter until a signal."""

    def read() -> Config:
        return load(args, os.environ)

    if read().shards.processes > 1:
        parent.serve(read, parent.Source(flags(args), args.config or os.environ.get(FILE_VARIABLE) or None))
    else:
        process.serve(read)
    return 0


def check(args: argparse.Namespace) -> int:
    """Say what a configuration amounts to."""
    config = load(args, os.environ)
    table = Table("setting", "value", "from", box=None, pad_edge=False)
    for name, value, origin in config.effective():
        style = "dim" if origin == "default" else ""
        table.add_row(name, value, origin, style=style)
    _console().print(table)
    return 0


# ── metrics


def add_metrics(command: argparse.ArgumentParser) -> None:
    """What to list, and how."""
    names = [profile.name.lower() for profile in Profile]
    command.add_argument("--profile", choices=names, default="full", help="those of a profile (default: %(default)s)")
    command.add_argument("--json", action="store_true", help="as JSON")


def metrics(args: argparse.Namespace) -> int:
    """List every metric that a profile publishes."""
    profile = Profile[args.profile.upper()]
    rows = [metric for metric in METRICS if metric.profile <= profile]
    if args.json:
        print(json.dumps([_row(metric) for metric in rows], indent=2))
        return 0
    table = Table("Prometheus", "type", "labels", "meaning", box=None, pad_edge=False)
    for metric in rows:
        table.add_row(metric.prometheus, metric.kind.value, " ".join(metric.labels), metric.help)
    _console().print(table)
    return 0


def _row(metric: Metric) -> dict[str, object]:
    return {
        "name": metric.name,
        "prometheus": metric.prometheus,
        "type": metric.kind.value,
        "unit": metric.unit,
        "tier": metric.tier.value,
        "profile": metric.profile.name.lower(),
        "labels": list(metric.labels),
        "sources": [str(source) for source in metric.sources],
        "buckets": list(metric.buckets),
        "help": metric.help,
    }


# ── trace-id


def add_trace_id(command: argparse.ArgumentParser) -> None:
    """Which session, and when."""
    command.add_argument("session", metavar="SESSION", help="the session id, as on the series and spans")
    command.add_argument(
        "--day", metavar="YYYY-MM-DD", default="", help="day on which the session began, UTC (default: today)"
    )
    command.add_argument("--no-epoch", action="store_true", help="for exporters with traces.epoch set to none")


def trace_id(args: argparse.Namespace) -> int:
    """Print the id of a session's trace: it is computed, so no back end has to be asked."""
    try:
        day = date.fromisoformat(args.day) if args.day else datetime.now(UTC).date()
    except ValueError:
        raise ConfigError(f"--day is {args.day!r}, wanted a day such as 2026-11-20") from None
    start = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    settings = TraceSettings(epoch="none" if args.no_epoch else "day")
    print(SessionTrace(settings, args.session, start).trace_id.hex())
    return 0


# ── alias


def add_alias(command: argparse.ArgumentParser) -> None:
    """Whose, and with which key."""
    command.add_argument("participant", metavar="PARTICIPANT", help="the participant id, as the application knows it")
    add_settings(command)


def show_alias(args: argparse.Namespace) -> int:
    """Print under which id a participant is exported."""
    print(load(args, os.environ).people.name(ParticipantKey("", args.participant)).participant)
    return 0


# ── import


def import_files(args: argparse.Namespace) -> int:
    """Read files, and send their spans where the standard variables say."""
    if not args.otlp:
        return importer.run(args)
    settings = otel.read(os.environ)
    if settings.traces is None:
        raise ConfigError("--otlp knows no receiver, wanted OTEL_EXPORTER_OTLP_ENDPOINT, and traces not turned off")
    receiver = settings.traces

    def send(spans: Sequence[Span]) -> tuple[int, str]:
        # By name, since importing it takes 0.4 s and 30 MB.
        counts = importlib.import_module("rtc_exporter.app.otlp").deliver(settings, spans)
        return counts.delivered, str(receiver)

    return importer.run(args, send)


def _console() -> Console:
    """A terminal as wide as it is; a pipe as wide as the table."""
    return Console() if sys.stdout.isatty() else Console(width=400, file=sys.stdout)


#: Command -> what it does, its arguments, and the function that does it.
COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], int]]] = {
    "serve": ("receive reports and publish metrics", add_settings, serve),
    "check": ("check a configuration and show what it amounts to", add_settings, check),
    "doctor": ("look at a deployment from outside and say what to do", doctor.add_arguments, doctor.run),
    "metrics": ("list the metrics", add_metrics, metrics),
    "trace-id": ("print the trace id of a session", add_trace_id, trace_id),
    "alias": ("print under which id a participant is exported", add_alias, show_alias),
    "import": ("read dump files into metrics and spans", importer.add_arguments, import_files),
    "explain": (
        "say what was wrong with the calls in dump files, and whose it was",
        explain.add_arguments,
        explain.run,
    ),
    "demo": ("play recorded calls into a running exporter", player.add_arguments, player.run),
    "docs": ("render the tables in the documentation", docs.add_arguments, docs.run),
}
