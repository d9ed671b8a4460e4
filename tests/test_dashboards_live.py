"""
Every query of every dashboard against a real Prometheus with the simulated store: before a fault, in it, and after.

A panel that is judged turns red in the fault that it is about, and is green before and after.
"""

import math
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from tests.boards import BOARDS, panels, targets, variables
from tests.peers import peer
from tools.preview.asked import View, ask, defaults, put
from tools.preview.served import prepare, served
from tools.store.blocks import Served
from tools.store.scenarios import HOUR, SCENARIOS, START

#: Hours of each history that are looked at: the fault is there from 2 on.
HEALTHY, RECOVERED = 1.9, 3.45
#: Two tenants have a call of this name: in the other one all is well.
CALL = {"tenant": "acme", "session": "weekly-planning", "participant": "kim"}
#: Dashboard -> the histories that it is asked about, and what is chosen.
ASKED: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "rtc-overview": (("country", "turn", "exporter"), {}),
    "rtc-session": (("participant",), CALL),
    "rtc-participant": (("participant",), CALL),
    "rtc-network": (("country", "turn"), {"minutes": "1"}),
    "rtc-release": (("release",), {"candidate": "2.0"}),
    "rtc-voice-agents": (("agent",), {}),
    "rtc-contact-centre": (("country",), {}),
    "rtc-slo": (("country", "turn"), {}),
    "rtc-exporter": (("exporter", "country"), {}),
    "rtc-servers": (("country",), {}),
}

#: Panels without data in any of the histories, and why: the names of their series are held by the linter all the same.
SILENT = {
    ("rtc-exporter", "Since the last start"): "the process itself: asked of a live exporter in test_compose",
    ("rtc-exporter", "Processor"): "as above",
    ("rtc-exporter", "Since the last whole scrape"): "as above",
    ("rtc-exporter", "Time of a request, p95"): "as above",
    ("rtc-exporter", "How late the event loop is, p99"): "as above",
    ("rtc-exporter", "Rendering a scrape, p95"): "as above",
    ("rtc-exporter", "Garbage collections a second"): "as above",
    ("rtc-exporter", "Folded into other"): "a history has no client that makes up labels",
    ("rtc-participant", "Pressure on the machine"): "no recorded browser tells it",
    ("rtc-contact-centre", "Headsets and microphones now"): "no recording has an issue of a device",
    ("rtc-contact-centre", "Device issues"): "no recording has an issue of a device",
    ("rtc-voice-agents", "Stages of the agent, p95"): "the simulated agent does not tell its stages",
    ("rtc-voice-agents", "Stopping when interrupted, p95"): "nobody interrupts it",
    ("rtc-voice-agents", "First greeting, p95"): "it never speaks first",
}  # fmt: skip
#: Single queries of panels that have others: servers are not simulated, and nothing is a week old.
ABSENT = {
    ("rtc-servers", "Packets lost, p95", "A"), ("rtc-servers", "Round trip time, p95", "A"),
    ("rtc-servers", "Processor of media servers", "A"), ("rtc-servers", "Joins, at the server and at the client", "A"),
    ("rtc-network", "Poor or bad call time, and a week ago", "B"),
}  # fmt: skip


#: What is only there in trouble, or once there is a candidate; each panel says so in place of data.
IN_TROUBLE: dict[str, set[str]] = {
    "rtc-contact-centre": {"Worst agents now"},
    "rtc-network": {"Errors of STUN and TURN servers", "Operators of networks, now"},
    "rtc-overview": {"Alerts", "Issues now", "Calls in trouble"},
    "rtc-participant": {"Issues now", "Issues over time"},
    "rtc-release": {"Candidate and baseline", "Issues", "Minutes of the candidate", "Verdict"},
    "rtc-session": {"Issues over time", "Participants", "Who suffers from others", "Whose trouble it is"},
    "rtc-slo": {"Alerts"},
}
MOMENTS = ("healthy", "faulty", "recovered")


class Stores:
    """Prometheus by scenario, each started when it is first asked for."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._known: dict[str, Served] = {}

    def __getitem__(self, scenario: str) -> Served:
        if scenario not in self._known:
            programs = {name: peer(name) for name in ("prometheus", "promtool")}
            self._known[scenario] = self._stack.enter_context(served(scenario, programs))
        return self._known[scenario]


@pytest.fixture(scope="module")
def stores() -> Iterator[Stores]:
    """All that the tests ask for; what is not kept is made, several at a time."""
    programs = {name: peer(name) for name in ("prometheus", "promtool")}
    wanted = sorted({scenario for scenarios, _ in ASKED.values() for scenario in scenarios})
    with ProcessPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        list(pool.map(prepare, wanted, [programs] * len(wanted)))
    with ExitStack() as stack:
        yield Stores(stack)


def view(uid: str, end: float, values: dict[str, str]) -> View:
    """An hour and a half of a dashboard."""
    return View(uid, START + (end - 1.5) * HOUR, START + end * HOUR, {**defaults(BOARDS[uid]), **values})


def moments(scenario: str) -> tuple[float, float, float]:
    """Before, in and after the fault; the call of five ends half an hour after it."""
    return HEALTHY, SCENARIOS[scenario].end - 0.04, 2.95 if scenario == "participant" else RECOVERED


def numbers(series: list[dict[str, Any]]) -> list[float]:
    """All values that a query has."""
    return [float(value) for each in series for _, value in each["values"]]


@pytest.mark.parametrize("uid", sorted(BOARDS))
def test_every_query_has_data(uid: str, stores: Stores) -> None:
    """Before a fault, in it and after it; but for what is only there in trouble.  None is an error, or infinite."""
    scenarios, values = ASKED[uid]
    asked = {(panel["title"], target["refId"]) for panel, target in targets(BOARDS[uid])}
    has: dict[str, set[tuple[str, str]]] = {moment: set() for moment in MOMENTS}
    for scenario in scenarios:
        for moment, hour in zip(MOMENTS, moments(scenario), strict=True):
            seen = view(uid, hour, values)
            for panel in panels(BOARDS[uid]):
                answers = ask(stores[scenario], seen, panel, seen.values)
                for target, series in zip(panel.get("targets", ()), answers, strict=True):
                    assert not any(map(math.isinf, numbers(series))), panel["title"]
                    if any(not math.isnan(value) for value in numbers(series)):
                        has[moment].add((panel["title"], target["refId"]))

    never = {key for key in asked if (uid, key[0]) in SILENT or (uid, *key) in ABSENT}
    sometimes = IN_TROUBLE.get(uid, set())
    assert asked - has["faulty"] == never
    quiet = {title for moment in ("healthy", "recovered") for title, _ in asked - has[moment] - never}
    assert quiet == sometimes


@pytest.mark.parametrize("uid", sorted(BOARDS))
def test_every_variable_has_values(uid: str, stores: Stores) -> None:
    """What is offered to choose from."""
    scenarios, values = ASKED[uid]
    store, seen = stores[scenarios[0]], view(uid, HEALTHY + 0.5, values)
    for name, variable in variables(BOARDS[uid]).items():
        if variable["type"] == "query":
            selector, _, label = put(variable["definition"], seen.values, seen)[len("label_values(") : -1].rpartition(
                ", "
            )
            asked: dict[str, str | float] = {"match[]": selector, "start": seen.start, "end": seen.end}
            found = store.get(f"label/{label}/values", **asked)
            assert found, name


class Judged(NamedTuple):
    """A panel of one value, the fault that it is about, and whether a late look is needed."""

    uid: str
    title: str
    scenario: str
    #: Hours at which it is red, and green again.
    faulty: float = 2.7
    recovered: float = RECOVERED


JUDGED = (
    Judged("rtc-overview", "Good call time", "country"),
    Judged("rtc-overview", "Connect success", "turn"),
    Judged("rtc-overview", "Reports a second", "exporter", 2.45),
    Judged("rtc-session", "Worst score now", "participant", recovered=2.95),
    Judged("rtc-session", "In trouble", "participant", recovered=2.95),
    Judged("rtc-participant", "Score now", "participant", recovered=2.95),
    Judged("rtc-participant", "Open issues", "participant", recovered=2.95),
    Judged("rtc-release", "Verdict", "release", 3.0),
    Judged("rtc-voice-agents", "Voice to voice, p95", "agent"),
    Judged("rtc-voice-agents", "Turns over 1.5 s", "agent"),
    Judged("rtc-voice-agents", "The agent's part, p95", "agent"),
    Judged("rtc-contact-centre", "Speech under 3.5", "country"),
    Judged("rtc-contact-centre", "Good call time", "country"),
    Judged("rtc-exporter", "Up", "exporter", 2.45),
)  # fmt: skip


def colour(row: Judged, hour: float, stores: Stores) -> str:
    """The colour that the newest value has."""
    (panel,) = [each for each in panels(BOARDS[row.uid]) if each["title"] == row.title and each["type"] == "stat"]
    seen = view(row.uid, hour, ASKED[row.uid][1])
    (series,) = ask(stores[row.scenario], seen, panel, seen.values)
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert series, f"{row.title} is silent at {hour}"
    value = float(series[0]["values"][-1][1])
    return str([step["color"] for step in steps if step["value"] is None or value >= step["value"]][-1])


@pytest.mark.parametrize("row", JUDGED, ids=lambda row: f"{row.uid}: {row.title}")
def test_a_judged_panel_turns_red_in_its_fault(row: Judged, stores: Stores) -> None:
    """And is green before, and not red after; a release that nobody has yet has no verdict."""
    if row.title != "Verdict":
        assert colour(row, HEALTHY, stores) in ("green", "orange" if "p95" in row.title else "green")
    assert colour(row, row.faulty, stores) == "red"
    if row.title != "Verdict":
        assert colour(row, row.recovered, stores) != "red"


def test_the_suspect_is_found(stores: Stores) -> None:
    """In the call of five the table of the overview names who ruins it, and the session puts them first."""
    store = stores["participant"]
    for uid, title in (("rtc-overview", "Calls in trouble"), ("rtc-session", "Whose trouble it is")):
        (panel,) = [each for each in panels(BOARDS[uid]) if each["title"] == title]
        seen = view(uid, 2.7, {} if uid == "rtc-overview" else CALL)
        *_, series = ask(store, seen, panel, seen.values)
        gravest = max(
            (each for each in series if each["labels"]["session_id"] == CALL["session"]),
            key=lambda each: float(each["values"][0][1]),
        )
        assert gravest["labels"]["rtc_participant_id"] == "kim"
        assert gravest["labels"]["rtc_side"] == "network"


def test_calls_of_the_same_name_are_kept_apart(stores: Stores) -> None:
    """One tenant's ``weekly-planning`` is ruined, and the other's is not, whoever has the same names there."""
    store, faulty = stores["participant"], {}
    for tenant in ("acme", "globex"):
        (panel,) = [each for each in panels(BOARDS["rtc-session"]) if each["title"] == "Participants"]
        seen = view("rtc-session", 2.7, {**CALL, "tenant": tenant})
        people, scores, *_ = ask(store, seen, panel, seen.values)
        assert {each["labels"]["rtc_tenant"] for each in people} == {tenant}
        assert {each["labels"]["rtc_participant_id"] for each in people} == {"ana", "ben", "kim", "lou", "tom"}
        faulty[tenant] = min(numbers(scores)) < 3.5
    (panel,) = [each for each in panels(BOARDS["rtc-overview"]) if each["title"] == "Calls in trouble"]
    seen = view("rtc-overview", 2.7, {})
    _, _, troubled, _ = ask(store, seen, panel, seen.values)
    called = [each["labels"]["rtc_tenant"] for each in troubled if each["labels"]["session_id"] == CALL["session"]]

    assert faulty == {"acme": True, "globex": False}
    assert called == ["acme"]


def test_a_single_bad_call_wakes_nobody(stores: Stores) -> None:
    """However bad it is: it is on the overview, and in no alert."""
    found = stores["participant"].instant('count_over_time(ALERTS{alertname!="RTCWatchdog"}[4h])', START + 3.5 * HOUR)

    assert found == []
