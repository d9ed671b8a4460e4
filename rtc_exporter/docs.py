"""
Renders the tables in README.md and docs/, and the files of docs/conventions/: ``rtc-exporter docs``.

A block begins with ``<!-- table:NAME -->`` and ends with ``<!-- /table -->``; what stands between is made
here from the tables in the code, what stands outside is prose.  A test renders every page and compares, so a
page cannot fall behind.  To add a table, add a function and a row of ``TABLES``.
"""

import argparse
import importlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from math import inf
from pathlib import Path

from rtc_exporter import config, conventions, coverage, rules, spans, wire
from rtc_exporter.attributes import ATTRIBUTES
from rtc_exporter.catalog import METRICS
from rtc_exporter.errors import ConfigError, Reason
from rtc_exporter.labels import RULES, Capped, Closed, Text
from rtc_exporter.metric import Metric, Profile, Tier, label
from rtc_exporter.rules import CAUSES, ISSUES, OUTAGE, Issue, Rule
from rtc_exporter.rules.rule import CRITICAL, NETWORK
from rtc_exporter.spans import EVENTS, SPAN_ATTRIBUTES, SPANS

BLOCK = re.compile(r"(<!-- table:([\w-]+) -->\n).*?(<!-- /table -->)", re.DOTALL)

#: Where the machine-readable conventions are.
CONVENTIONS = Path("docs", "conventions")

#: Names of one family that are drawn together: ``rtc.jitter.{p50,p95,max}``.
FAMILY = 3

#: Values that are listed; of more than these, the number and the first three.
FEW = 12

TIERS = {
    Tier.COHORT: "Cohorts of participants",
    Tier.PARTICIPANT: "Live participants",
    Tier.SELF: "The exporter itself",
}

#: Why something is refused -> what happened, and what to do about it.
REASONS = {
    Reason.BAD_JSON: ("A frame or body is not JSON.", "Look at the client's version; nothing of it was counted."),
    Reason.BAD_FRAME: ("It is JSON, or a frame, of a shape that the format does not have.", "As above."),
    Reason.BAD_TIME: ("A time is missing or is none.", "As above."),
    Reason.BAD_STATS: ("A report is not made of stats objects.", "As above."),
    Reason.BAD_DUMP: ("A file is none of the known dumps, or is cut short.", "Save it again; see the formats."),
    Reason.BAD_ENCODING: ("Bytes are not UTF-8, or not what the content encoding says.", "Look for a proxy between."),
    Reason.BAD_IDENTITY: (
        "An id of session or participant is too long, or not printable, or the URL names another than the token.",
        "Shorten it in the client, or let the token alone name it.",
    ),
    Reason.BAD_TOKEN: ("A token is missing, expired, or signed with another key.", "Compare the keys and the clocks."),
    Reason.BAD_REQUEST: ("It is not HTTP, or can be read in two ways.", "Look for a proxy between."),
    Reason.BAD_ORIGIN: ("The page comes from an origin that is not allowed.", "Set `ingest.allowed_origins`."),
    Reason.UNKNOWN_FORMAT: ("Neither subprotocol nor first frame is of a known format.", "See the formats."),
    Reason.TOO_LARGE: (
        "A frame, body or file is over its limit; or a report of which an edge would have to write 2 MiB each time.",
        "Raise the limit, if the client is honest.",
    ),
    Reason.TOO_MANY: ("Too many connections, participants or stats objects.", "Raise the limit, or add a process."),
    Reason.TOO_FAST: (
        "One connection goes on sending more frames or bytes than a second may have.",
        "Look at its report interval.",
    ),
    Reason.TOO_SLOW: (
        "A head, a body, a first frame or the end of a frame did not come in time.",
        "Look for a proxy that holds requests back; else somebody tries to keep connections busy.",
    ),
    Reason.NO_BASE: (
        "A client that lost its connection sends what changed since reports that went to another process, or to this "
        "one before it was restarted; or reports of a peer connection that it has closed.",
        "Load the page again; a client that reconnects and sends whole reports first does not need it.",
    ),
    Reason.NO_MEMORY: ("Memory is short: a new client, a report or a heavy client.", "Add memory, or a process."),
    Reason.NO_ENGINE: (
        "The engine takes nothing, and an edge holds what it may.",
        "See the engine's disks and servers.",
    ),
}


def render(text: str) -> str:
    """The page with every block made anew."""

    def block(found: re.Match[str]) -> str:
        table = TABLES.get(found[2])
        if table is None:
            raise ConfigError(f"the table {found[2]} is not one of {', '.join(TABLES)}")
        return found[1] + "\n".join(table()) + "\n" + found[3]

    return BLOCK.sub(block, text)


def pages(root: Path) -> list[Path]:
    """The pages that can hold blocks."""
    return [root / "README.md", *sorted((root / "docs").glob("*.md"))]


# ── the tables, line by line


def _table(*rows: Iterable[str]) -> Iterator[str]:
    """The first row is the head."""
    for number, row in enumerate(rows):
        cells = [cell.replace("|", "\\|") for cell in row]
        yield f"| {' | '.join(cells)} |"
        if number == 0:
            yield "|---" * len(cells) + "|"


def _code(*words: str) -> str:
    return ", ".join(f"`{word}`" for word in words if word)


def _metrics() -> Iterator[str]:
    for tier, title in TIERS.items():
        yield from (f"### {title}", "")
        rows = (
            (
                _code(metric.prometheus),
                metric.kind.value,
                metric.unit,
                _code(*metric.labels),
                _code(*(str(source) for source in metric.sources)),
                metric.profile.name.lower(),
                metric.help,
            )
            for metric in METRICS
            if metric.tier is tier
        )
        yield from _table(("Name", "Type", "Unit", "Labels", "From", "Profile", "Meaning"), *rows)
        yield ""


def _core() -> Iterator[str]:
    return _short(metric for metric in METRICS if metric.tier is Tier.COHORT and metric.profile is Profile.CORE)


def _participants() -> Iterator[str]:
    return _short(metric for metric in METRICS if metric.tier is Tier.PARTICIPANT)


def _short(metrics: Iterable[Metric]) -> Iterator[str]:
    rows = ((_code(metric.prometheus), metric.kind.value, metric.help) for metric in metrics)
    return _table(("Name", "Type", "Meaning"), *rows)


def _attributes() -> Iterator[str]:
    rows = ((_code(name), _code(label(name)), meaning, _values(name)) for name, meaning in ATTRIBUTES.items())
    return _table(("Attribute", "Label", "Meaning", "Values"), *rows)


def _values(attribute: str) -> str:
    """What the label rules let through."""
    match RULES.get(attribute):
        case Closed(names=names, other=other):
            known = list(dict.fromkeys(names.values()))
            if len(known) > FEW:
                return f"{len(known)} known ones such as {_code(*sorted(known)[:3])}; else `{other}`"
            return _code(*known) if other in known else f"{_code(*known)}; else `{other}`"
        case Capped(limit=limit):
            return f"the first {limit} in use; else `other`"
        case Text(length=length):
            return f"up to {length} characters"
        case None:
            return ""


def _spans() -> Iterator[str]:
    rows = ((_code(row.name), _code(row.parent), row.when, row.help) for row in SPANS)
    return _table(("Span", "Parent", "Leaves", "Meaning"), *rows)


def _carried() -> Iterator[str]:
    several = (
        ("every span of a session", spans.common(spans.BY_NAME[spans.SESSION]), ()),
        ("every span of a participant", spans.common(spans.BY_NAME[spans.PARTICIPANT]), ()),
        *(
            (_code(*(row.name for row in group)), attributes, events)
            for (attributes, events), group in groupby(SPANS, lambda row: (row.attributes, row.events))
        ),
    )
    rows = ((what, _code(*_folded(attributes)), _code(*events)) for what, attributes, events in several)
    return _table(("Span", "Attributes", "Events"), *rows)


def _folded(names: Iterable[str]) -> Iterator[str]:
    """Names that differ in their last part alone are drawn together."""
    for head, group in groupby(names, lambda name: name.rpartition(".")[0]):
        several = list(group)
        if len(several) < FAMILY or "." not in head:
            yield from several
        else:
            yield f"{head}.{{{','.join(name.rpartition('.')[2] for name in several)}}}"


def _span_events() -> Iterator[str]:
    rows = ((_code(name), meaning, _code(*attributes)) for name, (meaning, attributes) in EVENTS.items())
    return _table(("Event", "Meaning", "Attributes"), *rows)


def _span_attributes() -> Iterator[str]:
    rows = (
        (_code(name), row.type, row.help, _code(*(row.values or (row.example,))))
        for name, row in SPAN_ATTRIBUTES.items()
    )
    return _table(("Attribute", "Type", "Meaning", "Values, or an example"), *rows)


def _formats() -> Iterator[str]:
    rows = (
        (_code(form.name), _code(form.subprotocol), form.media, _code(form.address), form.help) for form in wire.FORMATS
    )
    return _table(("Format", "Subprotocol", "Comes as", "Address", "What it is"), *rows)


def _browsers() -> Iterator[str]:
    """Metrics made of statistics, with what each is read from, and a column for each browser."""
    known = coverage.browsers()
    rows = (
        (_code(row.prometheus), _code(str(source)), *("yes" if (row.name, source) in held else "" for _, held in known))
        for row in METRICS
        if row.tier is Tier.COHORT
        for source in row.sources
    )
    return _table(("Metric", "From", *(name for name, _ in known)), *rows)


def _spellings() -> Iterator[str]:
    rows = ((_code(written), _code(meant)) for written, meant in wire.SPELLINGS.items())
    return _table(("Written", "Taken as"), *rows)


def _settings() -> Iterator[str]:
    for section, group in groupby(config.settings_table(), lambda row: row.section):
        rows = ((_code(row.name), row.type, _code(row.default), row.meaning) for row in group)
        yield from (f"{section}:", "")
        yield from _table(("Setting", "Takes", "Default", "Meaning"), *rows)
        yield ""


def _issues() -> Iterator[str]:
    rows = ((_code(issue.name), issue.side, _severities(issue), issue.help, issue.advice) for issue in ISSUES.values())
    return _table(("Issue", "Side, unless evidence says otherwise", "Severity", "What it is", "What to do"), *rows)


def _severities(issue: Issue) -> str:
    """The severities that the issue's rules can give it, mildest first."""
    several = {rule.severity for rule in rules.RULES if rule.issue is issue}
    if any(rule.critical < inf for rule in rules.RULES if rule.issue is issue):
        several.add(CRITICAL)
    return ", ".join(severity for severity in rules.SEVERITIES if severity in several)


def _rules() -> Iterator[str]:
    rows = (
        (_code(rule.id), rule.severity, rule.side, _bounds(rule), rule.help, _code(*rule.causes), rule.origin)
        for rule in rules.RULES
    )
    columns = ("Rule", "Begins as", "Side", "Opens", "When", "Causes looked for", "Where the bounds come from")
    return _table(columns, *rows)


def _bounds(rule: Rule) -> str:
    """When a rule opens and closes, in words."""
    unit = "" if rule.unit == "1" else f" {rule.unit}"
    if rule.source == "event":
        text = f"above {rule.on:g}{unit} between events" if rule.on else "with an event"
        return text if rule.critical == inf else f"{text}, critical after {rule.critical:g}{unit}"
    if rule.source not in ("fold", "trend"):
        return {"report": "with a report", "session": "across participants"}[rule.source]
    k, n = rule.of
    text = f"above {rule.on:g}{unit} in {k} of {n} folds"
    if rule.at_once < inf:
        text += f", at once above {rule.at_once:g}"
    if rule.critical < inf:
        text += f", critical above {rule.critical:g}"
    return f"{text}; closes at {rule.off:g}"


def _causes() -> Iterator[str]:
    rows = [(_code(cause.word), cause.side, cause.help) for cause in CAUSES.values()]
    rows.append((_code(OUTAGE), NETWORK, "Nothing at all arrived meanwhile."))
    return _table(("Cause", "Side", "What was seen"), *rows)


def _reasons() -> Iterator[str]:
    rows = ((_code(reason), meaning, advice) for reason, (meaning, advice) in REASONS.items())
    return _table(("Reason", "What happened", "What to do"), *rows)


def _doctor() -> Iterator[str]:
    # By name, because the doctor stands above: it gives the advice that is in this module.
    rows: Iterator[str] = importlib.import_module("rtc_exporter.doctor.report").rows()
    return rows


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "metrics": _metrics,
    "core": _core,
    "participants": _participants,
    "attributes": _attributes,
    "spans": _spans,
    "carried": _carried,
    "span-events": _span_events,
    "span-attributes": _span_attributes,
    "formats": _formats,
    "browsers": _browsers,
    "spellings": _spellings,
    "settings": _settings,
    "issues": _issues,
    "rules": _rules,
    "causes": _causes,
    "reasons": _reasons,
    "doctor": _doctor,
}


# ── the command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true", help="write the tables into the pages, and the conventions")
    action.add_argument("--check", action="store_true", help="fail if a page or file is behind the code")
    parser.add_argument("--root", type=Path, default=Path(), help="folder of README.md (the working directory)")


def run(args: argparse.Namespace) -> int:
    """Write or check; 1 when something is behind."""
    if not (args.root / "README.md").is_file():
        raise ConfigError(f"--root is {str(args.root)!r}, where there is no README.md")
    behind = 0
    for path, made in _made(args.root):
        if path.is_file() and path.read_text(encoding="utf-8") == made:
            continue
        behind += 1
        if args.write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made, encoding="utf-8")
            print(f"{path}: written")
        else:
            print(f"{path}: behind the code, run rtc-exporter docs --write", file=sys.stderr)
    return 1 if behind and args.check else 0


def _made(root: Path) -> Iterator[tuple[Path, str]]:
    """Every page and file, as it should be."""
    for page in pages(root):
        yield page, render(page.read_text(encoding="utf-8"))
    for name, text in conventions.files().items():
        yield root / CONVENTIONS / name, text
