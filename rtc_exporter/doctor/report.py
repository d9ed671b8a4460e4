"""Makes the checks, and tells what they found: to people, or as JSON."""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple
from urllib.parse import urlsplit

from rich.console import Console
from rich.markup import escape

from rtc_exporter import __version__, otel
from rtc_exporter.doctor.checks import CHECKS, GROUPS, Check
from rtc_exporter.doctor.findings import Finding, Level, failed, skipped
from rtc_exporter.doctor.patient import Patient, TroubleError, file
from rtc_exporter.errors import ConfigError

SYMBOLS = {
    Level.OK: ("ok", "green"),
    Level.WARNING: ("warning", "yellow"),
    Level.FAILED: ("FAILED", "bold red"),
    Level.SKIPPED: ("-", "dim"),
}


class Result(NamedTuple):
    """A check, and what it found."""

    check: Check
    finding: Finding


def run(args: argparse.Namespace) -> int:
    """Look, tell, and say by the exit status whether all is well."""
    results = []
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 400)
    for result in examine(patient(args)):
        results.append(result)
        if not args.json:
            _tell(console, result, is_first=len(results) == 1 or results[-2].check.group != result.check.group)
    if args.json:
        print(json.dumps(document(results), indent=2, ensure_ascii=False))
    else:
        _sum_up(console, results)
    worst = (Level.FAILED, Level.WARNING) if args.strict else (Level.FAILED,)
    return int(any(result.finding.level in worst for result in results))


def patient(args: argparse.Namespace) -> Patient:
    """What the arguments and the variables of OTLP tell of it; raises ``ConfigError``."""
    ingest, admin = "" if args.no_ingest else args.ingest, "" if args.no_admin else args.admin
    for name, url in (("--ingest", ingest), ("--admin", admin), ("--prometheus", args.prometheus)):
        if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
            raise ConfigError(f"{name} is {url!r}, wanted a URL such as http://127.0.0.1:8080")
        if urlsplit(url).username is not None:
            raise ConfigError(f"{name} holds a name or password, wanted them in --password-file or in ~/.netrc")
    if args.token_secret_file and args.token_file:
        raise ConfigError("--token-secret-file and --token-file are both set, wanted one of them")
    if args.timeout <= 0 or args.hold < 0:
        raise ConfigError("--timeout and --hold are seconds, wanted more than 0")
    user, colon, password = file(args.password_file, "--password-file").partition(":")
    if args.password_file and not colon:
        raise ConfigError(f"--password-file is {args.password_file!r}, wanted USER:PASSWORD in it")
    file(args.ca_file, "--ca-file")
    return Patient(
        ingest=ingest.rstrip("/"),
        admin=admin.rstrip("/"),
        prometheus=args.prometheus.rstrip("/"),
        job=args.job,
        secret=file(args.token_secret_file, "--token-secret-file"),
        token=file(args.token_file, "--token-file"),
        origin=args.origin,
        login=(user, password) if colon else None,
        ca_file=args.ca_file,
        send=args.send,
        hold=args.hold,
        timeout=args.timeout,
        otlp=otel.read(os.environ),
    )


def examine(patient: Patient) -> Iterator[Result]:
    """All checks in their order."""
    #: Check that failed, or could not be made because of one -> the one that failed.
    lost: dict[str, str] = {}
    for check in CHECKS:
        missing = [need.value for need in check.needs if not need.is_met(patient)]
        reasons = [lost[name] for name in check.after if name in lost]
        if missing:
            finding = skipped(f"needs {missing[0]}")
        elif reasons:
            finding = skipped(f"see {reasons[0]}")
            lost[check.name] = reasons[0]
        else:
            finding = make(check, patient)
        if finding.level is Level.FAILED:
            lost[check.name] = check.name
        yield Result(check, finding)


def make(check: Check, patient: Patient) -> Finding:
    """Make one check."""
    try:
        return check.run(patient)
    except TroubleError as trouble:
        return failed(trouble.said, trouble.advice)
    except Exception as exc:  # answers come from anywhere, and the other checks are worth making
        return failed(f"the answer makes no sense to it: {type(exc).__name__}", "Is it what you think that answers?")


# ── telling


def _tell(console: Console, result: Result, is_first: bool) -> None:
    level, said, advice = result.finding
    word, style = SYMBOLS[level]
    if is_first:
        console.print(f"\n[bold]{GROUPS[result.check.group]}[/bold]")
    console.print(f"  [{style}]{word:<8}[/{style}] {result.check.name:<21} {escape(printable(said))}")
    if advice and level is not Level.OK:
        console.print(f"  {'':<8} {'':<21} [italic]{escape(printable(advice))}[/italic]")


def _sum_up(console: Console, results: Sequence[Result]) -> None:
    levels = [result.finding.level for result in results]
    told = ", ".join(f"{levels.count(level)} {level.value}" for level in (Level.OK, Level.WARNING, Level.FAILED))
    console.print(f"\n{told}; {levels.count(Level.SKIPPED)} not looked at")


def document(results: Sequence[Result]) -> dict[str, object]:
    """For machines."""
    levels = [result.finding.level for result in results]
    order = list(Level)
    return {
        "version": __version__,
        "status": max(levels, key=order.index).value,
        "checks": [
            {
                "name": result.check.name,
                "question": result.check.question,
                "status": result.finding.level.value,
                "said": printable(result.finding.said),
                "advice": result.finding.advice,
            }
            for result in results
        ],
    }


def printable(text: str) -> str:
    """Answers come from elsewhere: no character of them moves a terminal's cursor."""
    return "".join(character if character.isprintable() else " " for character in text)


def rows() -> Iterator[str]:
    """The table of checks, for the documentation."""
    yield "| Check | Question | Needs |"
    yield "|---|---|---|"
    for _, checks in groupby(CHECKS, lambda check: check.group):
        for check in checks:
            needs = "; ".join(need.value for need in check.needs if need.name not in ("INGEST", "ADMIN"))
            yield f"| `{check.name}` | {check.question} | {needs} |"
