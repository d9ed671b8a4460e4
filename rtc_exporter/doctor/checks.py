"""
What is looked at: one row of ``CHECKS`` each.

A check is a question, what has to be there to ask it, and a function from the patient to a finding.  Where one that it
needs has failed it is left out, so that one fault is said once.  To add a check, add a function and a row, then run
``rtc-exporter docs --write``.
"""

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from rtc_exporter.doctor import clients, operators, stack
from rtc_exporter.doctor.findings import Finding
from rtc_exporter.doctor.patient import Patient


class Needs(Enum):
    """What somebody has to tell before a check can be made, and how."""

    INGEST = "without --no-ingest"
    ADMIN = "without --no-admin"
    TOKEN = "--token-secret-file or --token-file"
    ORIGIN = "--origin"
    SEND = "--send"
    HOLD = "--hold"
    PROMETHEUS = "--prometheus"
    TRACES = "OTEL_EXPORTER_OTLP_ENDPOINT, with traces on"
    METRICS = "OTEL_EXPORTER_OTLP_ENDPOINT, with metrics on"

    def is_met(self, patient: Patient) -> bool:
        """Whether it was told."""
        return {
            Needs.INGEST: bool(patient.ingest),
            Needs.ADMIN: bool(patient.admin),
            Needs.TOKEN: patient.has_token,
            Needs.ORIGIN: bool(patient.origin),
            Needs.SEND: patient.send,
            Needs.HOLD: patient.hold > 0,
            Needs.PROMETHEUS: bool(patient.prometheus),
            Needs.TRACES: patient.otlp.traces is not None,
            Needs.METRICS: patient.otlp.metrics is not None,
        }[self]


class Check(NamedTuple):
    """One row: ``after`` are checks that must not have failed."""

    name: str
    question: str
    run: Callable[[Patient], Finding]
    needs: tuple[Needs, ...]
    after: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The first word of the name."""
        return self.name.partition("-")[0]


GROUPS = {
    "ingest": "Clients",
    "admin": "Operators",
    "limits": "Limits",
    "otlp": "OTLP",
    "prometheus": "Prometheus",
}

_I, _A, _P = (Needs.INGEST,), (Needs.ADMIN,), (Needs.PROMETHEUS,)
# fmt: off
CHECKS: tuple[Check, ...] = (
    Check("ingest-reach", "Does the listener for clients answer?", clients.reach, _I),
    Check("ingest-certificate", "Is its certificate good for two more weeks?", clients.certificate, _I, ("ingest-reach",)),
    Check("ingest-clock", "Does its clock agree with ours? Tokens are checked against it.", clients.clock, _I, ("ingest-reach",)),
    Check("ingest-private", "Are metrics, health and start page kept from clients?", clients.private, _I, ("ingest-reach",)),
    Check("ingest-anonymous", "Is who has no token refused?", clients.anonymous, _I, ("ingest-reach",)),
    Check("ingest-websocket", "Does a WebSocket get through to the exporter?", clients.websocket, _I, ("ingest-reach",)),
    Check("ingest-token", "Is who has a token let in?", clients.token, (*_I, Needs.TOKEN), ("ingest-websocket",)),
    Check("ingest-strangers", "Are pages from elsewhere refused?", clients.strangers, _I, ("ingest-websocket",)),
    Check("ingest-origin", "Are pages of an origin let in?", clients.origin, (*_I, Needs.ORIGIN), ("ingest-websocket",)),
    Check("ingest-hold", "Does a silent WebSocket stay?", clients.hold, (*_I, Needs.HOLD), ("ingest-websocket",)),
    Check("admin-reach", "Does the listener for operators answer?", operators.reach, _A),
    Check("admin-ready", "Does it call itself healthy and ready?", operators.ready, _A, ("admin-reach",)),
    Check("admin-scrape", "Can Prometheus read the metrics, exemplars among them, and in time?", operators.scrape, _A, ("admin-reach",)),
    Check("admin-version", "Is it of the same version as this program?", operators.version, _A, ("admin-reach",)),
    Check("admin-clock", "Does its clock agree with ours?", operators.clock, _A, ("admin-reach",)),
    Check("admin-counted", "Is a report that is sent to the one listener counted at the other?", operators.counted, (*_I, *_A, Needs.SEND), ("ingest-reach", "admin-scrape")),
    Check("limits-refused", "Is little of what clients send refused?", operators.refused, _A, ("admin-scrape",)),
    Check("limits-faults", "Is it free of faults of its own?", operators.faults, _A, ("admin-scrape",)),
    Check("limits-files", "May it open enough files, one for each client?", operators.files, _A, ("admin-scrape",)),
    Check("limits-memory", "Has it memory left?", operators.memory, _A, ("admin-scrape",)),
    Check("limits-series", "Is no metric over its budget of series?", operators.series, _A, ("admin-scrape",)),
    Check("otlp-delivered", "Does what it pushes arrive?", operators.delivered, _A, ("admin-scrape",)),
    Check("otlp-traces", "Does the receiver of spans take a request from here?", stack.traces, (Needs.TRACES,)),
    Check("otlp-metrics", "Does the receiver of metrics take a request from here?", stack.metrics, (Needs.METRICS,)),
    Check("prometheus-reach", "Does Prometheus answer, and is it new enough?", stack.reach, _P),
    Check("prometheus-targets", "Does it scrape the exporter, under the job that rules look for?", stack.targets, _P, ("prometheus-reach",)),
    Check("prometheus-rules", "Has it the alerts, and do they work?", stack.rules, _P, ("prometheus-reach",)),
    Check("prometheus-exemplars", "Does it keep exemplars, which lead from a graph to a trace?", stack.exemplars, _P, ("prometheus-reach",)),
)
# fmt: on
