"""
Alerts against hours of history with a fault in them: each fault raises what it should and nothing else, a day nothing.

The histories come out of the exporter's own pipeline (``tools.store``) and are kept between runs.  promtool's rule
manager runs the shipped rules over them, so what waits and what goes on is as in production.
"""

import json
import os
import re
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import yaml

from rtc_exporter import catalog
from tests.peers import peer
from tools.rules import groups
from tools.runbooks import ROOT
from tools.store import kept
from tools.store.blocks import Look, Served, create, firing, record, serving
from tools.store.play import History, play
from tools.store.scenarios import HOUR, SCENARIOS, START, Scenario

PROFILES = ("standard", "small")


def needed() -> list[str]:
    """The families that rules read: histories of the others would only take time."""
    text = json.dumps(groups("standard"))
    names = (metric.prometheus for metric in catalog.METRICS)
    return sorted(name for name in names if re.search(rf"\b{name}(_bucket|_count|_sum)?\b", text))


def one(name: str) -> History:
    """What rules read of a scenario; where dashboards are looked at with it too, it is made once for both."""
    row = SCENARIOS[name]
    return kept.history(row, kept.asked() if row.is_shown else needed()).of(needed())


def make(name: str) -> str:
    """Make a history, in a process of its own."""
    one(name)
    return name


@pytest.fixture(scope="module")
def histories() -> dict[str, History]:
    """All of them; what is not kept is made, two at a time."""
    with ProcessPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        made = list(pool.map(make, sorted(SCENARIOS, key=lambda name: -SCENARIOS[name].hours)))
    return {name: one(name) for name in made}


def rules(folder: Path, profile: str) -> Path:
    """The rules of a profile, with the interval left to promtool; what is left of budgets, no alert asks."""
    found = [
        {name: value for name, value in group.items() if name != "interval"}
        for group in groups(profile)
        if group["name"] != "rtc.recording.budget"
    ]
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": found}), encoding="utf-8")
    return folder / "rules.yml"


@pytest.mark.parametrize("name", [name for name, row in SCENARIOS.items() if row.raises])
def test_a_fault_raises_what_it_should(name: str, histories: dict[str, History], tmp_path: Path) -> None:
    """Nothing before it, all of its alerts and no others, and no page any more three quarters of an hour after it."""
    row = SCENARIOS[name]
    end = f"{int(row.hours * 60) - 1}m"
    looks = [
        Look(f"{int(row.begin * 60)}m", f"{int(row.begin * 60)}m"),
        Look(f"{int(row.hours)}h1m", end),
        Look("1m", end, "critical"),
    ]
    fired = firing(histories[name], rules(tmp_path, "standard"), peer("promtool"), tmp_path, looks)

    assert fired == [set(), set(row.raises), set()]


def test_a_healthy_day_raises_nothing(histories: dict[str, History], tmp_path: Path) -> None:
    """A day with a night, and with the few failures that every day has."""
    look = [Look("24h", "1437m")]
    found = firing(histories["healthy"], rules(tmp_path, "standard"), peer("promtool"), tmp_path, look, interval="3m")

    assert found == [set()]


def test_the_same_history_comes_out_each_time() -> None:
    """Else a fault that is found could not be looked at again."""
    short = Scenario("healthy", "", 0.2, 60)
    first, second = (play(short, needed()) for _ in range(2))

    assert first == second
    attempts = first.series["rtc_connection_attempts_total"]
    assert all('rtc_app_name="' in name for name in attempts), "everybody is somebody's user"
    assert {name.partition('rtc_tenant="')[2].partition('"')[0] for name in attempts} == {"acme", "globex"}


def asked(address: str, query: str, time: float) -> list[float]:
    """The values that a query has."""
    return [float(row["value"][1]) for row in Served(address).instant(query, time)]


def test_prometheus_serves_it(histories: dict[str, History], tmp_path: Path) -> None:
    """As blocks, with what the rules record: the counters, and what is left of the budget."""
    row, history = SCENARIOS["turn"], histories["turn"]
    create(history, tmp_path, peer("promtool"))
    record(history, tmp_path, ROOT / "alerts" / "rtc.small.rules.yml", peer("prometheus"), peer("promtool"))
    fault, end = START + row.end * HOUR, START + row.hours * HOUR - history.step

    with serving(tmp_path, peer("prometheus")) as address:
        assert asked(address, "count_over_time(up[4h])", end) == [history.length]
        healthy, faulty = (
            asked(address, 'rtc_slo:error:ratio_rate1h{slo="setup-success",rtc_tenant="acme"}', time)
            for time in (START + row.begin * HOUR, fault)
        )
        assert healthy[0] < 0.03 < 0.1 < faulty[0]
        assert len(asked(address, 'rtc_slo:error:ratio_rate1d{slo="setup-success"}', end)) == 2
        left = asked(address, 'rtc_slo:budget_remaining:ratio30d{slo="setup-success",rtc_tenant="acme"}', end)
        assert left[0] < 0, "a fault of 45 minutes in hours of history is more than the budget"
