"""
Says what was wrong with finished calls, and whose it was: ``rtc-exporter explain FILE…``.

The files are read as ``rtc-exporter import`` reads them, by the same pipeline as live clients; a recorder listens to
what it finds.  Modules beside this one are pure: ``findings`` makes the verdict, ``words`` and ``text`` say it,
``panels`` and ``page`` draw it, ``document`` gives it to programs.
"""

import argparse
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from rtc_exporter import importer
from rtc_exporter.errors import RtcExporterError
from rtc_exporter.explain import document, page, text
from rtc_exporter.explain.findings import Finding, explain
from rtc_exporter.recorder import Recorder
from rtc_exporter.scores import Scoring

#: Exit status for a wrong argument, and for files that could not be read or written; as ``import`` has them.
WRONG, FAILED = 2, 1

EXAMPLES = """\
examples:
  rtc-exporter explain call.gz
      who had a bad time, from when to when, why, and what to do
  rtc-exporter explain --html call.html --session "case 4711" alice.json bob.json
      the files of two participants as one call, with pictures, in one file that can be attached to a ticket
  rtc-exporter explain --json --participant alice call.gz
      for scripts
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``rtc-exporter explain``."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="dump or recording, gzipped or not; - is standard input"
    )
    parser.add_argument("--session", default="", help="session id (default: what each file says, else its name)")
    parser.add_argument("--participant", default="", metavar="ID", help="only this participant")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="as JSON")
    how.add_argument("--html", metavar="OUT", help="as a page with pictures, in one file; - is standard output")


def run(args: argparse.Namespace) -> int:
    """Read the files and say what was wrong; 1 when a file could not be read or written."""
    console = Console(stderr=True)
    try:
        findings, refused = read(args.files, args.session, console)
    except (OSError, RtcExporterError) as exc:
        console.print(f"explain failed: {exc}", style="red", markup=False, soft_wrap=True)
        return FAILED
    if args.participant:
        known = sorted({finding.summary.participant for finding in findings})
        findings = [finding for finding in findings if finding.summary.participant == args.participant]
        if not findings:
            told = f"no participant {args.participant!r} in these files; there are: {', '.join(known) or 'none'}"
            console.print(told, markup=False, soft_wrap=True)
            return WRONG
    skipped = ", ".join(f"{number} {reason}" for reason, number in refused.items())
    if not findings:
        told = "nobody is in these files: they hold no report and no event"
        console.print(f"{told}; skipped: {skipped}" if skipped else told, markup=False, soft_wrap=True)
        return FAILED
    day = datetime.fromtimestamp(min(one.summary.start for one in findings), UTC).strftime("%Y-%m-%d")
    if args.json:
        print(json.dumps({**document.document(findings), "refused": refused}, indent=2))
        return 0
    if args.html and args.html != "-":
        try:
            Path(args.html).write_text(page.render(findings, day), encoding="utf-8")
        except OSError as exc:
            console.print(f"explain failed: {args.html}: {exc.strerror}", style="red", markup=False, soft_wrap=True)
            return FAILED
        console.print(f"written: {os.path.abspath(args.html)}", markup=False, soft_wrap=True, highlight=False)
        return 0
    print(page.render(findings, day) if args.html else text.render(findings, day))
    if skipped:
        console.print(f"skipped: {skipped}", markup=False, soft_wrap=True, highlight=False)
    return 0


def read(files: Sequence[str], session: str, console: Console) -> tuple[list[Finding], dict[str, int]]:
    """Everybody in these files, explained; and what could not be read of them, by reason."""
    recorder, scoring = Recorder(), Scoring()
    outcome = importer.read(list(files), session, console, recorder)
    findings = [explain(who, recorder.stay(who), end, scoring) for who, end in outcome.gone]
    findings.sort(key=lambda one: (one.summary.session, one.summary.start, one.summary.participant))
    return findings, {str(reason): number for reason, number in outcome.refused.items()}
