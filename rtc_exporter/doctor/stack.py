"""Checks of what stands around the exporter: Prometheus, and the receivers of OTLP."""

import json
import re
from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from rtc_exporter.app import senders
from rtc_exporter.doctor.findings import Finding, failed, ok, skipped, warning
from rtc_exporter.doctor.patient import Patient, TroubleError
from rtc_exporter.otel import Receiver

#: The oldest version that rules and dashboards are tried with.
OLDEST = (2, 42)
OPERATOR = "the label of the ServiceMonitor or PrometheusRule that Prometheus selects by, and its namespace"


def reach(patient: Patient) -> Finding:
    """By what it was built from."""
    told = str(_ask(patient, "/api/v1/status/buildinfo").get("version", ""))
    found = re.match(r"(\d+)\.(\d+)", told)
    if found and (int(found[1]), int(found[2])) < OLDEST:
        return warning(f"Prometheus {told}", "Rules and dashboards are tried with 2.42 and later.")
    return ok(f"Prometheus {told}" if told else "it answers")


def targets(patient: Patient) -> Finding:
    """All of the job; one that is down says why."""
    found = [
        target
        for target in _ask(patient, "/api/v1/targets?state=active").get("activeTargets", ())
        if target.get("labels", {}).get("job") == patient.job
    ]
    if not found:
        advice = (
            f"Look at its scrape configuration; with the operator, at {OPERATOR}. Rules want the job {patient.job}."
        )
        return failed(f"it has no target of the job {patient.job}", advice)
    down = [target for target in found if target.get("health") == "down"]
    unknown = [target for target in found if target.get("health") == "unknown"]
    if down:
        told = f"{len(down)} of {len(found)} targets are down, {down[0].get('scrapeUrl')}: {down[0].get('lastError')}"
        advice = "See that Prometheus reaches the listener for operators: its address, network policies, passwords."
        return failed(told, advice) if len(down) == len(found) else warning(told, advice)
    if len(unknown) == len(found):
        return skipped(f"{len(found)} targets, none of them scraped yet")
    return ok(f"{len(found)} targets, all up")


def rules(patient: Patient) -> Finding:
    """Alerts whose names are ours."""
    groups = _ask(patient, "/api/v1/rules?type=alert").get("groups", ())
    found = [
        rule
        for group in groups
        for rule in group.get("rules", ())
        if str(rule.get("name", "")).startswith("RTC")
    ]  # fmt: skip
    if not found:
        advice = f"Load a file of alerts/ into it (rule_files), or set prometheusRule.enabled; then look at {OPERATOR}."
        return warning("it has no alerts about calls: nobody is woken", advice)
    broken = [rule for rule in found if rule.get("health") == "err"]
    if broken:
        return failed(f"{broken[0].get('name')} cannot be evaluated: {broken[0].get('lastError')}", "See /rules of it.")
    firing = [rule for rule in found if rule.get("state") == "firing" and rule.get("name") != "RTCWatchdog"]
    return ok(f"{len(found)} alerts, {len(firing)} firing")


def exemplars(patient: Patient) -> Finding:
    """A feature flag of the server."""
    features = str(_ask(patient, "/api/v1/status/flags").get("enable-feature", ""))
    if "exemplar-storage" in features:
        return ok("exemplars are kept")
    advice = "Start it with --enable-feature=exemplar-storage; with the operator: enableFeatures: [exemplar-storage]."
    return warning("exemplars are thrown away, so no graph leads to a trace", advice)


def _ask(patient: Patient, path: str) -> Mapping[str, Any]:
    """The data of an answer of its API."""
    answer = patient.get(patient.prometheus, path, "application/json")
    try:
        told = json.loads(answer.text)
        data = told["data"] if answer.status == 200 else None
    except (ValueError, KeyError, TypeError):
        data = None
    if not isinstance(data, dict):
        advice = "Is that the address of Prometheus, with its prefix, and may we ask? A password can stand in ~/.netrc."
        raise TroubleError(f"{path.partition('?')[0]} answers {answer.status}", advice)
    return data


# ── OTLP


def traces(patient: Patient) -> Finding:
    """A request without a span."""
    assert patient.otlp.traces is not None, "the table asks for it"
    return _try(patient.otlp.traces, ExportTraceServiceRequest())


def metrics(patient: Patient) -> Finding:
    """A request without a point."""
    assert patient.otlp.metrics is not None, "the table asks for it"
    return _try(patient.otlp.metrics, ExportMetricsServiceRequest())


def _try(receiver: Receiver, message: Any) -> Finding:
    sender = senders.sender(receiver)
    try:
        answer = sender.send(message)
    finally:
        sender.close()
    if answer.outcome == "delivered":
        return ok(f"{receiver.target} takes it ({receiver.protocol})")
    advice = "Look at the address, the protocol (4317 is gRPC, 4318 is HTTP), and the headers, which hold the keys."
    return failed(f"{receiver.target} does not take it: {answer.detail or answer.outcome}", advice)
