"""
The numbers of alerts, by profile.  Where a call ends to be good is ``rtc_exporter.thresholds``, not here.

``standard`` is for services with hundreds of calls a day and more; ``small`` asks for more before it speaks, and has
fewer windows.  All of them are starting values: no rule knows your users.
"""

from dataclasses import dataclass, field, fields, replace
from typing import Any


def _limit(default: float, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, slots=True)
class Limits:
    """What it takes for an alert to fire; shares are of 1, times are seconds."""

    bad_events: int = _limit(5, "Bad attempts or turns in the long window, for a page.")
    bad_events_ticket: int = _limit(15, "Bad attempts or turns in the long window, for a ticket.")
    bad_stretches: int = _limit(7200, "Bad stretches in the long window of a ticket: ten hours of one stream.")
    bad_time: int = _limit(36_000, "Seconds of poor or bad time in the long window of a ticket: ten hours.")
    affected: int = _limit(3, "Participants who suffer at the same time, for a page: more than one call between two.")
    issue_share_infrastructure: float = _limit(0.05, "Share of call time with one issue of the infrastructure.")
    issue_share_application: float = _limit(0.05, "Share of call time with one issue of the application.")
    issue_share_network: float = _limit(0.25, "Share of call time with one issue of users' networks.")
    cohort_times: float = _limit(2.0, "How many times worse than the rest a country or release has to be, for certain.")
    cohort_observations: int = _limit(18, "Bad observations of a cohort; five minutes of a participant are one.")
    cohort_attempts: int = _limit(10, "Failed attempts of a release.")
    country_share: float = _limit(0.10, "Share of poor and bad time of a country, from which on it matters.")
    release_share: float = _limit(0.06, "Share of poor and bad time of a release, likewise.")
    release_failures: float = _limit(0.03, "Share of failed attempts of a release, likewise.")
    unknown_share: float = _limit(0.5, "Share of call time of which nothing can be said.")
    unknown_time: int = _limit(3600, "Seconds of it in an hour.")
    capture_share: float = _limit(0.2, "Share of getUserMedia calls that fail with one error.")
    capture_errors: int = _limit(20, "How many of them.")
    signaling_share: float = _limit(0.02, "Share of negotiation calls that fail.")
    signaling_errors: int = _limit(10, "How many of them.")
    turn_refused_share: float = _limit(0.1, "Refusals by TURN servers for each attempt to connect.")
    turn_refusals: int = _limit(10, "How many of them.")
    turn_fall: float = _limit(
        0.2, "Relay candidates for each attempt, of what was usual over a day, under which TURN is out."
    )
    turn_usual: float = _limit(0.2, "Relay candidates for each attempt over a day, from which on TURN is in use.")
    turn_attempts: int = _limit(20, "Attempts to connect in the quarter of an hour that is judged.")
    storm_times: float = _limit(5.0, "How many times more participants lose their connection than over the day before.")
    storm_disconnections: int = _limit(20, "How many of them in five minutes.")
    volume_fall: float = _limit(0.4, "Joins of half an hour, of those at the same time a week ago.")
    volume_before: int = _limit(20, "Joins a week ago.")
    hole_fall: float = _limit(0.3, "Reports of ten minutes, of those an hour ago, while clients stay connected.")
    hole_connections: int = _limit(20, "Connections open meanwhile.")
    refused_share: float = _limit(0.05, "What is refused for one reason, for each report that comes.")
    refused: int = _limit(50, "How much of it in a quarter of an hour.")
    turned_away: int = _limit(20, "Connections and requests that there was no room for, in a quarter of an hour.")
    otlp_share: float = _limit(0.05, "Share of spans and points given up.")
    otlp_dropped: int = _limit(50, "How many of them in a quarter of an hour.")
    clock_share: float = _limit(0.05, "Share of client clocks that are off by more than five seconds.")
    clocks: int = _limit(200, "Clocks that were looked at in an hour.")
    behind: int = _limit(600, "Batches of the engine that nobody has read yet: a minute of an edge and a partition.")
    behind_time: int = _limit(60, "Seconds that reading them takes, at the pace of the last five minutes.")
    restarts: int = _limit(3, "Starts of one exporter in an hour.")


STANDARD = Limits()
SMALL = replace(
    STANDARD, bad_events=10, bad_events_ticket=30, bad_stretches=14_400, bad_time=72_000, affected=4, cohort_observations=36,
    cohort_attempts=20, turn_attempts=40, storm_disconnections=40, hole_connections=40, refused=200,
)  # fmt: skip
LIMITS = {"standard": STANDARD, "small": SMALL}


def rows() -> list[tuple[str, str, str, str]]:
    """Name, the two values, and what it is: for the page."""
    return [
        (row.name, f"{getattr(STANDARD, row.name):g}", f"{getattr(SMALL, row.name):g}", row.metadata["help"])
        for row in fields(Limits)
    ]
