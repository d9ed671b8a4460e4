"""
When each alert fires and when it does not: series as promtool writes them, one sample a minute.

``fires`` is the value as the annotations spell it, and None where nothing may fire.  The kinds: ``firing``; ``below``,
one step under the limit; ``guard``, far over it but too few to mean anything, or nothing to compare with; and
``recovery``, after it is over.  ``tenants``: made of these for all that is about an application.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tools import slos

KINDS = ("firing", "below", "guard", "recovery")
J = 'job="rtc-exporter"'
A = 'rtc_app_name="meet"'
APP = {"rtc_app_name": "meet"}
JOB = {"job": "rtc-exporter"}


class Case(NamedTuple):
    """One case of one alert; ``at`` is in minutes."""

    alert: str
    kind: str
    series: Mapping[str, str]
    at: int
    fires: str | None = None
    #: Labels beside those that the rule sets.
    labels: Mapping[str, str] = {}
    window: str = ""


def grows(*phases: tuple[int, float], start: float = 0.0) -> str:
    """A counter: so many minutes with so much a minute, and so on."""
    parts, value = [], start
    for minutes, each in phases:
        parts.append(f"{value:g}+{each:g}x{minutes}")
        value += each * (minutes + 1)
    return " ".join(parts)


def four(
    alert: str, labels: Mapping[str, str], fires: str, at: int, firing: Mapping[str, str], below: Mapping[str, str],
    guard: Mapping[str, str], recovery: Mapping[str, str], after: int,
) -> Iterator[Case]:  # fmt: skip
    """The four kinds of an alert; the recovery also fires at ``at``, or it would recover from nothing."""
    yield Case(alert, "firing", firing, at, fires, labels)
    yield Case(alert, "below", below, at)
    yield Case(alert, "guard", guard, at)
    yield Case(alert, "recovery", recovery, at, fires, labels)
    yield Case(alert, "recovery", recovery, after)


# ── burn rates: the same for all objectives


def _burn_series(
    name: str, bad: list[tuple[int, float]], good: list[tuple[int, float]], affected: int
) -> dict[str, str]:
    """Bad and good events a minute of an objective; ``affected`` participants have the issue."""
    total = [(minutes, one + other) for (minutes, one), (_, other) in zip(bad, good, strict=True)]
    minutes = sum(each for each, _ in bad) + len(bad)
    histograms = {
        "setup-time": ("rtc_setup_duration_seconds", '{A},rtc_setup_stage="total"', "5.0"),
        "clean-audio": ("rtc_inbound_concealment_ratio", '{A},rtc_media_kind="audio"', "0.03"),
        "smooth-video": ("rtc_inbound_freeze_ratio", '{A},rtc_media_kind="video"', "0.05"),
        "voice-pipeline": ("rtc_voice_turn_pipeline_latency_seconds", '{A},rtc_voice_timing_source="audio"', "1.25"),
        "voice-transport": ("rtc_voice_turn_transport_latency_seconds", '{A},rtc_voice_timing_source="audio"', "0.25"),
    }
    counters = {
        "setup-success": ("rtc_connection_attempts_total", 'rtc_outcome="ice_failed"', 'rtc_outcome="connected"'),
        "good-minutes": ("rtc_participant_quality_time_seconds_total", 'rtc_quality="bad"', 'rtc_quality="good"'),
        "voice-response": ("rtc_voice_turns_total", 'rtc_voice_outcome="no_response"', 'rtc_voice_outcome="answered"'),
    }
    issues = {"clean-audio": "audio_concealment", "smooth-video": "freeze"}
    if name in histograms:
        metric, labels, bound = histograms[name]
        labels = labels.replace("{A}", A)
        found = {
            f'{metric}_bucket{{{labels},le="{bound}"}}': grows(*good),
            f'{metric}_bucket{{{labels},le="+Inf"}}': grows(*total),
            f"{metric}_count{{{labels}}}": grows(*total),
        }
    else:
        metric, worse, better = counters[name]
        found = {f"{metric}{{{A},{worse}}}": grows(*bad), f"{metric}{{{A},{better}}}": grows(*good)}
    if name in issues:
        found[f'rtc_issue_participants{{{A},rtc_issue="{issues[name]}",rtc_severity="warning"}}'] = (
            f"{affected}+0x{minutes}"
        )
    return found


#: Bad events a minute of one participant: a second each second, or a stretch each five.
_ONE = {"seconds": 60.0, "stretches": 12.0}
#: Attempts and turns that fail, and are too few.
_FEW = 4
#: Minutes for which a pair is tried: long enough for its window to fill as far as it must, and for its "for".
_LASTS = {"1h": 12, "6h": 24, "1d": 200, "3d": 400}


def burns() -> Iterator[Case]:
    """Each pair of windows fires by itself; the first one shows the other kinds."""
    for slo in slos.SLOS:
        if not slo.alert:
            continue
        one = _ONE.get(slo.unit, 0.0)
        total = 100 * (one or 1.0)
        for pair in slos.PAIRS:
            limit, minutes = slos.threshold(slo.objective, pair), _LASTS[pair.long]
            labels = {**APP, "slo": slo.name, "window": pair.long}
            share = 0.75 if pair.long == "1h" else min(limit * 1.5, 0.8)

            def case(kind: str, share: float, at: int, fires: str | None, *, quiet: int = 0) -> Case:
                bad = [(minutes, share * total)] + ([(quiet, 0.0)] if quiet else [])  # noqa: B023 - used at once
                good = [(minutes, (1 - share) * total)] + ([(quiet, total)] if quiet else [])  # noqa: B023
                series = _burn_series(slo.name, bad, good, 20)  # noqa: B023
                return Case(slo.alert, kind, series, at, fires, labels, pair.long)  # noqa: B023

            yield case("firing", share, minutes, f"{share * 100:.4g}%")
            yield case("below", limit * 0.95, minutes, None)
            yield case("recovery", share, minutes + slos.seconds(pair.short) // 60 + 12, None, quiet=500)
            # One participant who has nothing but trouble, for a working day at most.
            day = min(minutes, 8 * 60)
            few = _burn_series(
                slo.name, [(day, one or _FEW / day), (minutes - day, 0.0)], [(day, 0.0), (minutes - day, 0.0)], 1
            )
            yield Case(slo.alert, "guard", few, minutes, None, labels, pair.long)


# ── the others

_UP, _DOWN = "1x200", "0x200"
_PERMISSION = f'{A},rtc_app_version="2.0",rtc_api_method="getUserMedia"'
_NEGOTIATION = f'{A},rtc_app_version="2.0",rtc_api_method="setRemoteDescription"'


def _attempts(connected: str, failed: str = "0x400", more: str = "") -> dict[str, str]:
    return {
        f'rtc_connection_attempts_total{{{A}{more},rtc_outcome="connected"}}': connected,
        f'rtc_connection_attempts_total{{{A}{more},rtc_outcome="ice_failed"}}': failed,
    }


def _relays(text: str, connected: str) -> dict[str, str]:
    return {f'rtc_ice_candidates_total{{{A},rtc_ice_candidate_type="relay"}}': text, **_attempts(connected)}


def _refusals(code: str, text: str, connected: str = "0+10x200") -> dict[str, str]:
    labels = f'{A},rtc_ice_server_scheme="turn",error_type="{code}"'
    return {f"rtc_ice_candidate_errors_total{{{labels}}}": text, **_attempts(connected)}


def _captures(errors: str, calls: str) -> dict[str, str]:
    return {
        f'rtc_api_errors_total{{{_PERMISSION},error_type="NotAllowedError"}}': errors,
        f"rtc_api_calls_total{{{_PERMISSION}}}": calls,
    }


def _negotiations(errors: str, calls: str) -> dict[str, str]:
    return {
        f'rtc_api_errors_total{{{_NEGOTIATION},error_type="OperationError"}}': errors,
        f"rtc_api_calls_total{{{_NEGOTIATION}}}": calls,
    }


def _side(side: str, text: str, time: str = "0+600x200", severity: str = "warning") -> dict[str, str]:
    issue = {"infrastructure": "turn_degraded", "application": "nothing_sent", "network": "loss"}[side]
    labels = f'{A},rtc_issue="{issue}",rtc_side="{side}",rtc_severity="{severity}"'
    return {
        f"rtc_issue_time_seconds_total{{{labels}}}": text,
        f'rtc_participant_quality_time_seconds_total{{{A},rtc_quality="good"}}': time,
    }


def _storm(lost: str, time: str) -> dict[str, str]:
    return {
        f'rtc_issue_onsets_total{{{A},rtc_issue="disconnected",rtc_severity="warning"}}': lost,
        f'rtc_participant_quality_time_seconds_total{{{A},rtc_quality="good"}}': time,
    }


def _engine() -> Iterator[Case]:
    """Of the guards: processes without an engine show all of this as 0."""
    batches = f'rtc_exporter_engine_batches_total{{{J},rtc_outcome="%s"}}'
    left_out = f'rtc_exporter_reports_dropped_total{{{J},rtc_drop_reason="%s"}}'
    yield from four(
        "RTCEngineFull", JOB, "50", 30, {left_out % "no_engine": "0+5x200"},
        {left_out % "no_engine": _DOWN, batches % "refused": _DOWN},
        {left_out % "no_memory": "0+5x200", batches % "stored": "0+5x200"},
        {batches % "refused": grows((40, 5), (100, 0))}, 60,
    )  # fmt: skip
    yield from four(
        "RTCEngineDamaged", {**JOB, "rtc_outcome": "lost"}, "15", 20, {batches % "lost": "0+1x200"},
        {batches % "lost": _DOWN}, {batches % "repeated": "0+9x200"},
        {batches % "lost": grows((25, 1), (100, 0))}, 60,
    )  # fmt: skip
    partitions = f'rtc_exporter_engine_partitions{{{J},instance="%s",rtc_state="%s"}}'
    one, other = partitions % ("a", "shown"), partitions % ("b", "shown")
    eight = {partitions % (who, "configured"): "8x200" for who in ("edge", "a")}
    yield from four(
        "RTCEngineUnread", JOB, "4", 70, {**eight, one: "4x200", other: "4x59 stale"},
        {**eight, one: "4x60 8x140", other: "4x59 stale"},
        {one: _DOWN, partitions % ("a", "configured"): _DOWN},
        {**eight, one: "4x75 8x140", other: "4x59 stale"}, 90,
    )  # fmt: skip
    # Nobody ever took them.
    yield Case("RTCEngineUnread", "firing", {**eight, one: _DOWN}, 20, "0", JOB)
    behind, read = f'rtc_exporter_engine_behind{{{J},instance="a"}}', batches % "read"
    yield from four(
        "RTCEngineBehind", JOB, "900", 30, {behind: "900x200", read: "0+700x200"}, {behind: "600x200", read: _DOWN},
        {behind: "900x8 10x200", read: "0+700x200"}, {behind: "900x40 5x100", read: "0+700x200"}, 60,
    )  # fmt: skip
    yield Case("RTCEngineBehind", "firing", {behind: "900x200", read: _DOWN}, 30, "900", JOB)
    # Seconds for many partitions, or an hour that is soon caught up with.
    yield Case("RTCEngineBehind", "guard", {behind: "900x200", read: "0+60000x200"}, 30)
    yield Case("RTCEngineBehind", "guard", {behind: "36000-300x100", read: "0+60000x200"}, 30)


def _hole(reports: str, connections: str = "50x200") -> dict[str, str]:
    return {
        f'rtc_exporter_reports_total{{{J},rtc_outcome="accepted"}}': reports,
        f"rtc_exporter_connections{{{J}}}": connections,
    }


def _refused(dropped: str, accepted: str) -> dict[str, str]:
    return {
        f'rtc_exporter_reports_dropped_total{{{J},rtc_drop_reason="bad_frame"}}': dropped,
        f'rtc_exporter_reports_total{{{J},rtc_outcome="accepted"}}': accepted,
    }


def _otlp(dropped: str, queued: str) -> dict[str, str]:
    return {
        f'rtc_exporter_otlp_dropped_total{{{J},rtc_signal="traces",rtc_drop_reason="queue_full"}}': dropped,
        f'rtc_exporter_otlp_queued_total{{{J},rtc_signal="traces"}}': queued,
    }


def _clocks(right: str, all: str) -> dict[str, str]:
    name = "rtc_exporter_client_clock_offset_seconds"
    return {f'{name}_bucket{{{J},le="5.0"}}': right, f"{name}_count{{{J}}}": all}


def _unknown(unknown: str, good: str) -> dict[str, str]:
    name = "rtc_participant_quality_time_seconds_total"
    return {f'{name}{{{A},rtc_quality="unclassified"}}': unknown, f'{name}{{{A},rtc_quality="good"}}': good}


def _countries(bad: str, good: str, rest_bad: str = "0+12x200", rest_good: str = "0+1188x200") -> dict[str, str]:
    name = "rtc_path_quality_time_seconds_total"
    return {
        f'{name}{{{A},geo_country_iso_code="DE",rtc_quality="bad"}}': bad,
        f'{name}{{{A},geo_country_iso_code="DE",rtc_quality="good"}}': good,
        f'{name}{{{A},geo_country_iso_code="FR",rtc_quality="bad"}}': rest_bad,
        f'{name}{{{A},geo_country_iso_code="FR",rtc_quality="good"}}': rest_good,
    }


def _releases(bad: str, good: str, rest_bad: str = "0+12x200", rest_good: str = "0+1188x200") -> dict[str, str]:
    name = "rtc_participant_quality_time_seconds_total"
    return {
        f'{name}{{{A},rtc_app_version="2.0",rtc_quality="bad"}}': bad,
        f'{name}{{{A},rtc_app_version="2.0",rtc_quality="good"}}': good,
        f'{name}{{{A},rtc_app_version="1.9",rtc_quality="bad"}}': rest_bad,
        f'{name}{{{A},rtc_app_version="1.9",rtc_quality="good"}}': rest_good,
    }


def _setups(failed: str, connected: str) -> dict[str, str]:
    return {
        **_attempts(connected, failed, ',rtc_app_version="2.0"'),
        **_attempts("0+19.8x200", "0+0.2x200", ',rtc_app_version="1.9"'),
    }


_RELEASE = {**APP, "rtc_app_version": "2.0"}
_WEEK = 7 * 24 * 60


def others() -> Iterator[Case]:
    """Every alert that is no burn rate."""
    yield Case("RTCWatchdog", "firing", {}, 5, "1", {})
    yield from four(
        "RTCExporterAbsent", JOB, "1", 10, {}, {f'up{{{J},instance="a"}}': "_x3 1x20"},
        {f'up{{{J},instance="a"}}': _DOWN}, {f'up{{{J},instance="a"}}': "_x12 1x60"}, 40,
    )  # fmt: skip
    a, b = (f'up{{{J},instance="{name}"}}' for name in "ab")
    yield from four(
        "RTCExporterAllDown", JOB, "0", 10, {a: _DOWN, b: _DOWN}, {a: _DOWN, b: _UP}, {}, {a: "0x10 1x60"}, 30
    )
    yield from four(
        "RTCExporterDown", {**JOB, "instance": "a"}, "0", 10, {a: _DOWN, b: _UP}, {a: "1x8 0x60", b: _UP},
        {a: _DOWN, b: _DOWN}, {a: "0x12 1x60", b: _UP}, 40,
    )  # fmt: skip
    shard = f'rtc_exporter_shard_up{{{J},instance="a",shard="1"}}'
    yield from four(
        "RTCShardDown", {**JOB, "instance": "a", "shard": "1"}, "0", 10, {shard: _DOWN}, {shard: "1x8 0x60"},
        {}, {shard: "0x12 1x60"}, 40,
    )  # fmt: skip
    build = f'rtc_exporter_build_info{{{J},instance="%s",service_version="%s"}}'
    yield from four(
        "RTCExporterVersionSkew", JOB, "2", 140, {build % ("a", "0.1.0"): _UP, build % ("b", "0.2.0"): _UP},
        {build % ("a", "0.1.0"): "1x100", build % ("b", "0.2.0"): _UP},
        {build % ("a", "0.2.0"): _UP, build % ("b", "0.2.0"): _UP},
        {build % ("a", "0.1.0"): "1x150", build % ("b", "0.2.0"): "1x300"}, 170,
    )  # fmt: skip
    yield from _engine()
    start = f'process_start_time_seconds{{{J},instance="a"}}'
    yield from four(
        "RTCExporterRestarting", {**JOB, "instance": "a"}, "4", 50, {start: "0x9 1x9 2x9 3x9 4x60"},
        {start: "0x9 1x9 2x9 3x60"}, {start: "7x60"}, {start: "0x9 1x9 2x9 3x9 4x160"}, 120,
    )  # fmt: skip
    yield from four(
        "RTCNoReports", JOB, "0", 100, _hole(grows((70, 300), (100, 0))), _hole(grows((70, 300), (100, 100))),
        _hole(grows((70, 300), (100, 0)), "10x200"), _hole(grows((70, 300), (40, 0), (100, 300))), 150,
    )  # fmt: skip
    yield from four(
        "RTCReportsRefused", {**JOB, "rtc_drop_reason": "bad_frame"}, "150", 35, _refused("0+10x200", "0+100x200"),
        _refused("0+4x200", "0+100x200"), _refused("0+2x200", "0+10x200"),
        _refused(grows((40, 10), (100, 0)), "0+100x200"), 80,
    )  # fmt: skip
    over = f'rtc_exporter_series_limited_total{{{J},rtc_metric_family="rtc_inbound_packets_total"}}'
    yield from four(
        "RTCSeriesOverflow", {**JOB, "rtc_metric_family": "rtc_inbound_packets_total"}, "", 50, {over: "0+3x200"},
        {over: "0x200"}, {over: "5x200"}, {over: grows((50, 3), (100, 0))}, 95,
    )  # fmt: skip
    yield from four(
        "RTCOtlpDropping", {**JOB, "rtc_signal": "traces"}, "150", 35, _otlp("0+10x200", "0+100x200"),
        _otlp("0+4x200", "0+100x200"), _otlp("0+2x200", "0+10x200"),
        _otlp(grows((40, 10), (100, 0)), "0+100x200"), 80,
    )  # fmt: skip
    stage = f'rtc_exporter_memory_stage{{{J},instance="a"}}'
    yield from four(
        "RTCExporterMemoryHigh", {**JOB, "instance": "a"}, "2", 20, {stage: "2x60"}, {stage: "0x60"},
        {stage: "0x16 1x2 0x60"}, {stage: "2x20 0x60"}, 40,
    )  # fmt: skip
    full = f'rtc_exporter_connections_refused_total{{{J},rtc_limit="%s"}}'
    yield from four(
        "RTCNoRoom", {**JOB, "rtc_limit": "process"}, "30", 40, {full % "process": "0+2x200"}, {full % "process": "0+1x200"},
        {full % "address": "0+20x200"}, {full % "process": grows((40, 2), (100, 0))}, 80,
    )  # fmt: skip
    errors = f"rtc_exporter_errors_internal_total{{{J}}}"
    yield from four(
        "RTCInternalErrors", JOB, "15", 30, {errors: "0+1x200"}, {errors: "0x200"}, {errors: "3x200"},
        {errors: grows((30, 1), (100, 0))}, 60,
    )  # fmt: skip
    yield from four(
        "RTCClientClocks", JOB, "20%", 130, _clocks("0+80x400", "0+100x400"), _clocks("0+96x400", "0+100x400"),
        _clocks("0+1x400", "0+2x400"), _clocks(grows((130, 80), (200, 100)), "0+100x400"), 210,
    )  # fmt: skip
    failing = 'prometheus_rule_evaluation_failures_total{rule_group="/etc/rtc.yml;%s"}'
    yield from four(
        "RTCRulesFailing", {"rule_group": "/etc/rtc.yml;rtc.alerts.turn"}, "10", 25,
        {failing % "rtc.alerts.turn": "0+1x200"}, {failing % "rtc.alerts.turn": "0x200"},
        {failing % "node.alerts": "0+1x200"}, {failing % "rtc.alerts.turn": grows((25, 1), (100, 0))}, 50,
    )  # fmt: skip

    # ── setup
    joins = f'rtc_participant_joins_total{{{A},geo_country_iso_code="DE"}}'
    yield from four(
        "RTCCallVolumeDrop", APP, "3", _WEEK + 60,
        {joins: grows((_WEEK + 20, 1), (100, 0.1))}, {joins: grows((_WEEK + 20, 1), (100, 0.5))},
        {joins: grows((_WEEK + 20, 0.5), (100, 0))}, {joins: grows((_WEEK + 20, 1), (45, 0.1), (100, 1))}, _WEEK + 120,
    )  # fmt: skip
    # Nobody counted: when all exporters are back, half an hour without joins says nothing of users.
    down = {joins: grows((_WEEK + 20, 1), (100, 0.1)), f'up{{{J},instance="a"}}': f"1x{_WEEK + 30} 0x10 1x200"}
    yield Case("RTCCallVolumeDrop", "guard", down, _WEEK + 60)
    yield from four(
        "RTCTurnOutage", APP, "0%", 150, _relays(grows((120, 4), (100, 0)), "0+4x300"),
        _relays(grows((120, 4), (100, 1)), "0+4x300"), _relays(grows((120, 1), (100, 0)), "0+1x300"),
        _relays(grows((120, 4), (40, 0), (100, 4)), "0+4x300"), 190,
    )  # fmt: skip
    yield Case("RTCTurnOutage", "guard", _relays("0x300", "0+4x300"), 150)
    yield from four(
        "RTCTurnRefusing", {**APP, "error_type": "486"}, "30", 40, _refusals("486", "0+2x200"),
        _refusals("486", "0+0.9x200"), _refusals("486", "0+0.5x200", "0+1x200"),
        _refusals("486", grows((40, 2), (100, 0))), 80,
    )  # fmt: skip
    yield Case("RTCTurnRefusing", "guard", _refusals("701", "0+20x200"), 40)
    yield from four(
        "RTCReconnectStorm", APP, "", 131, _storm(grows((120, 0.2), (60, 20)), "0+6000x400"),
        _storm(grows((120, 5), (60, 20)), "0+6000x400"), _storm(grows((120, 0.01), (60, 3)), "0+6000x400"),
        _storm(grows((120, 0.2), (12, 20), (60, 0.2)), "0+6000x400"), 150,
    )  # fmt: skip
    # Nobody had ever lost a connection before.
    yield Case("RTCReconnectStorm", "firing", _storm("_x120 " + grows((60, 20)), "0+6000x400"), 131, "", APP)
    yield from four(
        "RTCCaptureErrors", {**_RELEASE, "error_type": "NotAllowedError"}, "50%", 70, _captures("0+2x200", "0+4x200"),
        _captures("0+1.9x200", "0+10x200"), _captures("0+0.5x200", "0+0.5x200"),
        _captures(grows((80, 2), (100, 0)), "0+4x200"), 140,
    )  # fmt: skip
    yield from four(
        "RTCSignalingErrors", _RELEASE, "10%", 40, _negotiations("0+2x200", "0+20x200"),
        _negotiations("0+1.9x200", "0+100x200"), _negotiations("0+0.5x200", "0+1x200"),
        _negotiations(grows((40, 2), (100, 0)), "0+20x200"), 80,
    )  # fmt: skip

    # ── whose it is
    for side, issue, value, limit in (
        ("infrastructure", "turn_degraded", "50%", 0.05),
        ("application", "nothing_sent", "50%", 0.05),
        ("network", "loss", "50%", 0.25),
    ):
        yield from four(
            f"RTC{side.capitalize()}Issues", {**APP, "rtc_side": side, "rtc_issue": issue}, value, 40,
            _side(side, "0+300x200"), _side(side, f"0+{1200 * limit * 0.95:g}x200", "0+1200x200"),
            _side(side, "0+50x200", "0+60x200"), _side(side, grows((45, 300), (100, 0))), 80,
        )  # fmt: skip
        yield Case(f"RTC{side.capitalize()}Issues", "guard", _side(side, "0+300x200", severity="info"), 40)
    yield from four(
        "RTCQualityUnknown", APP, "75%", 130, _unknown("0+450x400", "0+150x400"), _unknown("0+290x400", "0+310x400"),
        _unknown("0+50x400", "0+0x400"), _unknown(grows((130, 450), (200, 0)), "0+150x400"), 210,
    )  # fmt: skip
    yield from four(
        "RTCCountryDegraded", {**APP, "geo_country_iso_code": "DE", "cohort": "country"}, "50%", 50,
        _countries("0+300x200", "0+300x200"), _countries("0+57x200", "0+543x200"), _countries("0+60x200", "0+60x200"),
        _countries(grows((50, 300), (100, 0)), grows((50, 300), (100, 600))), 110,
    )  # fmt: skip
    bad = _countries("0+300x200", "0+300x200", "0+600x200", "0+600x200")
    yield Case("RTCCountryDegraded", "guard", bad, 50)
    release = {**_RELEASE, "cohort": "release"}
    yield from four(
        "RTCReleaseRegression", release, "50%", 60, _releases("0+300x200", "0+300x200"),
        _releases("0+57x200", "0+1143x200"), _releases("0+60x200", "0+60x200"),
        _releases(grows((60, 300), (100, 0)), grows((60, 300), (100, 600))), 120,
    )  # fmt: skip
    alone = {name: text for name, text in _releases("0+300x200", "0+300x200").items() if "1.9" not in name}
    yield Case("RTCReleaseRegression", "guard", alone, 60)
    yield from four(
        "RTCReleaseSetupRegression", {**_RELEASE, "cohort": "release-setup"}, "25%", 60, _setups("0+2x200", "0+6x200"),
        _setups("0+0.1x200", "0+3.9x200"), _setups("0+0.2x200", "0+0.2x200"),
        _setups(grows((60, 2), (100, 0)), "0+6x200"), 120,
    )  # fmt: skip


def _of(tenant: str, series: Mapping[str, str]) -> dict[str, str]:
    """The same application, of a tenant."""
    return {name.replace(A, f'rtc_tenant="{tenant}",{A}'): text for name, text in series.items()}


def apart(cases: Sequence[Case]) -> Iterator[Case]:
    """
    What is about an application is about one tenant's: the same one of another tenant, below the limit, does not hide
    it and has no alert.
    """
    told = {(case.alert, case.window, case.kind): case for case in reversed(cases)}
    for (alert, window, kind), case in sorted(told.items()):
        if kind == "firing" and window in ("", "1h") and APP.items() <= case.labels.items():
            quiet = told[alert, window, "below"]
            series = {**_of("acme", case.series), **_of("globex", quiet.series)}
            yield case._replace(kind="tenants", series=series, labels={**case.labels, "rtc_tenant": "acme"})


_ONE_BY_ONE: tuple[Case, ...] = (*others(), *burns())
CASES: tuple[Case, ...] = (*_ONE_BY_ONE, *apart(_ONE_BY_ONE))
