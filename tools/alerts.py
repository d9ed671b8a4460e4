"""
The alerts that are not burn rates of an objective: one row each, in the order in which an operator asks.

Is the exporter there and told the truth?  Can users get into calls?  Whose is the trouble?  Everything that users feel
pages through an objective (``slos``); what stands here as ``critical`` is what makes an objective blind, or what costs
a whole region before its budget shows it.  An alert without something to do does not stand here: see the page of
runbooks for what was left out, and why.
"""

from typing import NamedTuple

from tools.limits import Limits
from tools.queries import BY, COUNTRY, ERROR, FAILED, JOB, OURS, SCOPE, VERSION, increase, query
from tools.slos import SLOS, WINDOWS, Slo, least_bad, threshold

STANDARD, BOTH = ("standard",), ("small", "standard")
#: For how long an alert goes on after its condition has ended, so that it does not come and go.
KEEP = "5m"
#: The application in the words of an annotation, a client need not say which it is; and whose it is.
APP = (
    "{{ with $labels.rtc_app_name }}{{ . }}{{ else }}the application{{ end }}"
    "{{ with $labels.rtc_tenant }} of {{ . }}{{ end }}"
)
PERCENT, NUMBER = "{{ $value | humanizePercentage }}", "{{ $value | humanize }}"


class Alert(NamedTuple):
    """
    One alert.

    ``by`` are the labels of its own that it has beside ``severity``, ``component`` and ``team``, and the variables of
    its dashboard.  ``records`` are what it reads, recorded before it.
    """

    name: str
    expr: str
    wait: str
    severity: str
    component: str
    team: str
    summary: str
    description: str
    dashboard: str
    by: tuple[str, ...] = SCOPE
    profiles: tuple[str, ...] = BOTH
    keep: str = KEEP
    labels: tuple[tuple[str, str], ...] = ()
    records: tuple[tuple[str, str], ...] = ()


class Cohort(NamedTuple):
    """
    Groups of users that are compared with all others of their application.

    ``label`` tells them apart; ``bad`` and ``total`` are increases over ``$w``.  ``unit`` is how much of them is one
    observation: a minute of a call says little about the next, so five minutes count as one.
    """

    name: str
    label: str
    bad: str
    total: str
    unit: int


def _sum(name: str, matcher: str, by: str) -> str:
    return increase(name, matcher, f'{by}!=""', by=f"{BY}, {by}")


_BAD, _JUDGED = 'rtc_quality=~"poor|bad"', 'rtc_quality!="unclassified"'
COHORTS: tuple[Cohort, ...] = (
    Cohort(
        "country", COUNTRY, _sum("rtc.path.quality.time", _BAD, COUNTRY),
        _sum("rtc.path.quality.time", _JUDGED, COUNTRY), 300,
    ),
    Cohort(
        "release", VERSION, _sum("rtc.participant.quality.time", _BAD, VERSION),
        _sum("rtc.participant.quality.time", _JUDGED, VERSION), 300,
    ),
    Cohort(
        "release-setup", VERSION,
        _sum("rtc.connection.attempts", f'rtc_outcome=~"{FAILED}"', VERSION),
        _sum("rtc.connection.attempts", 'rtc_outcome!="abandoned"', VERSION), 1,
    ),
)  # fmt: skip


def alerts(profile: str, limits: Limits) -> tuple[Alert, ...]:
    """Every alert of a profile."""
    rows = (*_exporter(limits), *_setup(limits), *_whose(limits), *_cohorts(limits))
    return tuple(row for row in rows if profile in row.profiles)


# fmt: off
def _exporter(at: Limits) -> tuple[Alert, ...]:
    reports, accepted = query("reports", "15m"), query("reports_accepted", "10m")
    before = query("reports_accepted", "10m").replace("[10m]", "[10m] offset 1h")
    connections = query("connections")
    earlier = connections.replace("})", "} offset 1h)")
    clocks, right = query("clocks", "1h"), query("clocks_right", "1h")
    up = f"up{{{OURS}}}"
    return (
        Alert("RTCWatchdog", "vector(1)", "0m", "none", "exporter", "rtc",
              "Alerting works",
              "This alert always fires. Whoever receives it has to raise the alarm when it stops coming.",
              "rtc-exporter", (), keep=""),
        Alert("RTCExporterAbsent", f"absent({up})", "5m", "critical", "exporter", "rtc",
              "No exporter is scraped, so nothing is known of calls",
              f"Prometheus has no target of the job {JOB}. First look: the scrape configuration and service discovery.",
              "rtc-exporter", ("job",)),
        Alert("RTCExporterAllDown", f"max by (job) ({up}) == 0", "2m", "critical", "exporter", "rtc",
              "All exporters are down, so nothing is known of calls",
              "No exporter of the job {{ $labels.job }} answers Prometheus. First look: its log, and whether it was deployed.",
              "rtc-exporter", ("job",)),
        Alert("RTCExporterDown", f"{up} == 0\nunless on (job)\n  max by (job) ({up}) == 0", "5m", "warning", "exporter", "rtc",
              "An exporter is down, the calls of its clients are not seen",
              "{{ $labels.instance }} does not answer Prometheus; others do. First look: its log.",
              "rtc-exporter", ("instance", "job"), STANDARD),
        Alert("RTCShardDown", f"rtc_exporter_shard_up{{{OURS}}} == 0", "5m", "warning", "exporter", "rtc",
              "A shard of an exporter is down, the calls of its clients are not seen",
              "Shard {{ $labels.shard }} of {{ $labels.instance }} does not answer; the others do. First look: the log, where it says why it ended.",
              "rtc-exporter", ("instance", "job", "shard"), STANDARD),
        Alert("RTCExporterRestarting", f"changes(process_start_time_seconds{{{OURS}}}[1h]) > {at.restarts}", "0m", "warning", "exporter", "rtc",
              "An exporter restarts again and again",
              "{{ $labels.instance }} has started {{ $value | humanize }} times within an hour. First look: memory limits and its log.",
              "rtc-exporter", ("instance", "job")),
        Alert("RTCExporterVersionSkew", f"{query('versions')} > 1", "2h", "info", "exporter", "rtc",
              "Exporters of several versions are at work",
              f"{NUMBER} versions have been at work for two hours, longer than a roll-out takes: metrics may mean two things. First look: which instance has stayed behind, and why.",
              "rtc-exporter", ("job",), STANDARD),
        Alert("RTCNoReports",
              f"{accepted}\n  < {at.hole_fall} * {before}\nand\n  {connections} >= {at.hole_connections}\nand\n  {connections} > 0.7 * {earlier}",
              "10m", "warning", "exporter", "rtc",
              "Clients are connected and their reports do not arrive",
              f"Clients are as many as an hour ago, and their reports are fewer than {at.hole_fall:.0%} of those: what other alerts say of calls is not to be trusted. "
              "First look: reports refused, by reason, and the newest release of the application.",
              "rtc-exporter", ("job",)),
        Alert("RTCReportsRefused",
              f"{query('reports_refused', '15m')} >= {at.refused}\nand on (job, rtc_drop_reason)\n  {query('reports_refused', '15m')}\n    / on (job) group_left () {reports} > {at.refused_share}",
              "15m", "warning", "exporter", "rtc",
              "Much of what clients send is refused",
              f"{NUMBER} were refused as {{{{ $labels.rtc_drop_reason }}}} within a quarter of an hour. First look: which clients, and what changed in them.",
              "rtc-exporter", ("job", "rtc_drop_reason")),
        Alert("RTCExporterMemoryHigh", f"{query('memory_stage')} > 0", "5m", "warning", "exporter", "rtc",
              "An exporter gives clients or reports up for want of memory",
              "{{ $labels.instance }} is at stage {{ $value | humanize }}: 1 new clients are refused, 2 reports are dropped, 3 the heaviest clients are closed. "
              "First look: its memory against its limit, and how many participants it holds.",
              "rtc-exporter", ("instance", "job")),
        Alert("RTCNoRoom", f"{query('turned_away', '15m')} >= {at.turned_away}", "10m", "warning", "exporter", "rtc",
              "Clients are turned away because there is no room",
              f"{NUMBER} connections and requests were refused within a quarter of an hour, because the {{{{ $labels.rtc_limit }}}} is full. First look: connections against limits, and what else may take them.",
              "rtc-exporter", ("job", "rtc_limit")),
        Alert("RTCEngineFull", f"{query('engine_left_out', '10m')} > 0\nor\n  {query('engine_refused', '10m')} > 0", "5m", "warning", "exporter", "rtc",
              "The engine does not take what clients report",
              f"{NUMBER} reports or batches were not taken within ten minutes: what cannot wait is left out, and clients are sent away. First look: disk, streams and leader of NATS.",
              "rtc-exporter", ("job",), STANDARD),
        Alert("RTCEngineDamaged", f"{query('engine_damaged', '15m')} > 0", "0m", "warning", "exporter", "rtc",
              "Batches of the engine are lost or spoilt",
              f"{NUMBER} batches were {{{{ $labels.rtc_outcome }}}} within a quarter of an hour: counts lack what was in them. First look: lost is the disk of NATS, spoilt is who else writes to its streams.",
              "rtc-exporter", ("job", "rtc_outcome"), STANDARD),
        Alert("RTCEngineUnread", f"{query('engine_shown')}\n  < {query('engine_partitions')}", "5m", "warning", "exporter", "rtc",
              "Some partitions of the engine are counted by nobody",
              f"{NUMBER} partitions are shown, and there are more: calls of the others are not seen until an aggregator takes them. First look: aggregators that are gone or restart.",
              "rtc-exporter", ("job",), STANDARD),
        Alert("RTCEngineBehind",
              f"{query('engine_behind')} > {at.behind}\nand\n  {query('engine_behind')} > {at.behind_time} * {query('engine_read', '5m')} / 300",
              "10m", "warning", "exporter", "rtc",
              "Aggregators do not keep up with the engine",
              f"{NUMBER} batches are stored and not read, more than is read in {at.behind_time} seconds: metrics are late, and what is over the bound of a stream is refused. First look: processor time of aggregators, then start more.",
              "rtc-exporter", ("job",), STANDARD),
        Alert("RTCSeriesOverflow", f"{query('series_limited', '30m')} > 0", "15m", "warning", "exporter", "rtc",
              "A metric has more label sets than it may have",
              "New label sets of {{ $labels.rtc_metric_family }} are folded into one series: sums stay right, and what is told by label is not complete. "
              "First look: which label grows.",
              "rtc-exporter", ("job", "rtc_metric_family")),
        Alert("RTCOtlpDropping",
              f"{query('otlp_dropped', '15m')} >= {at.otlp_dropped}\nand\n  {query('otlp_dropped', '15m')} / {query('otlp_queued', '15m')} > {at.otlp_share}",
              "15m", "warning", "exporter", "rtc",
              "Spans or points are given up on their way to OTLP",
              f"{NUMBER} of {{{{ $labels.rtc_signal }}}} were given up within a quarter of an hour. First look: the receiver, then the reasons.",
              "rtc-exporter", ("job", "rtc_signal")),
        Alert("RTCInternalErrors", f"{query('internal_errors', '15m')} > 0", "0m", "warning", "exporter", "rtc",
              "The exporter has a fault",
              f"{NUMBER} internal errors within a quarter of an hour; each is in the log with its trace. First look: the log, then file a bug.",
              "rtc-exporter", ("job",)),
        Alert("RTCClientClocks",
              f"1 - {right} / {clocks} > {at.clock_share}\nand\n  {clocks} >= {at.clocks}",
              "1h", "info", "exporter", "rtc",
              "Many client clocks are wrong",
              f"{PERCENT} of the client clocks that were looked at are off by more than five seconds. Spans are corrected for it. First look: the exporter's own clock.",
              "rtc-exporter", ("job",), STANDARD),
        Alert("RTCRulesFailing",
              'sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total{rule_group=~".+;rtc[.].+"}[10m])) > 0', "10m", "warning", "exporter", "rtc",
              "Rules about calls cannot be evaluated",
              "Prometheus could not evaluate rules of {{ $labels.rule_group }}: its alerts may be silent. First look: the page of rules in Prometheus, which has the error.",
              "rtc-exporter", ("rule_group",), STANDARD),
    )


_RELAYS, _LOST = "rtc_turn:relays_per_attempt:ratio_rate", "rtc_reconnect:disconnections_per_time:ratio_rate"


def _earlier(name: str, offset: str) -> str:
    """What a day gained, up to some minutes ago: what is going on now is not what is usual."""
    return query(name, "1d").replace("[1d]", f"[1d] offset {offset}")


#: Where nothing was ever counted there is no series: that is 0, and not unknown.
_TURN = (
    ("rtc_turn:attempts:increase15m", query("attempts", "15m")),
    (f"{_RELAYS}15m", f"({query('relay_candidates', '15m')} or rtc_turn:attempts:increase15m * 0)\n/ rtc_turn:attempts:increase15m"),
    (f"{_RELAYS}1d", f"{_earlier('relay_candidates', '15m')}\n/ ({_earlier('attempts', '15m')} > 0)"),
)
_STORM = (
    ("rtc_reconnect:disconnections:increase5m", query("disconnections", "5m")),
    (f"{_LOST}5m", f"rtc_reconnect:disconnections:increase5m\n/ ({query('time', '5m')} > 0)"),
    (f"{_LOST}1d", f"({_earlier('disconnections', '10m')} or {_earlier('time', '10m')} * 0)\n/ ({_earlier('time', '10m')} > 0)"),
)


def _setup(at: Limits) -> tuple[Alert, ...]:
    attempts = query("attempts", "15m")
    captures, failed = query("captures", "30m"), query("captures_failed", "30m")
    calls, errors = query("negotiations", "15m"), query("negotiations_failed", "15m")
    refusals = query("turn_refusals", "15m")
    joins, then = query("joins", "30m"), query("joins", "30m").replace("[30m]", "[30m] offset 1w")
    return (
        Alert("RTCCallVolumeDrop", f"{joins}\n  < {at.volume_fall} * {then}\nand\n  {then} >= {at.volume_before}\nunless on ()\n  min_over_time((max by (job) (up{{{OURS}}}))[45m:1m]) == 0",
              "10m", "critical", "business", "rtc",
              "Far fewer users come than a week ago",
              f"{NUMBER} participants joined {APP} in half an hour, fewer than {at.volume_fall:.0%} of those at this time a week ago. "
              "First look: can a call be started at all?",
              "rtc-overview", profiles=STANDARD),
        Alert("RTCTurnOutage",
              f"{_RELAYS}15m\n  < {at.turn_fall} * {_RELAYS}1d\nand\n  {_RELAYS}1d >= {at.turn_usual}\nand\n  rtc_turn:attempts:increase15m >= {at.turn_attempts}",
              "5m", "critical", "turn", "rtc",
              "TURN gives no relays, users behind firewalls cannot join",
              f"Clients of {APP} gather {PERCENT} relay candidates for each attempt to connect, under {at.turn_fall:.0%} of what was usual over a day. "
              "First look: the TURN servers, then the credentials that clients get.",
              "rtc-network", records=_TURN),
        Alert("RTCTurnRefusing",
              f"{refusals} >= {at.turn_refusals}\nand on ({BY}, {ERROR})\n  {refusals}\n    / on ({BY}) group_left () {attempts} > {at.turn_refused_share}",
              "10m", "warning", "turn", "rtc",
              "TURN servers refuse clients",
              f"{NUMBER} refusals of clients of {APP} with code {{{{ $labels.error_type }}}} within a quarter of an hour. "
              "First look: 401 is the credentials that the application gives out, 486 and 508 are quota and capacity.",
              "rtc-network", (*SCOPE, ERROR)),
        Alert("RTCReconnectStorm",
              f"{_LOST}5m > {at.storm_times:g} * {_LOST}1d\nand\n  rtc_reconnect:disconnections:increase5m >= {at.storm_disconnections}",
              "3m", "critical", "network", "rtc",
              "Many users lose their connection at once",
              f"Participants of {APP} lose their connection more than {at.storm_times:g} times as often as over the day before. "
              "First look: what they share, a media server, a region, a deploy.",
              "rtc-network", records=_STORM),
        Alert("RTCCaptureErrors",
              f"{failed} / on ({BY}, {VERSION}) group_left () {captures} > {at.capture_share}\nand\n  {failed} >= {at.capture_errors}",
              "30m", "warning", "setup", "app",
              "Many users cannot use their camera or microphone",
              f"{PERCENT} of the getUserMedia calls of {APP} {{{{ $labels.rtc_app_version }}}} fail with {{{{ $labels.error_type }}}}. "
              "First look: did the application or a browser change how it asks?",
              "rtc-release", (*SCOPE, VERSION, ERROR)),
        Alert("RTCSignalingErrors",
              f"{errors} / {calls} > {at.signaling_share}\nand\n  {errors} >= {at.signaling_errors}",
              "15m", "warning", "setup", "app",
              "Negotiation of calls fails in the application",
              f"{PERCENT} of the negotiation calls of {APP} {{{{ $labels.rtc_app_version }}}} fail. First look: which call and which error, by release.",
              "rtc-release", (*SCOPE, VERSION)),
    )


#: Side -> team, profiles, how long, and what to do first.  Of devices nobody on call can do anything at night.
_SIDES = {
    "infrastructure": ("rtc", BOTH, "10m", "the servers that the affected calls share"),
    "application": ("app", BOTH, "15m", "the newest release, and what it does with tracks"),
    "network": ("rtc", STANDARD, "15m", "which countries and networks, and whether the way to the servers is the same"),
}


def _whose(at: Limits) -> tuple[Alert, ...]:
    unknown, time = query("time_unknown", "1h"), query("time", "1h")
    rows = []
    for side, (team, profiles, wait, first) in _SIDES.items():
        share = getattr(at, f"issue_share_{side}")
        spent = query("time_with_issue", "15m").replace("rtc_severity=~", f'rtc_side="{side}",rtc_severity=~')
        rows.append(
            Alert(f"RTC{side.capitalize()}Issues",
                  f"{spent}\n  / on ({BY}) group_left () {query('time', '15m')} > {share}\nand\n  {spent} >= {at.affected * 900 // 3}",
                  wait, "warning", "media", team,
                  f"Calls suffer, and the {side} is why",
                  f"For {PERCENT} of their time users of {APP} had the issue {{{{ $labels.rtc_issue }}}}, which is put down to the {side}. First look: {first}.",
                  "rtc-overview", (*SCOPE, "rtc_side", "rtc_issue"), profiles)
        )
    rows.append(
        Alert("RTCQualityUnknown",
              f"{unknown} / {time} > {at.unknown_share}\nand\n  {unknown} >= {at.unknown_time}",
              "1h", "warning", "exporter", "app",
              "Of many calls nobody can say how they are",
              f"{PERCENT} of the call time of {APP} could not be judged, so objectives say nothing about it. First look: what clients send, by browser.",
              "rtc-exporter")
    )
    return tuple(rows)


def _cohorts(at: Limits) -> tuple[Alert, ...]:
    def expr(cohort: str, share: float, least: int) -> str:
        which = f'{{cohort="{cohort}"}}'
        return (
            f"rtc_cohort:bad:ratio_rate30m{which} > {share}\n"
            f"and rtc_cohort:bad:wilson_lower30m{which} > {at.cohort_times:g} * rtc_cohort:rest:ratio_rate30m{which}\n"
            f"and rtc_cohort:bad:increase30m{which} >= {least}"
        )

    sure = f"for certain more than {at.cohort_times:g} times as much as elsewhere"
    return (
        Alert("RTCCountryDegraded", expr("country", at.country_share, at.cohort_observations), "10m", "warning", "network", "rtc",
              "Users of one country have bad calls",
              f"{PERCENT} of the call time of {APP} in {{{{ $labels.geo_country_iso_code }}}} is poor or bad, {sure}. First look: routes and media servers of that region.",
              "rtc-network", (*SCOPE, COUNTRY), STANDARD, labels=(("cohort", "country"),)),
        Alert("RTCReleaseRegression", expr("release", at.release_share, at.cohort_observations), "15m", "warning", "media", "app",
              "A release makes calls worse",
              f"{PERCENT} of the call time of {APP} {{{{ $labels.rtc_app_version }}}} is poor or bad, {sure}. First look: stop its roll-out, then compare the issues.",
              "rtc-release", (*SCOPE, VERSION), labels=(("cohort", "release"),)),
        Alert("RTCReleaseSetupRegression", expr("release-setup", at.release_failures, at.cohort_attempts), "15m", "warning", "setup", "app",
              "A release fails to connect",
              f"{PERCENT} of the attempts of {APP} {{{{ $labels.rtc_app_version }}}} to connect fail, {sure}. First look: stop its roll-out, then see where setup ends.",
              "rtc-release", (*SCOPE, VERSION), labels=(("cohort", "release-setup"),)),
    )


def burns(slo: Slo, profile: str, limits: Limits) -> tuple[Alert, ...]:
    """The burn-rate alerts of an objective."""
    rows = []
    for pair in WINDOWS[profile] if slo.alert else ():
        limit, which = threshold(slo.objective, pair), f'{{slo="{slo.name}"}}'
        lines = [
            f"rtc_slo:error:ratio_rate{pair.long}{which} > {limit:g}",
            f"and rtc_slo:error:ratio_rate{pair.short}{which} > {limit:g}",
            f"and rtc_slo:bad_events:increase{pair.long}{which} >= {least_bad(slo, pair, limits)}",
        ]
        if slo.affected and pair.severity == "critical":
            lines.append(f"and max_over_time(rtc_slo:affected:current{which}[5m]) >= {limits.affected}")
        told = f"{PERCENT} of {UNITS[slo.unit]} of {APP} were bad over {pair.long}, and the objective of {slo.objective:.1%} allows {1 - slo.objective:.1%}."
        rows.append(
            Alert(slo.alert, "\n".join(lines), pair.wait, pair.severity, slo.component, slo.team, slo.harm,
                  f"{told} {slo.help.split('. ')[0].removesuffix('.')}. First look: {_FIRST[slo.component]}.",
                  slo.dashboard, labels=(("slo", slo.name), ("window", pair.long)))
        )
    return tuple(rows)


# fmt: on
_FIRST = {
    "setup": "how attempts end or which stage takes the time, then releases and TURN",
    "media": "whose it is, by side and cause, then countries and releases",
    "voice": "which agent, and which part of its turns",
}
UNITS = {"attempts": "attempts", "seconds": "call time", "stretches": "stretches", "turns": "turns"}


def all_alerts(profile: str, limits: Limits) -> tuple[Alert, ...]:
    """The alerts of a profile, with those of its objectives."""
    return (*alerts(profile, limits), *(row for slo in SLOS for row in burns(slo, profile, limits)))
