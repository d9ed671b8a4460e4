"""
Every query of the dashboards, by name.

Names of series, of failures and of what counts as trouble come from ``tools.queries``, which the alerts are made of;
objectives come as the recorded series of ``tools.rules``.  Shares are asked over ``$__rate_interval`` where they are
drawn, over a quarter of an hour where one number says "now", and over ``$__range`` in tables that compare.

An application need not say what it is called, so the matchers of variables let an absent label pass (``.*``).
"""

from rtc_exporter import catalog
from rtc_exporter.metric import label
from tools.queries import BY, COUNTRY, ERROR, FAILED, TROUBLE, VERSION, le, series
from tools.rules import wilson
from tools.slos import PERIOD

JOBS = 'job=~"$job"'
APPS = f'{BY}=~"$app"'
ONE = 'session_id="$session"'
WHO = "session_id, rtc_participant_id"
RATE, NOW, RANGE = "$__rate_interval", "15m", "$__range"
KIND, BROWSER, SYSTEM = label(catalog.KIND), label(catalog.BROWSER), label(catalog.OS)
NETWORK, CANDIDATE, TRANSPORT = "network_connection_type", "rtc_ice_candidate_type", "rtc_ice_transport"
BAD, WELL, JUDGED = 'rtc_quality=~"poor|bad"', 'rtc_quality=~"good|fair"', 'rtc_quality!="unclassified"'
FAILS, TRIED = f'rtc_outcome=~"{FAILED}"', 'rtc_outcome!="abandoned"'
SUFFERS = f'rtc_severity=~"{TROUBLE}"'
#: How much of something there has to be before it is compared, as a variable.
ENOUGH = "$minutes"


def of(name: str, *matchers: str, part: str = "") -> str:
    """A series of the cohorts that are chosen."""
    return series(name, JOBS, APPS, *matchers, part=part)


def rate(name: str, *matchers: str, by: str = "", range: str = RATE, part: str = "") -> str:
    """A counter, a second, summed by labels."""
    return f"sum{f' by ({by})' if by else ''} (rate({of(name, *matchers, part=part)}[{range}]))"


def more(name: str, *matchers: str, by: str = "", range: str = RANGE, part: str = "") -> str:
    """What a counter gained."""
    return f"sum{f' by ({by})' if by else ''} (increase({of(name, *matchers, part=part)}[{range}]))"


def part(bad: str, all: str) -> str:
    """A share; where there is nothing, there is no share of it."""
    return f"{bad} / {all}" if all.startswith("scalar(") else f"{bad} / ({all} > 0)"


def scalar(value: str) -> str:
    """One number beside a whole vector."""
    return f"scalar({value} > 0)"


def some(bad: str, all: str) -> str:
    """A share of what is rare: 0 where there is no series of it yet."""
    return part(f"({bad} or 0 * {all})", all)


def each_hour(name: str, *matchers: str) -> str:
    """How often something happens in an hour that a participant is in a call."""
    return f"3600 * {some(rate(name, *matchers), rate('rtc.participant.quality.time'))}"


def spoiled(name: str, *matchers: str, which: str = BAD, by: str = "", range: str = RATE) -> str:
    """The share of judged call time that was poor or bad: 0 also where none ever was, and there is no series of it."""
    time, all = (rate(name, quality, *matchers, by=by, range=range) for quality in (which, JUDGED))
    return some(time, all)


def spread(name: str, *matchers: str) -> str:
    """How values are spread, for a heatmap: raw, since only raw series have exemplars."""
    return f"sum by (le) (rate({of(name, *matchers, part='bucket')}[{RATE}]))"


def most(quantile: float, name: str, *matchers: str, by: str = "", range: str = RATE) -> str:
    """A quantile of a histogram."""
    return f"histogram_quantile({quantile}, {rate(name, *matchers, by=f'le, {by}' if by else 'le', range=range, part='bucket')})"


def over(name: str, bound: float, *matchers: str, by: str = "", range: str = RATE) -> str:
    """The share of observations above one of the bounds of a histogram."""
    if bound not in catalog.BY_NAME[name].buckets:
        raise ValueError(f"{bound:g} is no bound of {name}")
    under = rate(name, le(bound), *matchers, by=by, range=range, part="bucket")
    return f"1 - {part(under, rate(name, *matchers, by=by, range=range, part='count'))}"


def live(name: str, *matchers: str) -> str:
    """A series of live participants."""
    return series(name, JOBS, *matchers)


def mine(name: str, *matchers: str) -> str:
    """A series of one participant."""
    return live(name, ONE, 'rtc_participant_id="$participant"', *matchers)


def ours(name: str, *matchers: str, part: str = "") -> str:
    """A series about the exporter."""
    return series(name, JOBS, *matchers, part=part)


def ours_rate(name: str, *matchers: str, by: str = "", part: str = "") -> str:
    """A counter of the exporter, a second."""
    return f"sum{f' by ({by})' if by else ''} (rate({ours(name, *matchers, part=part)}[{RATE}]))"


#: One row for each live participant, with its labels: after a change of network there are two for a moment.
_INFO = f"topk by ({WHO}) (1, {live('rtc.participant.info', APPS)})"
_LABELS = f"{BY}, {VERSION}, {BROWSER}, user_agent_version, {SYSTEM}, {COUNTRY}, {NETWORK}, {CANDIDATE}, {TRANSPORT}"


def told(value: str, labels: str = BY) -> str:
    """A value of participants, with labels of who they are; also chooses by application."""
    return f"{value} * on ({WHO}) group_left ({labels}) {_INFO}"


def weighed(*matchers: str) -> str:
    """Open issues: 100 for a critical one, 1 for a warning, so that the gravest comes first."""
    critical, warning = (
        live("rtc.issue.active", f'rtc_severity="{each}"', *matchers) for each in ("critical", "warning")
    )
    return f"(100 * ({critical} > bool 0) or ({warning} > bool 0))"


#: Issues that say of a participant itself that its calls are bad; ``peer`` says that somebody else's are.
OWN = 'rtc_side!~"peer|user"'
_WORST_SCORE = f"min by ({WHO}) ({live('rtc.participant.score')})"
_SESSIONS = f"bottomk(15, min by (session_id) ({told(_WORST_SCORE)}))"


def _group_share(name: str, by: str, *matchers: str) -> dict[str, str]:
    """Share, its lower bound and its minutes, for the groups of a label; five minutes of a call are one observation."""
    some, all = (more(name, which, *matchers, by=by) for which in (BAD, JUDGED))
    bad = f"({some} or 0 * {all})"
    return {
        "share": part(bad, all),
        "bound": f"clamp_min({wilson(f'({bad} / 300)', f'({all} / 300 > 0)')}, 0)",
        "minutes": f"{all} / 60",
    }


def _named(prefix: str, told: dict[str, str]) -> dict[str, str]:
    return {f"{prefix}_{name}": query for name, query in told.items()}


#: What the baseline is held to: all that is chosen of it, and never the candidate itself.
CHOSEN = {"candidate": '$axis=~"$candidate"', "baseline": '$axis=~"$baseline",$axis!~"$candidate"'}


def _release(which: str) -> dict[str, str]:
    """What is compared of one release; ``$axis`` is the label that tells releases apart."""
    chosen = CHOSEN[which]
    rows = {
        "Poor or bad call time": spoiled("rtc.participant.quality.time", chosen, range=RANGE),
        "Failed attempts to connect": some(
            more("rtc.connection.attempts", FAILS, chosen), more("rtc.connection.attempts", TRIED, chosen)
        ),
        "Slow to connect (over 5 s)": over("rtc.setup.duration", 5.0, 'rtc_setup_stage="total"', chosen, range=RANGE),
        "Low score (under 3.5)": f"1 - ({over('rtc.participant.quality.score', 3.5, chosen, range=RANGE)})",
        "Refused camera or microphone": some(
            more("rtc.api.errors", 'rtc_api_method="getUserMedia"', chosen),
            more("rtc.api.calls", 'rtc_api_method="getUserMedia"', chosen),
        ),
        "Abnormal ends": some(
            more("rtc.participant.leaves", 'rtc_leave_reason=~"timeout|error"', chosen),
            more("rtc.participant.leaves", chosen),
        ),
    }
    return {title: f'label_replace({query}, "what", "{title}", "", "")' for title, query in rows.items()}


def _table(which: str) -> str:
    return "\nor\n".join(_release(which).values())


#: 0 too little, 1 same, 2 better, 3 worse: worse where the lower bound of one is above the upper of the other.
def _verdict() -> str:
    bounds = {}
    for which in ("candidate", "baseline"):
        some, time = (more("rtc.participant.quality.time", quality, CHOSEN[which]) for quality in (BAD, JUDGED))
        bad, all = f"(({some} or 0 * {time}) / 300)", f"({time} / 300)"
        bounds[which] = wilson(bad, f"({all} > 0)"), wilson(f"({all} - {bad})", f"({all} > 0)"), all
    new, old = bounds["candidate"], bounds["baseline"]
    worse, better = f"(({new[0]}) > bool (1 - ({old[1]})))", f"((1 - ({new[1]})) < bool ({old[0]}))"
    # 200 minutes of both are 40 observations.
    return f"(1 + {better} + 2 * {worse}) * ({new[2]} >= bool 40) * ({old[2]} >= bool 40)"


_STREAM = (
    "rtc.inbound.packet_loss.ratio",
    "rtc.inbound.jitter",
    "rtc.inbound.concealment.ratio",
    "rtc.inbound.freeze.ratio",
)
_AUDIO = f'{KIND}="audio"'
_WORST_SPEECH = f"min by ({WHO}) ({live('rtc.participant.score', _AUDIO)})"
_RTT = "rtc.candidate_pair.round_trip_time"
_PLACES = (f'{COUNTRY}=~"$country"', f'{NETWORK}=~"$network"')
_AGENT, _NAMED = 'gen_ai_agent_name=~"$agent"', 'gen_ai_agent_name!=""'
_FIRING = 'ALERTS{alertname=~"RTC.+",alertname!="RTCWatchdog",alertstate="firing"}'
_SLO = 'slo=~"$slo",rtc_app_name=~"$app"'

QUERIES: dict[str, str] = {
    # ── now
    "connect_success": f"1 - {part(rate('rtc.connection.attempts', FAILS, range=NOW), rate('rtc.connection.attempts', TRIED, range=NOW))}",
    "good_time": spoiled("rtc.participant.quality.time", range=NOW, which=WELL),
    "participants": f"sum({of('rtc.participants.active')})",
    "sessions": f"sum({of('rtc.sessions.active')})",
    "setup_p95": most(0.95, "rtc.setup.duration", 'rtc_setup_stage="total"', range=NOW),
    "alerts_firing": f"count(count by (alertname) ({_FIRING})) or vector(0)",
    "alerts": f"max by (alertname, severity, component, rtc_app_name, geo_country_iso_code, rtc_app_version, slo) ({_FIRING})",
    "reports_now": f"""sum(rate({ours('rtc.exporter.reports', 'rtc_outcome="accepted"')}[5m])) or vector(0)""",
    # ── whose
    "failures": f"sum by (rtc_outcome) (increase({of('rtc.connection.attempts', FAILS)}[{RATE}]))",
    "bad_by_side": rate("rtc.participant.bad.time", by="rtc_side"),
    "bad_by_cause": f"topk(10, {rate('rtc.participant.bad.time', by='rtc_cause, rtc_side')})",
    "classes": rate("rtc.participant.quality.time", by="rtc_quality"),
    "budgets": f"min by (slo) (rtc_slo:budget_remaining:ratio{PERIOD}{{{APPS}}})",
    "issues_now": f"topk(10, sum by (rtc_issue, rtc_side) ({of('rtc.issue.participants', SUFFERS)}) > 0)",
    # ── who
    "worst_sessions": _SESSIONS,
    "worst_sessions_people": f"count by (session_id) ({_INFO}) and on (session_id) {_SESSIONS}",
    "worst_sessions_troubled": f"count by (session_id) (sum by ({WHO}) ({live('rtc.issue.active', SUFFERS)})) and on (session_id) {_SESSIONS}",
    "worst_sessions_suspect": f"topk by (session_id) (1, max by ({WHO}, rtc_issue, rtc_side) ({weighed(OWN)})) and on (session_id) {_SESSIONS}",
    # ── where
    **_named("apps", _group_share("rtc.participant.quality.time", BY)),
    **_named("countries", _group_share("rtc.path.quality.time", COUNTRY, f'{COUNTRY}!=""')),
    "path_shares": part(rate("rtc.path.quality.time", f'{CANDIDATE}!=""', by=f"{CANDIDATE}, {TRANSPORT}"), scalar(rate('rtc.path.quality.time'))),
    # ── how values are spread
    "rtt_spread": spread(_RTT),
    "loss_spread": spread(_STREAM[0]),
    "jitter_spread": spread(_STREAM[1], _AUDIO),
    "concealment_spread": spread(_STREAM[2]),
    "freeze_spread": spread(_STREAM[3]),
    "score_spread": spread("rtc.participant.quality.score"),
    # ── one session
    "session_score": f"min({live('rtc.participant.score', ONE)})",
    "session_people": f"count(count by (rtc_participant_id) ({live('rtc.participant.info', ONE)}))",
    "session_troubled": f"count(sum by (rtc_participant_id) ({live('rtc.issue.active', ONE, SUFFERS)})) or 0 * count({live('rtc.participant.info', ONE)})",
    "session_length": f"time() - min({live('rtc.participant.start.timestamp', ONE)})",
    "session_age": f"time() - max({live('rtc.participant.last_report.timestamp', ONE)})",
    "session_suspects": f"max by ({WHO}, rtc_issue, rtc_side) ({weighed(ONE, OWN)})",
    "session_victims": f"""count by ({WHO}) (max by ({WHO}, rtc_issue) ({live('rtc.issue.active', ONE, SUFFERS, 'rtc_side="peer"')}))""",
    "session_scores": f"min by (rtc_participant_id) ({live('rtc.participant.score', ONE)})",
    "session_rows": f"max by ({WHO}, {_LABELS}) ({live('rtc.participant.info', ONE)})",
    "session_row_score": f"min by ({WHO}) ({live('rtc.participant.score', ONE)})",
    "session_row_rtt": f"max by ({WHO}) ({live('rtc.participant.round_trip_time', ONE)})",
    "session_row_lost": f"max by ({WHO}) ({live('rtc.participant.packet_loss.ratio', ONE)})",
    "session_row_sent_lost": f"max by ({WHO}) ({live('rtc.participant.remote_packet_loss.ratio', ONE)})",
    "session_row_issues": f"sum by ({WHO}) ({live('rtc.issue.active', ONE, SUFFERS)})",
    "session_issues": f"max by (rtc_participant_id, rtc_side) ({weighed(ONE)})",
    "session_presence": f"max by (rtc_participant_id) ({live('rtc.participant.info', ONE)})",
    "session_heard": f"max by (rtc_participant_id) ({live('rtc.participant.concealment.ratio', ONE)})",
    "session_sent_lost": f"max by (rtc_participant_id) ({live('rtc.participant.remote_packet_loss.ratio', ONE)})",
    "others_bad": spoiled("rtc.participant.quality.time"),
    # ── one participant
    "one_score": mine("rtc.participant.score"),
    "one_score_now": f"min({mine('rtc.participant.score')})",
    "one_issues_now": f"count({mine('rtc.issue.active', SUFFERS)}) or 0 * count({mine('rtc.participant.info')})",
    "one_age": f"time() - max({mine('rtc.participant.last_report.timestamp')})",
    "one_info": f"max by ({_LABELS}) ({mine('rtc.participant.info')})",
    "one_path": f"max by ({CANDIDATE}, {TRANSPORT}, {NETWORK}) ({mine('rtc.participant.info')})",
    "one_issue_rows": f"sum by (rtc_issue, rtc_side, rtc_severity) ({mine('rtc.issue.active')})",
    "one_issues": f"""max by (rtc_issue, rtc_side) (100 * ({mine('rtc.issue.active', 'rtc_severity="critical"')} > bool 0) or ({mine('rtc.issue.active', 'rtc_severity=~"warning|info"')} > bool 0))""",
    "one_rtt": f"max({mine('rtc.participant.round_trip_time')})",
    "all_rtt_p50": most(0.5, _RTT),
    "all_rtt_p95": most(0.95, _RTT),
    "one_loss_in": f"max by ({KIND}) ({mine('rtc.participant.packet_loss.ratio')})",
    "one_loss_out": f"max by ({KIND}) ({mine('rtc.participant.remote_packet_loss.ratio')})",
    "one_bytes_in": f"8 * sum by ({KIND}) ({mine('rtc.participant.inbound.bitrate')})",
    "one_bytes_out": f"8 * sum by ({KIND}) ({mine('rtc.participant.outbound.bitrate')})",
    "one_available": f"8 * max({mine('rtc.participant.available_outgoing_bitrate')})",
    "one_jitter": f"max by ({KIND}) ({mine('rtc.participant.jitter')})",
    "one_buffer": f"max by ({KIND}) ({mine('rtc.participant.jitter_buffer.delay')})",
    "one_concealment": f"max({mine('rtc.participant.concealment.ratio')})",
    "one_freeze": f"max({mine('rtc.participant.freeze.ratio')})",
    "one_frames": f"min({mine('rtc.participant.frame_rate')})",
    "one_limited": f"max({mine('rtc.participant.quality_limited.ratio')})",
    "one_pressure": f"max({mine('rtc.participant.cpu_pressure')})",
    # ── network and geography
    **_named("places", _group_share("rtc.path.quality.time", f"{COUNTRY}, {NETWORK}", *_PLACES)),
    "map_share": f"{_group_share('rtc.path.quality.time', COUNTRY, *_PLACES)['bound']} and on ({COUNTRY}) {more('rtc.path.quality.time', JUDGED, *_PLACES, by=COUNTRY)} / 60 >= {ENOUGH}",
    "map_minutes": f"{more('rtc.path.quality.time', JUDGED, *_PLACES, by=COUNTRY)} / 60 >= {ENOUGH}",
    "rtt_by_country_p50": most(0.5, _RTT, *_PLACES, by=COUNTRY, range=RANGE),
    "rtt_by_country_p95": most(0.95, _RTT, *_PLACES, by=COUNTRY, range=RANGE),
    "rtt_spread_places": spread(_RTT, *_PLACES),
    "rtt_slow_by_network": over(_RTT, 0.3, *_PLACES, by=NETWORK),
    "path_time": rate("rtc.path.quality.time", *_PLACES, f'{CANDIDATE}!=""', by=f"{CANDIDATE}, {TRANSPORT}"),
    "relay_by_country": part(more("rtc.path.quality.time", f'{CANDIDATE}="relay"', *_PLACES, by=COUNTRY), more("rtc.path.quality.time", *_PLACES, by=COUNTRY)),
    "relay_bad": spoiled("rtc.path.quality.time", *_PLACES, f'{CANDIDATE}!=""', by=f"{CANDIDATE}, {TRANSPORT}"),
    "tcp_share": some(rate("rtc.path.quality.time", f'{TRANSPORT}=~"tcp|tls"', *_PLACES), rate("rtc.path.quality.time", *_PLACES)),
    "relays_gathered": part(rate("rtc.ice.candidates", f'{CANDIDATE}="relay"', by=TRANSPORT), scalar(rate('rtc.connection.attempts', TRIED))),
    "ice_errors": f"topk(10, sum by (rtc_ice_server_scheme, {ERROR}) (increase({of('rtc.ice.candidate.errors')}[{RATE}])))",
    "ice_failed": part(rate("rtc.connection.attempts", 'rtc_outcome="ice_failed"'), rate("rtc.connection.attempts", TRIED)),
    "ice_time": most(0.95, "rtc.setup.duration", 'rtc_setup_stage=~"ice_gathering|ice_connected|dtls_connected|total"', by="rtc_setup_stage"),
    "path_changes": each_hour("rtc.transport.path_changes"),
    "disconnections": each_hour("rtc.issue.onsets", 'rtc_issue="disconnected"'),
    "restarts": each_hour("rtc.ice.restarts"),
    "hourly_bad": spoiled("rtc.path.quality.time", *_PLACES, range="1h"),
    "hourly_bad_then": spoiled("rtc.path.quality.time", *_PLACES, range="1h").replace("[1h]", "[1h] offset 1w"),
    # ── releases
    "adoption": f"sum by ($axis) ({of('rtc.participants.active')})",
    "release_new": _table("candidate"),
    "release_old": _table("baseline"),
    "release_verdict": _verdict(),
    "release_minutes": f"""{more('rtc.participant.quality.time', JUDGED, CHOSEN['candidate'])} / 60""",
    "release_minutes_old": f"""{more('rtc.participant.quality.time', JUDGED, CHOSEN['baseline'])} / 60""",
    "release_bad": spoiled("rtc.participant.quality.time", by="$axis"),
    "release_failed": some(rate("rtc.connection.attempts", FAILS, by="$axis"), rate("rtc.connection.attempts", TRIED, by="$axis")),
    "release_setup": most(0.95, "rtc.setup.duration", 'rtc_setup_stage="total"', by="$axis"),
    "release_errors": f"topk(10, sum by ($axis, rtc_api_method, {ERROR}) (increase({of('rtc.api.errors')}[{RATE}])))",
    "release_issues": f"""topk(20, {part(more('rtc.issue.time', SUFFERS, CHOSEN['candidate'], by='rtc_issue, rtc_side'), scalar(more("rtc.participant.quality.time", CHOSEN['candidate'])))})""",
    "release_issues_old": part(more("rtc.issue.time", SUFFERS, CHOSEN['baseline'], by="rtc_issue, rtc_side"), scalar(more("rtc.participant.quality.time", CHOSEN['baseline']))),
    "release_leaves": some(rate("rtc.participant.leaves", 'rtc_leave_reason=~"timeout|error"', by="$axis"), rate("rtc.participant.leaves", by="$axis")),
    **_named("browsers", _group_share("rtc.participant.quality.time", BROWSER)),
    # ── voice agents
    "turns": rate("rtc.voice.turns", _AGENT, by="rtc_voice_outcome"),
    "turn_p50": most(0.5, "rtc.voice.turn.latency", _AGENT),
    "turn_p95": most(0.95, "rtc.voice.turn.latency", _AGENT),
    "turn_p95_now": most(0.95, "rtc.voice.turn.latency", _AGENT, range=NOW),
    "turn_slow_now": over("rtc.voice.turn.latency", 1.5, _AGENT, range=NOW),
    "turns_now": f"60 * {rate('rtc.voice.turns', _AGENT, range=NOW)}",
    "unanswered_now": some(rate("rtc.voice.turns", 'rtc_voice_outcome="no_response"', _AGENT, range=NOW), rate("rtc.voice.turns", 'rtc_voice_outcome=~"answered|reprompted|no_response"', _AGENT, range=NOW)),
    "way_mean": part(rate("rtc.voice.turn.transport.latency", _AGENT, part="sum"), rate("rtc.voice.turn.transport.latency", _AGENT, part="count")),
    "agent_mean": part(rate("rtc.voice.turn.pipeline.latency", _AGENT, part="sum"), rate("rtc.voice.turn.pipeline.latency", _AGENT, part="count")),
    "way_p95": most(0.95, "rtc.voice.turn.transport.latency", _AGENT, range=NOW),
    "agent_p95": most(0.95, "rtc.voice.turn.pipeline.latency", _AGENT, range=NOW),
    "turn_spread": spread("rtc.voice.turn.latency", _AGENT),
    "dead_air": some(rate("rtc.voice.dead_air.duration", _AGENT, part="sum"), rate("rtc.voice.turns", _AGENT)),
    "reprompted": some(rate("rtc.voice.turns", 'rtc_voice_outcome="reprompted"', _AGENT), rate("rtc.voice.turns", _AGENT)),
    "unanswered": some(rate("rtc.voice.turns", 'rtc_voice_outcome="no_response"', _AGENT), rate("rtc.voice.turns", _AGENT)),
    "barge_in": most(0.95, "rtc.voice.interruption.latency", _AGENT),
    "interruptions": f"60 * {rate('rtc.voice.interruptions', _AGENT, by='rtc_voice_interruption')}",
    "greeting": most(0.95, "rtc.voice.agent.first_audio", _AGENT),
    "gaps": f"60 * {rate('rtc.voice.gaps', _AGENT, by='rtc_voice_gap_cause')}",
    "stages": most(0.95, "rtc.voice.turn.stage.duration", _AGENT, by="rtc_voice_stage"),
    "agents_p95": most(0.95, "rtc.voice.turn.latency", _AGENT, _NAMED, by="gen_ai_agent_name, rtc_voice_framework", range=RANGE),
    "agents_slow": over("rtc.voice.turn.latency", 1.5, _AGENT, _NAMED, by="gen_ai_agent_name, rtc_voice_framework", range=RANGE),
    "agents_pipeline": most(0.95, "rtc.voice.turn.pipeline.latency", _AGENT, _NAMED, by="gen_ai_agent_name, rtc_voice_framework", range=RANGE),
    "agents_way": most(0.95, "rtc.voice.turn.transport.latency", _AGENT, _NAMED, by="gen_ai_agent_name, rtc_voice_framework", range=RANGE),
    "agents_turns": more("rtc.voice.turns", _AGENT, _NAMED, by="gen_ai_agent_name, rtc_voice_framework"),
    "voice_burn": f'max by (slo) (rtc_slo:error:ratio_rate1h{{slo=~"voice-.+",{APPS}}} / on (slo) group_left () (1 - rtc_slo:objective:ratio))',
    # ── contact centre
    "centre_classes": f"""{part(rate('rtc.participant.quality.time', by='rtc_quality'), scalar(rate("rtc.participant.quality.time")))}""",
    "speech_low": f"1 - ({over('rtc.participant.quality.score', 3.5, _AUDIO, range=NOW)})",
    "speech_spread": spread("rtc.participant.quality.score", _AUDIO),
    **_named("sites", _group_share("rtc.path.quality.time", f"{BY}, {COUNTRY}, {NETWORK}")),
    "network_shares": part(rate("rtc.path.quality.time", by=NETWORK), scalar(rate('rtc.path.quality.time'))),
    "headsets": f"""sum by (rtc_issue) ({of('rtc.issue.participants', 'rtc_issue=~"microphone_silent|microphone_faint|echo_risk|low_volume|muted_by_system|track_ended|capture_failed"')}) > 0""",
    "headset_time": f"""60 * {rate('rtc.issue.time', 'rtc_side="device"', by='rtc_issue')}""",
    "one_way": f"""sum({of('rtc.issue.participants', 'rtc_issue="one_way_audio"')}) or vector(0)""",
    "device_changes": each_hour("rtc.device.changes"),
    "silence": part(rate("rtc.source.audio.silence.time"), rate("rtc.source.audio.time")),
    "agents_worst": f"""bottomk(20, min by ({WHO}, {_LABELS}) ({told(_WORST_SPEECH, _LABELS)}))""",
    "agents_worst_issue": f"""topk by ({WHO}) (1, max by ({WHO}, rtc_issue, rtc_side) ({weighed(OWN)})) and on ({WHO}) bottomk(20, {told(_WORST_SPEECH)})""",
    "hour_bad": spoiled("rtc.participant.quality.time", range="1h"),
    # ── objectives
    "slo_objective": 'max by (slo) (rtc_slo:objective:ratio{slo=~"$slo"})',
    "slo_error": f"rtc_slo:error:ratio{PERIOD}{{{_SLO}}}",
    "slo_left": f"rtc_slo:budget_remaining:ratio{PERIOD}{{{_SLO}}}",
    "slo_events": f"rtc_slo:events:increase1d{{{_SLO}}}",
    "slo_bad": f"rtc_slo:bad_events:increase1d{{{_SLO}}}",
    **{f"slo_burn_{window}": f"rtc_slo:error:ratio_rate{window}{{{_SLO}}} / on (slo) group_left () (1 - rtc_slo:objective:ratio)" for window in ("5m", "1h", "6h", "1d")},
    "slo_left_over_time": f"rtc_slo:budget_remaining:ratio{PERIOD}{{{_SLO}}}",
    "slo_forecast": f"clamp_max(predict_linear(rtc_slo:budget_remaining:ratio{PERIOD}{{{_SLO}}}[6h], 86400), 1)",
    "slo_alerts": f"""max by (alertname, slo, rtc_app_name, window) ({_FIRING[:-1]},slo!="",slo=~"$slo"}})""",
    "slo_countries": f"topk(10, {more('rtc.path.quality.time', BAD, by=COUNTRY)} / {scalar(more('rtc.path.quality.time', BAD))})",
    "slo_releases": f"topk(10, {more('rtc.participant.quality.time', BAD, by=VERSION)} / {scalar(more('rtc.participant.quality.time', BAD))})",
    # ── the exporter
    "up": f"min(up{{{JOBS}}}) or vector(0)",
    "reports": ours_rate("rtc.exporter.reports", by="rtc_outcome"),
    "reports_by_format": ours_rate("rtc.exporter.reports", by="rtc_transport_protocol"),
    "refused": f"sum by (rtc_drop_reason) (increase({ours('rtc.exporter.reports.dropped')}[{RATE}]))",
    "refused_share": f"sum(rate({ours('rtc.exporter.reports.dropped')}[{NOW}])) / (sum(rate({ours('rtc.exporter.reports')}[{NOW}])) > 0)",
    "connections": f"sum by (rtc_transport_protocol) ({ours('rtc.exporter.connections')})",
    "connections_now": f"sum({ours('rtc.exporter.connections')})",
    "delay_spread": f"sum by (le) (rate({ours('rtc.exporter.report.delay', part='bucket')}[{RATE}]))",
    "clocks_off": f"1 - sum(rate({ours('rtc.exporter.client.clock_offset', le(5.0), part='bucket')}[{RANGE}])) / (sum(rate({ours('rtc.exporter.client.clock_offset', part='count')}[{RANGE}])) > 0)",
    "series": f"sum({ours('rtc.exporter.series')})",
    "series_families": f"topk(10, sum by (rtc_metric_family) ({ours('rtc.exporter.series')}))",
    "limited": f"sum by (rtc_metric_family) (increase({ours('rtc.exporter.series.limited')}[{RATE}])) > 0 or sum by (rtc_attribute) (increase({ours('rtc.exporter.label_values.limited')}[{RATE}])) > 0",
    "limited_now": f"(sum(increase({ours('rtc.exporter.series.limited')}[1h])) or vector(0)) + (sum(increase({ours('rtc.exporter.label_values.limited')}[1h])) or vector(0))",
    "exported": f"sum by (rtc_budget_reason) ({ours('rtc.participants.exported')})",
    "otlp": ours_rate("rtc.exporter.otlp.requests", by="rtc_signal, rtc_outcome"),
    "otlp_waiting": f"sum by (rtc_signal) ({ours('rtc.exporter.otlp.waiting')})",
    "otlp_dropped": f"sum by (rtc_signal, rtc_drop_reason) (increase({ours('rtc.exporter.otlp.dropped')}[{RATE}]))",
    "spans": ours_rate("rtc.exporter.spans", by="rtc_outcome"),
    "render": f"histogram_quantile(0.95, sum by (le, rtc_output) (rate({ours('rtc.exporter.render.duration', part='bucket')}[{RATE}])))",
    "scrape": f"scrape_duration_seconds{{{JOBS}}}",
    "cpu": f"rate(process_cpu_seconds_total{{{JOBS}}}[{RATE}])",
    "memory": f"process_resident_memory_bytes{{{JOBS}}}",
    "collections": f"sum by (generation) (rate(python_gc_collections_total{{{JOBS}}}[{RATE}]))",
    "uptime": f"time() - min(process_start_time_seconds{{{JOBS}}})",
    "errors_internal": f"sum(increase({ours('rtc.exporter.errors.internal')}[1h]))",
    "evicted": f"sum(increase({ours('rtc.exporter.participants.evicted')}[{RATE}]))",
    "sleeps": f"sum(increase({ours('rtc.exporter.report.gaps')}[{RATE}]))",
    "unjudged": f"""topk(10, {part(more('rtc.issue.judgements', 'rtc_judgement="cannot_judge"', by=f'{BROWSER}, rtc_issue'), more('rtc.issue.judgements', by=f'{BROWSER}, rtc_issue'))} > 0)""",
    "unclassified": part(rate("rtc.participant.quality.time", 'rtc_quality="unclassified"', by=BROWSER), rate("rtc.participant.quality.time", by=BROWSER)),
    # ── servers and clients; names of LiveKit (pkg/telemetry/prometheus) and of the node exporter
    "server_loss": 'histogram_quantile(0.95, sum by (le) (rate(livekit_packet_loss_percent_bucket{direction="incoming"}[$__rate_interval]))) / 100',
    "server_rtt": "histogram_quantile(0.95, sum by (le) (rate(livekit_rtt_ms_bucket[$__rate_interval]))) / 1000",
    "server_cpu": '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle",instance=~"$server"}[$__rate_interval]))',
    "server_joins": 'sum by (state) (rate(livekit_participant_join_total[$__rate_interval]))',
    "client_joins": rate("rtc.connection.attempts", by="rtc_outcome"),
    "client_loss": most(0.95, "rtc.inbound.packet_loss.ratio"),
    "client_rtt": most(0.95, _RTT),
}  # fmt: skip

#: Of servers, which the exporter does not make: asked only where they are scraped.
FOREIGN = ("server_loss", "server_rtt", "server_cpu", "server_joins")
