"""
What the world does to an exporter, at a size for every run; see ``tests/hostile``.

Each program holds a real exporter to its promises, and its ledger has to add up.
"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile import (
    api,
    attacks,
    canary,
    cardinality,
    clocks,
    crash,
    deltas,
    drain,
    engine,
    fuzz,
    isolation,
    leaders,
    outage,
    overload,
    poison,
    protocol,
    scrapes,
    shards,
    slow,
    storm,
    takeover,
    tokens,
)
from tests.hostile.kit import Ledger

PROGRAMS: dict[str, Callable[[bool], Ledger]] = {
    "api": api.run,
    "attacks": attacks.run,
    "canary": canary.run,
    "cardinality": cardinality.run,
    "clocks": clocks.run,
    "crash": crash.run,
    "deltas": deltas.run,
    "drain": drain.run,
    "engine": engine.run,
    "fuzz": fuzz.run,
    "isolation": isolation.run,
    "leaders": leaders.run,
    "outage": outage.run,
    "overload": overload.run,
    "poison": poison.run,
    "protocol": protocol.run,
    "scrapes": scrapes.run,
    "shards": shards.run,
    "slow": slow.run,
    "storm": storm.run,
    "takeover": takeover.run,
    "tokens": tokens.run,
}


def test_every_program_is_run_and_told_of() -> None:
    """Those of the folder are those above, and those in the table of docs/security.md."""
    here = Path(__file__).parent
    programs = {path.stem for path in (here / "hostile").glob("*.py") if "def run(" in path.read_text()}
    told = re.findall(r"^\| `(\w+)` \|", (here.parent / "docs" / "security.md").read_text(), re.MULTILINE)

    assert sorted(programs) == sorted(PROGRAMS)
    assert told == sorted(PROGRAMS)


#: Programs that mostly wait, longest first; ``scripts/test`` runs two at a time.  The others load an exporter with all
#: that the machine has, and what they measure is true of an exporter that nobody else disturbs.
WAITING = (
    "takeover", "engine", "outage", "leaders", "shards", "clocks", "slow", "drain", "tokens", "api", "canary",
)  # fmt: skip
ALONE = [pytest.param(name, marks=pytest.mark.alone) for name in PROGRAMS if name not in WAITING]


@pytest.mark.parametrize("name", [*WAITING, *ALONE])
def test_the_ledger_adds_up(name: str) -> None:
    """Nothing is lost from sight, and everything else that was promised holds."""
    ledger = PROGRAMS[name](False)

    print(ledger)
    assert ledger.rows or ledger.claims
    assert ledger.failures == []


def test_a_ledger_can_be_wrong() -> None:
    """One thing too few, one too many, and a claim that does not hold."""
    ledger = Ledger("wrong")
    ledger.account("reports", 10, counted=9)
    ledger.account("events", 10, counted=9, shed=2)
    ledger.claim("the sky is green", False, "blue")

    assert len(ledger.failures) == 3
