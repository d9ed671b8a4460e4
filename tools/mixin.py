"""
The rules as JSON, for ``mixin/mixin.libsonnet``: some jsonnets cannot read the YAML of ``alerts/``.

The mixin replaces what stands here beside the groups: the selector of the exporters, and where pages and dashboards
are found.
"""

import json

from tools.limits import LIMITS
from tools.queries import OURS
from tools.rules import Bases, groups


def render(bases: Bases) -> str:
    """Every profile, and what in it is of one installation."""
    told = {
        "selector": OURS,
        "docs": bases.runbooks.removesuffix("/runbooks"),
        "grafana": bases.dashboards,
        "profiles": {profile: groups(profile, bases) for profile in LIMITS},
    }
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"
