"""
What can be wrong with a call: every rule, one row each, by what it is about.

The detectors read ``RULES``; labels, spans, pages and alerts read ``ISSUES``.  To add a rule, add a row to its table,
and a row to the table of cases in ``tests/test_rules.py``, or ``tests/test_incidents.py`` for what events decide.
"""

from collections.abc import Set

from rtc_exporter.rules import audio, crowd, network, setup, video
from rtc_exporter.rules.network import DISCONNECTED, NO_MEDIA
from rtc_exporter.rules.rule import CAUSES, OUTAGE, SEVERITIES, SIDES, Cause, Issue, Rule

__all__ = [
    "BY_ID", "CAUSES", "DISCONNECTED", "ISSUES", "NO_MEDIA", "OUTAGE", "RULES", "SEVERITIES", "SIDES", "Cause",
    "Issue", "MEASURED", "Rule", "unjudged",
]  # fmt: skip

RULES: tuple[Rule, ...] = (*video.RULES, *audio.RULES, *network.RULES, *setup.RULES, *crowd.RULES)

BY_ID: dict[str, Rule] = {rule.id: rule for rule in RULES}
#: Every issue by name, in the order of the tables.
ISSUES: dict[str, Issue] = {rule.name: rule.issue for rule in RULES}
#: Issues that are decided by what browsers report, and the rules that do, by id: of others nobody can say that they
#: could not be judged.
MEASURED: dict[str, frozenset[str]] = {
    issue: ids
    for issue in ISSUES
    if (ids := frozenset(rule.id for rule in RULES if rule.name == issue and rule.source in ("fold", "trend")))
}


def unjudged(judged: Set[str]) -> tuple[str, ...]:
    """The issues that none of these rules, by id, could judge, though what browsers report decides them."""
    return tuple(issue for issue, measured in MEASURED.items() if measured.isdisjoint(judged))
