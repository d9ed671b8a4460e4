"""
Rules for the chart: templates of the rule files in ``alerts/``, with every limit and objective a value.

They are made by the code that makes the files, out of numbers that are not known yet (``symbols``).  Rendered without
values they are those files; a test holds one against the other.
"""

from dataclasses import fields
from typing import Any

from tools.limits import LIMITS, Limits
from tools.rules import dump, groups
from tools.slos import LEAST_OBJECTIVE, SLOS
from tools.symbols import Symbol, fill


def template(profile: str) -> str:
    """The rules of a profile."""
    numbers = {row.name: getattr(LIMITS[profile], row.name) for row in fields(Limits)}
    limits = Limits(**{name: _value("thresholds", name, number) for name, number in numbers.items()})
    slos = [slo._replace(objective=_value("objectives", slo.name, slo.objective)) for slo in SLOS]
    head = f"{{{{- /* Made by tools/chart_rules.py; without values it is alerts/rtc.{profile}.rules.yml. */ -}}}}\n"
    return head + fill(dump(groups(profile, limits=limits, slos=slos), width=float("inf")))


def _value(map: str, name: str, default: float) -> Any:
    """A number that a value of the chart may give."""
    return Symbol(default, f'(default {default} (index $.Values.prometheusRule.{map} "{name}"))')


def templates() -> dict[str, str]:
    """Name of the file in the chart -> its text."""
    return {f"rtc.{profile}.rules.tpl": template(profile) for profile in LIMITS}


def thresholds() -> dict[str, Any]:
    """The schema of ``prometheusRule.thresholds``."""
    properties = {}
    for row in fields(Limits):
        values = {profile: getattr(limits, row.name) for profile, limits in LIMITS.items()}
        kind = "integer" if all(isinstance(value, int) for value in values.values()) else "number"
        told = ", ".join(f"{value:g} in {profile}" for profile, value in values.items())
        told = told if len(set(values.values())) > 1 else f"{values['standard']:g}"
        help = f"{row.metadata['help']} Default: {told}."
        properties[row.name] = {"description": help, "type": kind, "exclusiveMinimum": 0}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def objectives() -> dict[str, Any]:
    """The schema of ``prometheusRule.objectives``."""
    properties = {
        slo.name: {
            "description": f"{slo.help} Default: {slo.objective:g}.",
            "type": "number", "exclusiveMinimum": LEAST_OBJECTIVE, "exclusiveMaximum": 1,
        }
        for slo in SLOS
    }  # fmt: skip
    return {"type": "object", "additionalProperties": False, "properties": properties}
