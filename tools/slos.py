"""
Objectives as data, and the burn-rate alerts that follow from them.

A service level objective is what counts as bad, of what, and how much of it is all right over thirty days.  To add
one, add a row: recording rules, alerts and dashboards are made of it.  The method (several windows, several rates of
burning) is that of the SRE Workbook, chapter 5, with two changes: a threshold that could never be reached is lowered
to one half or refused, and no alert fires for a handful of bad events.
"""

from functools import singledispatch
from typing import Any, NamedTuple

from rtc_exporter.thresholds import Thresholds
from rtc_exporter.voice import SLOW
from tools.limits import Limits
from tools.queries import QUERIES, increase, over

#: The way of a voice turn and the rest of it, for which the agent is to answer: together what users notice.
WAY = 0.25
AGENT = SLOW - WAY

_T = Thresholds()
_ANSWERED = 'rtc_voice_outcome=~"answered|reprompted|no_response"'
#: Seconds of the short window that says how many suffer at once.
_NOW = 300


class Slo(NamedTuple):
    """
    One objective.

    ``bad`` and ``total`` are increases over ``$w``, by scope; ``unit`` is what they count.  ``affected`` counts the
    participants who suffer at this moment, where events alone do not tell one from many.  ``alert`` is "" where others
    say who is to act; ``harm`` is what users notice.
    """

    name: str
    objective: float
    unit: str
    bad: str
    total: str
    help: str
    harm: str
    alert: str
    component: str
    team: str
    dashboard: str
    affected: str = ""


# fmt: off
SLOS: tuple[Slo, ...] = (
    Slo("setup-success", 0.99, "attempts", QUERIES["attempts_failed"], QUERIES["attempts"],
        "Attempts to connect that fail by ICE, DTLS or time; who gives up by itself does not count.",
        "Users cannot get into calls", "RTCSetupErrorBurn", "setup", "rtc", "rtc-overview"),
    Slo("setup-time", 0.97, "attempts", over("rtc.setup.duration", _T.setup_time.fair, 'rtc_setup_stage="total"'),
        increase("rtc.setup.duration", 'rtc_setup_stage="total"', part="count"),
        f"Connections that take more than {_T.setup_time.fair:g} s from the first step to connected.",
        "Calls take too long to begin", "RTCSetupSlowBurn", "setup", "rtc", "rtc-overview"),
    Slo("good-minutes", 0.97, "seconds", QUERIES["time_bad"], QUERIES["time_judged"],
        "Time of participants of class poor or bad. Time that could not be judged is left out of both sides, and has an alert of its own.",
        "Users have bad calls", "RTCGoodMinutesBurn", "media", "rtc", "rtc-overview",
        affected=f"rtc_slo:bad_events:increase5m{{slo=\"good-minutes\"}} / {_NOW}"),
    Slo("clean-audio", 0.98, "stretches", over("rtc.inbound.concealment.ratio", _T.concealment.fair),
        increase("rtc.inbound.concealment.ratio", part="count"),
        f"Stretches of received audio (a fold of one stream) with more than {_T.concealment.fair:.0%} made up, silence not counted.",
        "Users miss words", "RTCCleanAudioBurn", "media", "rtc", "rtc-overview", affected=QUERIES["affected_by_audio"]),
    Slo("smooth-video", 0.97, "stretches", over("rtc.inbound.freeze.ratio", _T.freeze.fair),
        increase("rtc.inbound.freeze.ratio", part="count"),
        f"Stretches of received video that stand still for more than {_T.freeze.fair:.0%} of the time.",
        "Video stands still", "RTCSmoothVideoBurn", "media", "rtc", "rtc-overview", affected=QUERIES["affected_by_video"]),
    Slo("voice-turn", 0.95, "turns", over("rtc.voice.turn.latency", SLOW),
        increase("rtc.voice.turn.latency", part="count"),
        f"Turns for which a user waits more than {SLOW:g} s for the agent, as heard. It has no alert: the next two say whose the wait is.",
        "Users wait for the agent", "", "voice", "voice-ai", "rtc-voice-agents"),
    Slo("voice-pipeline", 0.95, "turns", over("rtc.voice.turn.pipeline.latency", AGENT),
        increase("rtc.voice.turn.pipeline.latency", part="count"),
        f"Turns of which the agent itself takes more than {AGENT:g} s.",
        "Voice agents answer too late", "RTCVoicePipelineBurn", "voice", "voice-ai", "rtc-voice-agents"),
    Slo("voice-transport", 0.95, "turns", over("rtc.voice.turn.transport.latency", WAY),
        increase("rtc.voice.turn.transport.latency", part="count"),
        f"Turns of which the way, up and down, takes more than {WAY:g} s.",
        "The way to voice agents is too long", "RTCVoiceTransportBurn", "voice", "rtc", "rtc-voice-agents"),
    Slo("voice-response", 0.995, "turns", increase("rtc.voice.turns", 'rtc_voice_outcome="no_response"'),
        increase("rtc.voice.turns", _ANSWERED),
        "Turns to which the agent says nothing for ten seconds, while its user is there.",
        "Voice agents do not answer", "RTCVoiceNoResponseBurn", "voice", "voice-ai", "rtc-voice-agents"),
)
# fmt: on
BY_NAME = {slo.name: slo for slo in SLOS}


class Pair(NamedTuple):
    """A long window that says that it matters, and a short one that says that it still goes on."""

    long: str
    short: str
    factor: float
    severity: str
    wait: str


PAIRS = (
    Pair("1h", "5m", 14.4, "critical", "2m"),
    Pair("6h", "30m", 6.0, "critical", "15m"),
    Pair("1d", "2h", 3.0, "warning", "1h"),
    Pair("3d", "6h", 1.0, "warning", "3h"),
)
WINDOWS = {"standard": PAIRS, "small": (PAIRS[0], PAIRS[2])}
#: Over which the objective holds.
PERIOD = "30d"
#: A share of bad events above this is an outage whatever the objective: no threshold is higher.
MOST = 0.5
#: From here on down nothing that is called an objective can be guarded by a page.
LEAST_OBJECTIVE = 0.9


class InfeasibleError(ValueError):
    """An alert that could never fire, or would always."""


def threshold(objective: float, pair: Pair) -> float:
    """The share of bad events that burns the budget ``factor`` times too fast; at most one half."""
    if not LEAST_OBJECTIVE < objective < 1.0:
        raise InfeasibleError(f"an objective of {objective:g} leaves nothing to alert on: wanted over 0.9 and under 1")
    limit: float = at_most(pair.factor * (1.0 - objective))
    return limit


@singledispatch
def at_most(share: Any) -> Any:
    """The share, or one half; what stands for a number that is not known yet (``symbols``) says so in its own way."""
    return round(min(share, MOST), 6)


def least_bad(slo: Slo, pair: Pair, limits: Limits) -> int:
    """Bad events in the long window without which there is no alert."""
    match slo.unit:
        case "seconds" if pair.severity == "critical":
            return limits.affected * _NOW
        case "seconds":
            return limits.bad_time
        case "stretches" if pair.severity == "critical":
            return limits.affected * _NOW // 5
        case "stretches":
            return limits.bad_stretches
        case _ if pair.severity == "critical":
            return limits.bad_events
        case _:
            return limits.bad_events_ticket


def windows(profile: str) -> tuple[str, ...]:
    """Every window of a profile, and the hour that budgets are summed of, shortest first."""
    used = {window for pair in WINDOWS[profile] for window in (pair.long, pair.short)} | {"1h"}
    return tuple(sorted(used, key=seconds))


def seconds(window: str) -> int:
    """``6h`` -> 21600."""
    return int(window[:-1]) * {"m": 60, "h": 3600, "d": 86400}[window[-1]]
