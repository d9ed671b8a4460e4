"""Checks of the listener for operators, and of what the exporter's own metrics tell of it."""

import json
import time
import uuid

from rtc_exporter import __version__
from rtc_exporter.catalog import BY_NAME
from rtc_exporter.docs import REASONS
from rtc_exporter.doctor.clients import clocks
from rtc_exporter.doctor.findings import Finding, failed, ok, skipped, warning
from rtc_exporter.doctor.patient import ACCEPT, PARTICIPANT, SESSION, Patient, parse
from rtc_exporter.errors import Reason

#: Seconds of a scrape; Prometheus gives up after ten.
SLOW = 5.0
#: Share of what comes that may be refused without a word, and how much it has to be.
REFUSED, MANY = 0.01, 20
#: Files for each of which there is a client, that the program has open besides.
OTHER_FILES = 100
#: Fewer clients than this is less than the default bound on connections.
CLIENTS = 10_000
#: Share of files or memory in use from which on it is worth a word.
FULL = 0.8
#: Seconds in which what was sent has to be counted: a scrape may be one that was made for somebody else a second ago.
PATIENCE = 3.0
LOGIN = "Name user and password in a file: --password-file."


def _prometheus(name: str) -> str:
    """What a metric of ours is called in an exposition."""
    return BY_NAME[name].prometheus


def reach(patient: Patient) -> Finding:
    """Health needs no password."""
    answer = patient.get(patient.admin, "/-/healthy")
    if answer.status == 200 and answer.text.startswith("healthy"):
        return ok(f"{patient.admin} answers, after {answer.took * 1e3:.0f} ms")
    advice = "Is that the address of the listener for operators (admin.listen)?"
    return failed(f"{patient.admin}/-/healthy answers {answer.status}", advice)


def ready(patient: Patient) -> Finding:
    """A pod that is not ready is sent no clients."""
    answer = patient.get(patient.admin, "/-/ready")
    if answer.status == 200:
        return ok("it is ready")
    return failed(
        f"it says: {answer.text.strip() or answer.status}", "It starts or ends, or has no memory: see its log."
    )


def scrape(patient: Patient) -> Finding:
    """As Prometheus does, and held against the parser of OpenMetrics."""
    answer = patient.get(patient.admin, "/metrics", ACCEPT)
    if answer.status == 401:
        return failed("/metrics wants a password", f"{LOGIN} Prometheus needs it too: basic_auth of its scrape.")
    if answer.status != 200:
        return failed(f"/metrics answers {answer.status}", "Look at its log.")
    if not answer.headers.get("content-type", "").startswith("application/openmetrics-text"):
        return failed("/metrics is not OpenMetrics, so exemplars are lost", "Does a proxy between drop Accept?")
    try:
        samples = sum(1 for _ in parse(answer.text, openmetrics=True))
    except ValueError as exc:
        return failed(f"/metrics cannot be read: {exc}", "Does a proxy between change it? Otherwise file a bug.")
    said = f"{samples} samples, {answer.bytes / 1e3:.0f} kB, in {answer.took:.2f} s"
    if answer.took > SLOW:
        advice = "Raise scrape_timeout, lower participants.limit, or scrape ?tier=cohort and ?tier=participant apart."
        return warning(said, advice)
    return ok(said)


def version(patient: Patient) -> Finding:
    """As the document of its API says."""
    answer = patient.get(patient.admin, "/openapi.json")
    if answer.status == 401:
        return failed("it wants a password", LOGIN)
    try:
        told = str(json.loads(answer.text)["info"]["version"])
    except (ValueError, KeyError, TypeError):
        return failed("it does not say of which version it is", "Is it the exporter that answers?")
    if told != __version__:
        return warning(f"it is {told}, this is {__version__}", "Use the doctor of that version: it knows its metrics.")
    return ok(told)


def clock(patient: Patient) -> Finding:
    """Times of spans are by this clock."""
    return clocks(patient.get(patient.admin, "/-/healthy"), "Spans and graphs are at the wrong time.")


def counted(patient: Patient) -> Finding:
    """One report of one participant, who leaves at once; both listeners may lead to different processes."""
    before = _accepted(patient)
    session = f"{SESSION}-{uuid.uuid4().hex[:8]}"
    headers = {"content-type": "application/json"}
    if patient.has_token:
        headers["authorization"] = f"Bearer {patient.credential}"
    document = {"session": session, "participant": PARTICIPANT, "stats": [], "left": True}
    answer = patient.request("POST", patient.ingest, "/v1/reports", headers, json.dumps(document).encode())
    if answer.status == 401:
        return failed("a token is wanted", "Name the key or a token: --token-secret-file or --token-file.")
    if answer.status != 202:
        return failed(f"the report is answered with {answer.status}: {answer.text.strip()[:100]}", "See its log.")
    end = time.monotonic() + PATIENCE
    while _accepted(patient) <= before:
        if time.monotonic() < end:
            time.sleep(PATIENCE / 10)
            continue
        advice = "Both addresses have to lead to the same process to see that; of several, name each by itself."
        return warning("the report is taken, and not counted where operators look", advice)
    return ok("the report is counted")


def _accepted(patient: Patient) -> float:
    patient.__dict__.pop("samples", None)
    found = patient.scrape().get(_prometheus("rtc.exporter.reports"), {})
    return sum(value for labels, value in found.items() if ("rtc_outcome", "accepted") in labels)


def refused(patient: Patient) -> Finding:
    """The reason that is named most, and what is to be done about it."""
    reasons = patient.by(_prometheus("rtc.exporter.reports.dropped"), "rtc_drop_reason")
    total = sum(reasons.values())
    taken = patient.value(_prometheus("rtc.exporter.reports"), rtc_outcome="accepted") or 0.0
    if not total:
        return ok("nothing was refused")
    worst = max(reasons, key=lambda name: reasons[name])
    said = f"{total:.0f} refused, {taken:.0f} taken; most by {worst} ({reasons[worst]:.0f})"
    if total < MANY or total <= REFUSED * taken:
        return ok(said)
    what, todo = REASONS.get(Reason(worst), ("", "")) if worst in {each.value for each in Reason} else ("", "")
    return warning(said, f"{what} {todo}".strip() or "See the table of reasons in the README.")


def faults(patient: Patient) -> Finding:
    """Each is in the log."""
    found = patient.value(_prometheus("rtc.exporter.errors.internal")) or 0
    if found:
        return warning(f"{found:.0f} internal errors since it began", "Its log has a trace of each: please file a bug.")
    return ok("no internal errors")


def files(patient: Patient) -> Finding:
    """Each connection is a file."""
    used, most = patient.value("process_open_fds"), patient.value("process_max_fds")
    if used is None or not most:
        return skipped("it does not say how many files it may open")
    said = f"{used:.0f} of {most:.0f} files open"
    if used > FULL * most:
        return failed(said, "Raise the limit now (LimitNOFILE, ulimit -n): at the limit no client gets in.")
    if most < CLIENTS + OTHER_FILES:
        room = max(most - OTHER_FILES, 0)
        return warning(f"{said}: room for {room:.0f} clients", "Raise the limit (LimitNOFILE, ulimit -n).")
    return ok(said)


def memory(patient: Patient) -> Finding:
    """Of the limit that it knows; not every version tells it."""
    used = patient.value("process_resident_memory_bytes")
    limit, stage = (patient.value(f"rtc_exporter_memory_{name}") for name in ("limit_bytes", "stage"))
    if used is None:
        return skipped("it does not say how much memory it holds")
    said = f"{used / 2**20:.0f} MiB"
    if stage:
        return failed(
            f"{said}, and it refuses clients or reports for want of memory", "Give it more, or add a process."
        )
    if limit is None:
        return ok(said)
    if not limit:
        return warning(f"{said}, and no limit", "Set one (memory.limit, or of the container): it sheds load before it.")
    said += f" of {limit / 2**20:.0f} MiB"
    return warning(said, "Give it more, or add a process.") if used > FULL * limit else ok(said)


def series(patient: Patient) -> Finding:
    """Sums stay right; what is told by label does not."""
    found = patient.by(_prometheus("rtc.exporter.series.limited"), "rtc_metric_family")
    if found:
        advice = "What is told by label is not complete. See which label grows, or raise metrics.budget."
        return warning(f"over their budget: {', '.join(sorted(found)[:3])}", advice)
    return ok(f"{patient.value(_prometheus('rtc.exporter.series')) or 0:.0f} series, all within their budgets")


def delivered(patient: Patient) -> Finding:
    """By the counts of the exporter itself."""
    queued, arrived = (patient.value(_prometheus(f"rtc.exporter.otlp.{name}")) or 0 for name in ("queued", "delivered"))
    if not queued:
        return skipped("nothing was to be pushed yet")
    lost = patient.by(_prometheus("rtc.exporter.otlp.dropped"), "rtc_drop_reason")
    told = patient.by(_prometheus("rtc.exporter.otlp.requests"), "rtc_outcome")
    said = f"{arrived:.0f} of {queued:.0f} spans and points arrived"
    if not arrived and told:
        return failed(said, "Nothing arrives: see its log for the receiver's words, and otlp-traces and otlp-metrics.")
    if lost:
        worst = max(lost, key=lambda name: lost[name])
        return warning(
            f"{said}, {sum(lost.values()):.0f} were given up, most by {worst}", "See its log, then the receiver."
        )
    return ok(said)
