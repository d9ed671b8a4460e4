"""
Queries that alerts and dashboards share, by name; and how a series is named in them.

Names of metrics come from the catalogue, so that a renamed metric cannot leave an alert behind that never fires.
``$w`` in a query stands for its range.
"""

from rtc_exporter import catalog, rules
from rtc_exporter.attributes import TENANT as TENANT_ATTRIBUTE
from rtc_exporter.metric import label

#: Who an alert is about: what operators act on.  Every cohort series has these labels; that of the tenant only where
#: there are tenants, and two tenants may have applications of the same name.
TENANT, APP = label(TENANT_ATTRIBUTE), label(catalog.APP)
SCOPE = (TENANT, APP)
BY = ", ".join(SCOPE)
#: The job under which Prometheus scrapes exporters.
JOB = "rtc-exporter"

VERSION, COUNTRY, ERROR = label(catalog.VERSION), "geo_country_iso_code", "error_type"
#: Outcomes of attempts that failed; who gave up by itself, ``abandoned``, is neither failure nor success.
FAILED = "|".join(name for name in catalog.OUTCOMES if name not in ("connected", "abandoned"))
#: Calls that negotiate: where they fail, the application has a fault.
NEGOTIATION = "createOffer|createAnswer|setLocalDescription|setRemoteDescription|addIceCandidate"
#: What is worth a second look; what is only worth knowing is not.
TROUBLE = "|".join(name for name in rules.SEVERITIES if name != "info")


def series(name: str, *matchers: str, part: str = "") -> str:
    """A selector of a metric of the catalogue; ``part`` is ``bucket``, ``count`` or ``sum`` of a histogram."""
    metric = catalog.BY_NAME[name]
    told = ",".join(matchers)
    return f"{metric.prometheus}{'_' + part if part else ''}" + (f"{{{told}}}" if told else "")


def increase(name: str, *matchers: str, part: str = "", by: str = BY) -> str:
    """What a counter gained in the range, summed."""
    return f"sum by ({by}) (increase({series(name, *matchers, part=part)}[$w]))"


def now(name: str, *matchers: str, by: str = BY) -> str:
    """What a gauge says at this moment, summed."""
    return f"sum by ({by}) ({series(name, *matchers)})"


def le(bound: float) -> str:
    """The matcher of a bucket; Prometheus 3 writes ``1.0`` what others write ``1``."""
    text = f"{bound:g}"
    return f'le="{text}"' if "." in text else rf'le=~"{text}(\\.0)?"'


def over(name: str, bound: float, *matchers: str) -> str:
    """How many observations of a histogram were above one of its bounds."""
    metric = catalog.BY_NAME[name]
    if bound not in metric.buckets:
        raise ValueError(f"{bound:g} is no bound of {name}, so what is above it cannot be counted exactly")
    return f"{increase(name, *matchers, part='count')} - {increase(name, *matchers, le(bound), part='bucket')}"


def at(query: str, range: str) -> str:
    """A query with its range."""
    return query.replace("$w", range)


OURS = f'job="{JOB}"'
_BAD = 'rtc_quality=~"poor|bad"'
_JUDGED = 'rtc_quality!="unclassified"'
_NEGOTIATES = f'rtc_api_method=~"{NEGOTIATION}"'
_CAPTURES = 'rtc_api_method="getUserMedia"'
_RELAY = 'rtc_ice_candidate_type="relay"'
_TURN = 'rtc_ice_server_scheme=~"turns?"'
#: Codes by which a TURN server refuses: credentials, quota, capacity (RFC 8656 section 19); 701 is that it was not
#: reached, which is usual for some of the interfaces of a client.
_REFUSAL = f'{ERROR}=~"4..|5.."'

#: How many partitions there are, which everybody who works with an engine tells.
CONFIGURED = 'rtc_state="configured"'
#: Room that all clients share; what one address or participant may have, only they notice.
_EVERYBODYS = 'rtc_limit=~"process|tenant|bodies"'

QUERIES: dict[str, str] = {
    # ── setup
    "attempts": increase("rtc.connection.attempts", 'rtc_outcome!="abandoned"'),
    "attempts_failed": increase("rtc.connection.attempts", f'rtc_outcome=~"{FAILED}"'),
    "captures": increase("rtc.api.calls", _CAPTURES, by=f"{BY}, {VERSION}"),
    "captures_failed": increase("rtc.api.errors", _CAPTURES, by=f"{BY}, {VERSION}, {ERROR}"),
    "negotiations": increase("rtc.api.calls", _NEGOTIATES, by=f"{BY}, {VERSION}"),
    "negotiations_failed": increase("rtc.api.errors", _NEGOTIATES, by=f"{BY}, {VERSION}"),
    "turn_refusals": increase("rtc.ice.candidate.errors", _TURN, _REFUSAL, by=f"{BY}, {ERROR}"),
    "relay_candidates": increase("rtc.ice.candidates", _RELAY),
    "joins": increase("rtc.participant.joins"),
    "disconnections": increase("rtc.issue.onsets", 'rtc_issue="disconnected"'),
    # ── quality; seconds of participants
    "time": increase("rtc.participant.quality.time"),
    "time_judged": increase("rtc.participant.quality.time", _JUDGED),
    "time_bad": increase("rtc.participant.quality.time", _BAD),
    "time_unknown": increase("rtc.participant.quality.time", 'rtc_quality="unclassified"'),
    "time_with_issue": increase("rtc.issue.time", f'rtc_severity=~"{TROUBLE}"', by=f"{BY}, rtc_side, rtc_issue"),
    "affected_by_audio": now("rtc.issue.participants", 'rtc_issue="audio_concealment"'),
    "affected_by_video": now("rtc.issue.participants", 'rtc_issue="freeze"'),
    # ── the exporter
    "reports": increase("rtc.exporter.reports", OURS, by="job"),
    "reports_accepted": increase("rtc.exporter.reports", OURS, 'rtc_outcome="accepted"', by="job"),
    "reports_refused": increase("rtc.exporter.reports.dropped", OURS, by="job, rtc_drop_reason"),
    "connections": now("rtc.exporter.connections", OURS, by="job"),
    "otlp_queued": increase("rtc.exporter.otlp.queued", OURS, by="job, rtc_signal"),
    "otlp_dropped": increase("rtc.exporter.otlp.dropped", OURS, by="job, rtc_signal"),
    "internal_errors": increase("rtc.exporter.errors.internal", OURS, by="job"),
    "memory_stage": now("rtc.exporter.memory.stage", OURS, by="job, instance"),
    "engine_left_out": increase("rtc.exporter.reports.dropped", OURS, 'rtc_drop_reason="no_engine"', by="job"),
    "engine_refused": increase("rtc.exporter.engine.batches", OURS, 'rtc_outcome="refused"', by="job"),
    "engine_damaged": increase(
        "rtc.exporter.engine.batches", OURS, 'rtc_outcome=~"lost|spoilt"', by="job, rtc_outcome"
    ),
    "engine_read": increase("rtc.exporter.engine.batches", OURS, 'rtc_outcome="read"', by="job"),
    "engine_behind": now("rtc.exporter.engine.behind", OURS, by="job"),
    "engine_partitions": f"max by (job) ({series('rtc.exporter.engine.partitions', OURS, CONFIGURED)})",
    "engine_shown": now("rtc.exporter.engine.partitions", OURS, 'rtc_state="shown"', by="job"),
    "versions": f"count by (job) (count by (job, service_version) ({series('rtc.exporter.build.info', OURS)}))",
    "turned_away": increase("rtc.exporter.connections.refused", OURS, _EVERYBODYS, by="job, rtc_limit"),
    "series_limited": increase("rtc.exporter.series.limited", OURS, by="job, rtc_metric_family"),
    "clocks": increase("rtc.exporter.client.clock_offset", OURS, part="count", by="job"),
    "clocks_right": increase("rtc.exporter.client.clock_offset", OURS, le(5.0), part="bucket", by="job"),
}


def query(name: str, range: str = "") -> str:
    """A query of the table."""
    return at(QUERIES[name], range)
