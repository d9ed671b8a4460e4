"""
Who calls in the simulated store, and what goes wrong there: one row for each history.

Two tenants, each with an application: ``meet`` of ``acme``, calls between two, and ``support`` of ``globex``, calls with
a voice agent.  Ids of their sessions are the same, since tenants do not ask each other.  Users come from three countries with two browsers.  A little always goes wrong, since a day without is no test of an
alert.  To add a fault, add a row with the alerts that it must raise; the tests hold it to exactly these.
"""

import random
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from rtc_exporter.model import Event, PeerConnectionKey

#: When every history begins: a Monday, 00:00 UTC.
START = 1_793_577_600.0
HOUR = 3600.0
COUNTRIES = {"DE": 0.35, "FR": 0.33, "US": 0.32}
#: The operator of the networks of a country: one, as if all were at home.
OPERATORS = {"DE": "AS3320", "FR": "AS3215", "US": "AS7922"}
#: Application -> whose it is.
TENANTS = {"meet": "acme", "support": "globex"}
#: Recorded call -> how often, when all is well.
USUAL = {
    "healthy-cr": 0.50, "healthy-ff": 0.18, "relay-cr": 0.28, "gumdenied-cr": 0.03, "degraded-cr": 0.007,
    "icefail-cr": 0.003,
}  # fmt: skip
#: Calls in an hour of the application that a history is not about.
FEW = 40
#: Seconds between the turns of a conversation, and how long each speaks.
TURN, USER, AGENT = 9.0, 2.0, 3.0
#: Seconds that an agent takes, the way not counted.
ANSWER, SLOW_ANSWER = 0.6, 2.4
#: What the bad release does to video.
FROZEN = 0.2


class Scenario(NamedTuple):
    """
    One history: ``hours`` long, the fault from ``begin`` to ``end`` (hours).

    ``calls`` start in the ``busy`` application in an hour of daytime, ``FEW`` in the other.  ``raises`` are the alerts
    that must fire, and no others, with the tenant and the application that they are about, or "" for the exporter's own.
    """

    name: str
    help: str
    hours: float
    calls: int
    begin: float = 0.0
    end: float = 0.0
    raises: frozenset[tuple[str, str, str]] = frozenset()
    busy: str = "meet"
    #: Whether there are fewer calls at night.
    has_nights: bool = False
    #: Whether dashboards are looked at with it; if not, only what rules read is kept of it.
    is_shown: bool = True

    def is_faulty(self, time: float) -> bool:
        """Whether the fault is there."""
        return self.begin * HOUR <= time - START < self.end * HOUR


class Call(NamedTuple):
    """One call to come."""

    start: float
    tenant: str
    session: str
    case: str
    attributes: Mapping[str, str]
    events: tuple[Event, ...]
    #: Share of time for which received video stands still.
    frozen: float


# fmt: off
SCENARIOS: dict[str, Scenario] = {row.name: row for row in (
    Scenario("healthy", "A day on which nothing happens beyond the usual, with a quiet night.", 24.0, 100, has_nights=True, is_shown=False),
    Scenario("country", "The way to one country loses packets.", 3.5, 540, 2.0, 2.75,
             frozenset({("RTCCountryDegraded", "acme", "meet"), ("RTCNetworkIssues", "acme", "meet")})),
    Scenario("turn", "The TURN servers are down: who needs them does not get in.", 3.5, 200, 2.0, 2.75,
             frozenset({("RTCTurnOutage", "acme", "meet"), ("RTCSetupErrorBurn", "acme", "meet")})),
    Scenario("release", "A release comes to three of ten users: video stands still, and negotiation fails.", 3.5, 540, 2.0, 2.75,
             frozenset({("RTCReleaseRegression", "acme", "meet"), ("RTCSignalingErrors", "acme", "meet")})),
    Scenario("agent", "The voice agent becomes slow.", 3.5, 200, 2.0, 2.75,
             frozenset({("RTCVoicePipelineBurn", "globex", "support")}), "support"),
    Scenario("participant", "One of five in a call has a bad uplink, and all hear it: nobody is to be woken.", 3.5, 200, 2.0, 2.75),
    Scenario("exporter", "The exporter is down, and begins anew.", 3.5, 200, 2.0, 2.5,
             frozenset({("RTCExporterAllDown", "", "")})),
)}
# fmt: on


def calls(scenario: Scenario) -> Iterator[Call]:
    """Every call of a history, in the order of time; the same each time."""
    chance = random.Random(scenario.name)
    end = START + scenario.hours * HOUR
    upcoming = dict.fromkeys(TENANTS, START)
    numbers = dict.fromkeys(upcoming, 0)
    while True:
        app = min(upcoming, key=lambda each: upcoming[each])
        start = upcoming[app]
        if start >= end - 60.0:
            return
        night = scenario.has_nights and (start - START) % 86400.0 < 6 * HOUR
        each = scenario.calls if app == scenario.busy else FEW
        upcoming[app] = start + chance.expovariate(each / HOUR * (0.2 if night else 1.0))
        numbers[app] += 1
        yield _call(scenario, app, start, f"call-{numbers[app]}", chance)


def _call(scenario: Scenario, app: str, start: float, session: str, chance: random.Random) -> Call:
    country = chance.choices(list(COUNTRIES), list(COUNTRIES.values()))[0]
    case = chance.choices(list(USUAL), list(USUAL.values()))[0]
    luck = chance.random()
    version = "1.9" if app == "meet" else "4.0"
    faulty = scenario.is_faulty(start)
    events: list[Event] = []
    frozen = 0.0
    if app == "support":
        case = "healthy-cr" if case != "icefail-cr" else case
        slow = faulty and scenario.name == "agent"
        events += _conversation(session, start, SLOW_ANSWER if slow else ANSWER, chance)
    elif faulty and scenario.name == "country" and country == "DE":
        case = "degraded-cr"
    elif faulty and scenario.name == "turn" and case == "relay-cr":
        case = "icefail-cr"
        facts = {"error": "701", "scheme": "turn"}
        events += [
            Event(PeerConnectionKey(session, who, "PC_0"), start + 3.0, "icecandidateerror", facts)
            for who in ("p1", "p2")
        ]
    elif scenario.name == "release" and start - START >= scenario.begin * HOUR and luck < 0.3:
        # It stays where it is when it has been mended: the fault ends, the release does not.
        version = "2.0"
        if faulty:
            frozen = FROZEN
            facts = {"error": "OperationError"}
            events += [
                Event(
                    PeerConnectionKey(session, "p1", "PC_0"),
                    start + 20.0 + each,
                    "setRemoteDescriptionOnFailure",
                    facts,
                )
                for each in range(2)
            ]
    browser = ("Firefox", "145", "macOS") if case.endswith("ff") else ("Chrome", "156", "Windows")
    attributes = {
        "rtc.app.name": app, "rtc.app.version": version, "geo.country.iso_code": country, "rtc.client.as": OPERATORS[country],
        "user_agent.name": browser[0], "user_agent.version": browser[1], "user_agent.os.name": browser[2],
    }  # fmt: skip
    return Call(start, TENANTS[app], session, case, attributes, tuple(events), frozen)


def _conversation(session: str, start: float, answer: float, chance: random.Random) -> Iterator[Event]:
    """What the page of p1 tells of its voice agent: turns from the second on in which media flows."""
    key = PeerConnectionKey(session, "p1", "")

    def said(at: float, name: str, **facts: str | float) -> Event:
        return Event(key, start + at, f"voice.{name}", {"source": "audio", **facts})

    yield said(2.0, "agent", agent="concierge", framework="pipecat")
    at = 12.0
    while at + TURN < 58.0:
        wait = answer * chance.uniform(0.8, 1.25)
        yield said(at, "user_speech_started")
        yield said(at + USER, "user_speech_stopped")
        yield said(at + USER + wait, "agent_speech_started")
        yield said(at + USER + wait + AGENT, "agent_speech_stopped")
        at += TURN
