"""
Looks at a deployment from outside, as clients, Prometheus and senders of OTLP do: ``rtc-exporter doctor``.

``checks`` is the table of what is looked at, ``patient`` talks to what is looked at.  A finding says what was seen
and, where that is not well, what to do.  Nothing is changed, and nothing but refusals is counted at the exporter,
unless ``--send`` asks for a report to go all the way.
"""

import argparse
import importlib
from typing import Any

NAMES = ("ingest", "admin", "prometheus")


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Where everything is."""
    command.epilog = EXAMPLES
    where = command.add_argument_group("where it is")
    where.add_argument(
        "--ingest", metavar="URL", default="http://127.0.0.1:8080", help="as clients reach it (default: %(default)s)"
    )
    where.add_argument(
        "--admin", metavar="URL", default="http://127.0.0.1:9464", help="as operators reach it (default: %(default)s)"
    )
    where.add_argument("--no-ingest", action="store_true", help="leave out what needs the listener for clients")
    where.add_argument("--no-admin", action="store_true", help="leave out what needs the listener for operators")
    where.add_argument("--prometheus", metavar="URL", default="", help="the Prometheus that scrapes it")
    where.add_argument(
        "--job", default="rtc-exporter", help="job under which Prometheus knows it (default: %(default)s)"
    )
    who = command.add_argument_group("who asks")
    who.add_argument("--token-secret-file", metavar="FILE", default="", help="key to sign a token of our own with")
    who.add_argument("--token-file", metavar="FILE", default="", help="a token, where the key is not at hand")
    who.add_argument("--origin", metavar="ORIGIN", default="", help="origin of a page that should be let in")
    who.add_argument(
        "--password-file", metavar="FILE", default="", help="USER:PASSWORD for the listener for operators, in one line"
    )
    who.add_argument("--ca-file", metavar="FILE", default="", help="certificates to trust, in place of the system's")
    how = command.add_argument_group("how")
    how.add_argument("--send", action="store_true", help="send one report, and see that it is counted")
    how.add_argument(
        "--hold", type=float, default=0.0, metavar="SECONDS", help="keep a silent WebSocket, and see that it stays"
    )
    how.add_argument(
        "--timeout", type=float, default=5.0, metavar="SECONDS", help="for each answer (default: %(default)g)"
    )
    how.add_argument("--strict", action="store_true", help="let warnings fail")
    how.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Look at everything, and say what is wrong; 1 where something is."""
    # By name, since HTTP, WebSockets and parsers take longer to import than most commands take to run.
    report: Any = importlib.import_module("rtc_exporter.doctor.report")
    result: int = report.run(args)
    return result


EXAMPLES = """\
OTLP is tried where the OTEL_EXPORTER_OTLP_... variables say, as `serve` reads them.

examples:
  rtc-exporter doctor
      look at the exporter on this machine
  rtc-exporter doctor --ingest https://rtc.example --admin http://10.0.0.7:9464 \\
          --token-secret-file /run/secrets/rtc --prometheus http://prometheus:9090
      look at a deployment, as its clients and its Prometheus do
  rtc-exporter doctor --ingest https://rtc.example --no-admin --token-file token --hold 120
      see whether a proxy lets WebSockets live
"""
