"""
What is generated into the pages about alerts: the rule of each on its runbook, the index, and the tables of objectives.

The words of a runbook are written by hand; the numbers in it come from here, so that they cannot be wrong.
"""

from pathlib import Path

from tools.alerts import UNITS, Alert, all_alerts
from tools.limits import LIMITS, rows
from tools.slos import PAIRS, PERIOD, SLOS, threshold

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "runbooks"
HEADINGS = ("What it means", "Is it real?", "The first five minutes", "Whose it is", "How to silence it")

#: What others alert on, or what could be, and why it is not here.
LEFT_OUT: tuple[tuple[str, str], ...] = (
    (
        "Share of relays, share of TCP",
        "Nobody has to do anything while calls are good; the trend is on the dashboard of networks. When TURN or UDP is the reason for bad calls, RTCTurnOutage and RTCSetupErrorBurn say so.",
    ),
    (
        "Voice: whole wait (`voice-turn`)",
        "It is recorded, and shown. Who is to act is told by its two parts, and nobody is to be paged for both.",
    ),
    (
        "Voice: dead air, interruptions",
        "Dead air is what a slow or missing answer sounds like: it would page twice. How people and agents interrupt each other is a matter for design, not for the night.",
    ),
    (
        "Devices, CPU",
        "Nobody on call can mend a laptop. A release that asks too much of machines is RTCReleaseRegression.",
    ),
    (
        "Ends without a goodbye",
        "Phones go to sleep and pages are closed: the share says more about the application than about a fault. Many at once are RTCReconnectStorm.",
    ),
    (
        "One bad session",
        "The participant tier shows it, its trace tells it; a rule over series that live for minutes fires late and leaves stale alerts.",
    ),
    ("Ratings by users", "Too few, and too late: compare them with scores on a dashboard."),
    ("ICE alone", "It is the outcome `ice_failed` of `setup-success`."),
    (
        "Queues of the exporter",
        "A queue that fills is no loss yet. What is lost for want of room is counted: RTCOtlpDropping, RTCSeriesOverflow, RTCNoRoom, RTCExporterMemoryHigh.",
    ),
    (
        "Server green, users unhappy",
        "It needs the metrics of a media server, whose names differ: a row of the dashboard.",
    ),
    ("Sites of a contact centre", "There is no label for a site yet."),
)


def both() -> dict[str, list[tuple[Alert, tuple[str, ...]]]]:
    """Alert -> its rules, each with the profiles that it is in."""
    found: dict[str, list[tuple[Alert, tuple[str, ...]]]] = {}
    by_profile = {profile: all_alerts(profile, limits) for profile, limits in LIMITS.items()}
    for alert in by_profile["standard"]:
        inside = tuple(
            profile
            for profile, others in by_profile.items()
            if any((alert.name, alert.labels) == (other.name, other.labels) for other in others)
        )
        found.setdefault(alert.name, []).append((alert, inside))
    return found


def block(rules: list[tuple[Alert, tuple[str, ...]]]) -> str:
    """The rule of an alert as its runbook shows it, in the profile ``standard``."""
    first = rules[0][0]
    lines = [f"**{first.summary}.** Team `{first.team}`, component `{first.component}`.", ""]
    for alert, profiles in rules:
        wait = "at once" if alert.wait == "0m" else f"after {alert.wait}"
        lines += [f"`{alert.severity}`, {wait}; profiles: {', '.join(sorted(profiles))}.", ""]
        records = [f"{name} =\n  {expr.replace(chr(10), chr(10) + '  ')}" for name, expr in alert.records]
        lines += ["```promql", *records, alert.expr, "```", ""]
    return "\n".join(lines).rstrip()


def index() -> str:
    """The page of all alerts."""
    lines = [
        "# Runbooks",
        "",
        "<!-- Written by `python -m tools`: change tools/, not this page. -->",
        "",
        "One page for each alert: what it means, whether it is real, the first five minutes, whose it is, how to silence it.",
        "`critical` wakes somebody, `warning` is a ticket, `info` is only shown. How objectives burn is in [slo.md](../slo.md).",
        "",
        "| Alert | Severity | Team | Profiles | What it says |",
        "|---|---|---|---|---|",
    ]
    for name, rules in both().items():
        severities = dict.fromkeys(alert.severity for alert, _ in rules)
        profiles = sorted({profile for _, inside in rules for profile in inside})
        first = rules[0][0]
        lines.append(
            f"| [{name}]({name}.md) | {', '.join(severities)} | {first.team} | {', '.join(profiles)} | {first.summary} |"
        )
    lines += [
        "",
        "## Limits",
        "",
        "Defaults to begin with, in `tools/limits.py`; `python -m tools --write` makes the rules anew.",
        "",
    ]
    lines += ["| Limit | standard | small | What it is |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {standard} | {small} | {help} |" for name, standard, small, help in rows()]
    lines += ["", "## What is no alert, and why", "", "| What | Why not |", "|---|---|"]
    lines += [f"| {what} | {why} |" for what, why in LEFT_OUT]
    return "\n".join(lines) + "\n"


def engine() -> str:
    """The alerts about the engine, for its page."""
    lines = ["| Alert | Severity | What it says |", "|---|---|---|"]
    for name, rules in both().items():
        if name.startswith("RTCEngine"):
            first = rules[0][0]
            wait = "at once" if first.wait == "0m" else f"after {first.wait}"
            lines.append(f"| [{name}](runbooks/{name}.md) | {first.severity}, {wait} | {first.summary} |")
    return "\n".join(lines)


def objectives() -> str:
    """The table of objectives, and that of thresholds."""
    lines = ["| Objective | Of 30 days | What counts as bad | Alert |", "|---|---|---|---|"]
    for slo in SLOS:
        alert = f"[{slo.alert}](runbooks/{slo.alert}.md)" if slo.alert else "none"
        lines.append(f"| `{slo.name}` | {slo.objective:.1%} of {UNITS[slo.unit]} | {slo.help} | {alert} |")
    lines += [
        "",
        "| Windows | "
        + " | ".join(f"{1 - slo.objective:.1%} budget: `{slo.name}`" for slo in SLOS if slo.alert)
        + " |",
    ]
    lines.append("|---" * (1 + sum(bool(slo.alert) for slo in SLOS)) + "|")
    for pair in PAIRS:
        values = " | ".join(f"{threshold(slo.objective, pair):.3g}" for slo in SLOS if slo.alert)
        lines.append(f"| {pair.severity}, {pair.long} and {pair.short} | {values} |")
    return "\n".join(lines)


def filled(text: str, marker: str, content: str) -> str:
    """The text with what stands between two markers replaced."""
    begin, end = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"a page lacks {begin} and {end}")
    return f"{head}{begin}\n{content}\n{end}{tail}"


def pages() -> dict[Path, str]:
    """Every page about alerts as it should be."""
    found = {FOLDER / "README.md": index()}
    for name, rules in both().items():
        path = FOLDER / f"{name}.md"
        found[path] = filled(path.read_text(encoding="utf-8"), "alert", block(rules))
    for page, marker, content in (("slo.md", "objectives", objectives()), ("jetstream.md", "alerts", engine())):
        path = ROOT / "docs" / page
        found[path] = filled(path.read_text(encoding="utf-8"), marker, content)
    return found


assert PERIOD == "30d", "the heading of the table says so"
