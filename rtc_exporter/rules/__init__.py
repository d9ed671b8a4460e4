"""
What can be wrong with a call: every rule, one row each, by what it is about.

The detectors read ``RULES``; labels, spans, pages and alerts read ``ISSUES``.  To add a rule, add a row to its table,
and a row to the table of cases in ``tests/test_rules.py``, or ``tests/test_incidents.py`` for what events decide.
"""

from rtc_exporter.rules import audio, crowd, network, setup, video
from rtc_exporter.rules.network import DISCONNECTED, NO_MEDIA
from rtc_exporter.rules.rule import CAUSES, OUTAGE, SEVERITIES, SIDES, Cause, Issue, Rule

__all__ = [
    "BY_ID", "CAUSES", "DISCONNECTED", "ISSUES", "NO_MEDIA", "OUTAGE", "RULES", "SEVERITIES", "SIDES", "Cause",
    "Issue", "Rule",
]  # fmt: skip

RULES: tuple[Rule, ...] = (*video.RULES, *audio.RULES, *network.RULES, *setup.RULES, *crowd.RULES)

BY_ID: dict[str, Rule] = {rule.id: rule for rule in RULES}
#: Every issue by name, in the order of the tables.
ISSUES: dict[str, Issue] = {rule.name: rule.issue for rule in RULES}
