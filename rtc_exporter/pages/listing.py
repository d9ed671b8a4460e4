"""The list of sessions."""

from collections.abc import Sequence
from typing import NamedTuple

from rtc_exporter.draw.axes import clock, length
from rtc_exporter.draw.svg import Markup, join, tag
from rtc_exporter.explain import words
from rtc_exporter.lookup import SORTS, STATES, Row
from rtc_exporter.pages.shell import day, document, query, segment

#: Names of participants and of issues that a row shows.
FEW = 4


class Asked(NamedTuple):
    """What was asked of the list."""

    search: str = ""
    state: str = "live"
    sort: str = "worst"
    tenant: str | None = None
    offset: int = 0
    limit: int = 50


def render(rows: Sequence[Row], asked: Asked, now: float, total: int | None = None) -> str:
    """The page, of all rows that were found; of ``total``, where only those that come first are given."""
    shown = sorted(rows, key=SORTS[asked.sort])[asked.offset : asked.offset + asked.limit]
    total = len(rows) if total is None else total
    many = f"{total} session{'s' if total != 1 else ''}, at {clock(now)} UTC"
    if len(shown) < total:
        many += f", {asked.offset + 1} to {asked.offset + len(shown)} shown" if shown else ", none shown"
    body = join((
        tag("p", many, class_="soft", role="status"),
        _table(shown, day(now)) if shown else tag("p", "There is none, or none that is so called."),
        _pages(total, asked),
    ))  # fmt: skip
    fixed = join((tag("h1", "Sessions"), _form(asked)))
    return document("Sessions", "./", [("rtc-exporter", "./")], body, is_live=True, fixed=fixed)


def _form(asked: Asked) -> Markup:
    find = tag("input", name="search", type="search", value=asked.search, maxlength=256, autocomplete="off")
    return tag(
        "form", tag("label", "Session, participant or tenant", find), _choice("Which", "state", STATES, asked.state),
        _choice("First", "sort", tuple(SORTS), asked.sort),
        *([tag("input", type="hidden", name="tenant", value=asked.tenant)] if asked.tenant else []),
        tag("button", "Show"), class_="search", role="search", action="sessions",
    )  # fmt: skip


def _choice(label: str, name: str, values: Sequence[str], chosen: str) -> Markup:
    options = (tag("option", value, value=value, selected=value == chosen) for value in values)
    return tag("label", label, tag("select", *options, name=name))


def _table(rows: Sequence[Row], today: str) -> Markup:
    heads = ("Session", "Class", "Score", "Issues", "Participants", "Path", "Began", "Lasted")
    head = tag("tr", *(tag("th", one, scope="col", role="columnheader") for one in heads), role="row")
    drawn = (_row(row, today) for row in rows)
    table = tag(
        "table", tag("thead", head, role="rowgroup"), tag("tbody", *drawn, role="rowgroup"), class_="list",
        role="table", aria_label="Sessions",
    )  # fmt: skip
    return tag("div", table, class_="wide", tabindex="0", role="group", aria_label="Sessions")


def _row(row: Row, today: str) -> Markup:
    at = None if row.is_live else f"{row.begin:.3f}"
    address = f"sessions/{segment(row.session)}{query(tenant=row.tenant, at=at)}"
    issues = [f"{name.replace('_', ' ')}{f' ×{number}' if number > 1 else ''}" for name, number in row.issues.items()]
    people = f"{len(row.people)}: {_few(list(map(words.plain, row.people)))}"
    name = [
        tag("a", words.plain(row.session), href=address),
        *([f" ({words.plain(row.tenant)})"] if row.tenant else []),
    ]
    began = clock(row.begin) if day(row.begin) == today else f"{day(row.begin)} {clock(row.begin)}"
    cells = (
        (join(name), None, ""),
        (tag("span", row.quality, class_=f"badge {row.quality}"), None, ""),
        ("" if row.score is None else f"{row.score:.1f}", "number", "score"),
        (_few(issues) or "none", None, "issues:"),
        (people, None, "participants:"),
        (", ".join(row.paths), None, "path"),
        (began, "number", "from"),
        (length(row.age) + (", live" if row.is_live else ""), "number", "for"),
    )
    return tag(
        "tr",
        *(tag("td", content, class_=name, role="cell", data_head=head or None) for content, name, head in cells),
        role="row",
    )


def _few(names: list[str]) -> str:
    more = len(names) - FEW
    return ", ".join(names[:FEW]) + (f" and {more} more" if more > 0 else "")


def _pages(total: int, asked: Asked) -> Markup:
    steps = []
    for label, offset in (("Before", asked.offset - asked.limit), ("Next", asked.offset + asked.limit)):
        if 0 <= offset < total or (label == "Before" and asked.offset > 0):
            there = query(
                search=asked.search, state=asked.state, sort=asked.sort, tenant=asked.tenant,
                offset=str(max(offset, 0)), limit=None if asked.limit == Asked().limit else asked.limit,
            )  # fmt: skip
            steps.append(tag("a", label, href=f"sessions{there}"))
    return tag("p", *steps, class_="links") if steps else Markup()
