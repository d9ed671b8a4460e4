"""The page of one session, and that of one participant in it."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from rtc_exporter.draw import bars
from rtc_exporter.draw.axes import Span, clock, length
from rtc_exporter.draw.svg import Markup, join, tag
from rtc_exporter.explain import page, panels, text, words
from rtc_exporter.explain.findings import Finding
from rtc_exporter.hearing import Heard
from rtc_exporter.lookup import View, Who, worst_first
from rtc_exporter.pages.shell import Links, day, document, query, segment, ticket
from rtc_exporter.quality import CLASSES

#: Participants of whom a session's page draws rows, and of whom the matrix has rows and columns.
DRAWN, MATRIX = 100, 30
#: Stays of one participant that its page draws.
STAYS = 10


def session(view: View, links: Links, now: float) -> str:
    """One session: verdicts, everybody's classes and issues on one time axis, who hears whom, the ticket."""
    span = Span(view.begin, max(view.end, view.begin + 1.0))
    people = worst_first(view.people)
    more = len(people) - DRAWN
    body = join((
        tag("h1", f"Session {words.plain(view.session)}"), _when(view), _further(view, view.people[:1], links),
        _around(view), tag("h2", "Participants"), *(_row(view, who, span) for who in people[:DRAWN]),
        *([tag("p", f"And {more} more, who had a better time.")] if more > 0 else []),
        *_matrix(view), *_ticket(ticket(view.tenant, [who.finding for who in people])), *_others(view),
    ))  # fmt: skip
    crumbs = [("rtc-exporter", "../"), ("Sessions", "../sessions")]
    return document(view.session, "../", crumbs, body, is_live=view.is_live)


def participant(view: View, name: str, links: Links, now: float) -> str | None:
    """One participant, every stay of it; None where nobody is so called."""
    stays = [who for who in view.people if who.name == name]
    if not stays:
        return None
    findings = [who.finding for who in stays]
    begin, end = min(one.summary.start for one in findings), max(one.end for one in findings)
    span = Span(begin, max(end, begin + 1.0))
    shown = stays[-STAYS:]
    drawn = [page.participant(who.finding, _own(who.finding), f"stay-{place}") for place, who in enumerate(shown)]
    less = len(stays) - len(shown)
    body = join((
        tag("h1", f"Participant {words.plain(name)}"),
        tag("p", f"{day(begin)} {clock(span.begin)} to {clock(end)} UTC", ", live" if stays[-1].is_here else "",
            _of(view), class_="soft"),
        _further(view, stays[-1:], links, name),
        *([tag("p", f"Here {len(stays)} times; the last {len(shown)} are shown.")] if less > 0 else []),
        *drawn, *_ticket(ticket(view.tenant, findings)),
    ))  # fmt: skip
    up = f"../{segment(view.session)}{_at(view)}"
    crumbs = [("rtc-exporter", "../../"), ("Sessions", "../../sessions"), (view.session, up)]
    return document(name, "../../", crumbs, body, is_live=view.is_live)


def _own(finding: Finding) -> Span:
    return Span(finding.summary.start, max(finding.end, finding.summary.start + 1.0))


def _at(view: View) -> str:
    return query(tenant=view.tenant, at=None if view.is_live else f"{view.begin:.3f}")


def _when(view: View) -> Markup:
    lasted = f"{length(view.end - view.begin)}, {'live' if view.is_live else 'ended'}"
    told = f"{day(view.begin)} {clock(view.begin)} to {clock(view.end)} UTC, {lasted}{_of(view)}"
    return tag("p", told, class_="soft", role="status")


def _of(view: View) -> str:
    return f", tenant {words.plain(view.tenant)}" if view.tenant else ""


def _around(view: View) -> Markup:
    """Only this one, or everybody?"""
    number = sum(view.around.values())
    if not number:
        return tag("p", "There was no other session in the hour around it.", class_="soft")
    told = [f"In the hour around it: {_sessions(view.around)}."]
    for one in view.alike:
        said = _sessions(one.sessions) if one.sessions else "no other"
        told.append(f"With its {one.trait} {words.plain(one.value)}: {said}.")
    return tag("p", " ".join(told), class_="soft")


def _sessions(classes: Mapping[str, int]) -> str:
    number = sum(classes.values())
    told = ", ".join(f"{classes[name]} {name}" for name in CLASSES if name in classes)
    return f"{number} other session{'s' if number > 1 else ''}, {told}"


def _row(view: View, who: Who, span: Span) -> Markup:
    """Who, the verdict in a line, and bars of classes and issues on the time axis of the session."""
    finding = who.finding
    name = words.plain(who.name)
    address = f"{segment(view.session)}/{segment(who.name)}{_at(view)}"
    said = text.verdict(finding).removeprefix(finding.quality.upper()).removeprefix(", ").removeprefix(". ")
    parts = [
        tag("h3", tag("a", name, href=address), " ",
            tag("span", finding.quality, class_=f"badge {finding.quality}")),
        tag("p", words.upper(said)),
        tag("p", "; ".join((
            text.client(finding),
            f"from {clock(finding.summary.start)}" + ("" if who.is_here else f" to {clock(finding.end)}"),
            *map(text.connected, finding.summary.peer_connections),
        )), class_="soft"),
    ]  # fmt: skip
    if finding.stretches:
        drawn = [bars.Stretch(one.begin, one.end, one.quality) for one in finding.stretches]
        parts.append(bars.classes(f"Quality of {name} over time", drawn, span))
    if finding.found:
        parts.append(panels.issues(finding, span, ""))
    return tag("section", *parts, class_="row", aria_label=name)


def _matrix(view: View) -> list[Markup]:
    """Who hears and sees whom: a row for each who receives, a column for each who sends."""
    names = list(dict.fromkeys(name for pair in view.pairs for name in pair))
    if not names:
        return []
    shown = sorted(names, key=lambda name: -_trouble(view, name))[:MATRIX]
    head = tag("tr", tag("th", "receives, from", scope="col"), *(
        tag("th", words.plain(name), scope="col") for name in shown
    ))  # fmt: skip
    rows = [
        tag("tr", tag("th", words.plain(receiver), scope="row"), *(
            _cell(view.pairs.get((receiver, sender)), is_self=receiver == sender) for sender in shown
        ))
        for receiver in shown
    ]  # fmt: skip
    table = tag("table", tag("thead", head), tag("tbody", *rows), class_="matrix")
    more = len(names) - len(shown)
    return [
        tag("h2", "Who hears and sees whom"),
        tag("div", table, class_="wide", tabindex="0", role="group", aria_label="Who hears and sees whom"),
        *([tag("p", f"And {more} more without so much trouble.", class_="soft")] if more else []),
    ]


def _trouble(view: View, name: str) -> float:
    return sum(sum(heard.issues.values()) for pair, heard in view.pairs.items() if name in pair)


def _cell(heard: Heard | None, *, is_self: bool) -> Markup:
    if heard is None:
        return tag("td", "" if is_self else "no stream known", class_="well")
    if not heard.issues:
        return tag("td", f"well, {length(heard.seconds)}", class_="well")
    told = [f"{name.replace('_', ' ')} {length(seconds)}" for name, seconds in heard.issues.items()]
    return tag("td", ", ".join(told), class_="ill")


def _further(view: View, people: Sequence[Who], links: Links, name: str = "") -> Markup:
    """Links to the trace, and to Grafana, where it is known where they are."""
    found = []
    trace = people[0].trace if people else ""
    if links.trace and trace:
        found.append(tag("a", "Trace", href=links.trace.replace("{trace_id}", trace), rel="noreferrer"))
    if links.grafana:
        board = "rtc-participant" if name else "rtc-session"
        end = "now" if view.is_live else f"{int(view.end * 1000) + 60_000}"
        told = {"var-session": view.session, **({"var-participant": name} if name else {})}
        asked = "&".join(f"{key}={quote(value, safe='')}" for key, value in told.items())
        address = f"{links.grafana.rstrip('/')}/d/{board}?{asked}&from={int(view.begin * 1000) - 60_000}&to={end}"
        found.append(tag("a", "Grafana", href=address, rel="noreferrer"))
    root = "../../" if name else "../"
    whose = f"/participants/{segment(name)}" if name else ""
    found.append(tag("a", "JSON", href=f"{root}api/v1/sessions/{segment(view.session)}{whose}{_at(view)}"))
    return tag("p", *found, class_="links")


def _ticket(told: str) -> list[Markup]:
    return [
        tag("h2", tag("label", "Text for a ticket", for_="ticket")),
        tag("p", tag("button", "Copy", type="button", hidden=True, data_copy="ticket")),
        tag("textarea", told, id="ticket", readonly=True, rows=min(told.count("\n") + 2, 30), spellcheck="false"),
    ]  # fmt: skip


def _others(view: View) -> list[Markup]:
    if not view.others:
        return []
    times = [
        tag("a", f"{day(begin)} {clock(begin)}", href=f"{segment(view.session)}{query(tenant=view.tenant, at=begin)}")
        for begin in sorted(view.others)[-20:]
    ]
    return [tag("h2", "Other times"), tag("p", *times, class_="links")]
