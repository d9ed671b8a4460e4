"""The verdict as one HTML file that needs nothing else: no request, and no script to be read."""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256

from rtc_exporter.draw.axes import Span, clock, length, written
from rtc_exporter.draw.style import STYLE as DRAWN
from rtc_exporter.draw.svg import Markup, join, tag
from rtc_exporter.explain import panels, text, words
from rtc_exporter.explain.findings import Finding
from rtc_exporter.recorder import Found

STYLE = f"""{DRAWN}
*{{box-sizing:border-box}}body{{margin:0 auto;max-width:70rem;padding:1rem;background:var(--back);color:var(--front);
font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}}a{{color:var(--link)}}h1{{font-size:1.4rem;margin:.2em 0}}
h2{{font-size:1.2rem;margin:2.2rem 0 .3rem;padding-top:1rem;border-top:1px solid var(--rule)}}
h3{{font-size:1rem;margin:1.4rem 0 .4rem}}p{{margin:.4em 0}}.soft{{color:var(--soft)}}
.verdicts{{list-style:none;padding:0}}.verdicts li{{margin:.4em 0}}
.badge{{display:inline-block;min-width:3.4em;padding:0 .5em;border-radius:.3em;background:var(--none);color:var(--back);
font-weight:600;text-align:center}}.badge.good{{background:var(--good)}}.badge.fair{{background:var(--fair)}}
.badge.poor{{background:var(--poor)}}.badge.bad{{background:var(--bad)}}
.story{{background:var(--card);border-left:4px solid var(--warning);padding:.5em .8em;margin:.7em 0;border-radius:.2em}}
.story.critical{{border-color:var(--critical)}}.story ul{{margin:.3em 0;padding-left:1.2em}}
.charts{{display:grid;gap:1.2rem 1.6rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,24rem),1fr))}}
.wide{{overflow-x:auto;position:relative}}table{{border-collapse:collapse;width:100%;font-size:.9rem;overflow-wrap:normal}}
th,td{{text-align:left;vertical-align:top;padding:.3em .7em .3em 0;border-bottom:1px solid var(--rule)}}
td.time{{white-space:nowrap}}td.name{{font-weight:600}}tr:target{{background:var(--card);outline:2px solid var(--link)}}
.mark-warning{{color:var(--warning);font-weight:600}}.mark-critical{{color:var(--critical);font-weight:600}}
.values td,.values th{{white-space:nowrap}}
@media(max-width:48rem){{.issues,.issues tbody,.issues tr,.issues td{{display:block}}.issues thead{{position:absolute;
clip-path:inset(50%)}}.issues tr{{border-bottom:1px solid var(--rule);padding:.5em 0}}.issues td{{border:0;padding:0}}
.issues td:not([class]){{padding-left:1em}}}}
textarea{{width:100%;white-space:pre;overflow:auto;font:13px/1.4 ui-monospace,monospace;
background:var(--card);color:var(--front);border:1px solid var(--rule)}}button{{font:inherit}}summary{{cursor:pointer}}
"""
#: The only thing that takes a script: to copy the text without marking it.
SCRIPT = """\
for(const button of document.querySelectorAll("button[data-copy]")){button.hidden=false;button.onclick=async()=>{
const area=document.getElementById(button.dataset.copy);area.select();
try{await navigator.clipboard.writeText(area.value);button.textContent="Copied"}catch{
if(document.execCommand("copy"))button.textContent="Copied"}}}
"""


def _hash(content: str) -> str:
    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"


#: Nothing is loaded, and no style or script runs but these two; not even one that somebody smuggled in.
POLICY = (
    f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)
#: Marks that are told in words.
MARKS = 30
#: Rows of the table of values; more is no reading.
ROWS = 200


def render(findings: Sequence[Finding], day: str = "") -> str:
    """The document."""
    sessions: dict[str, list[Finding]] = {}
    for finding in findings:
        sessions.setdefault(finding.summary.session, []).append(finding)
    names = " and ".join(words.plain(name) for name in sessions)
    head = tag(
        "head", tag("meta", charset="utf-8"), tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width,initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"), tag("link", rel="icon", href="data:,"),
        tag("title", f"Call {names}"), tag("style", Markup(STYLE)),
    )  # fmt: skip
    ids = {id(finding): f"p{number}" for number, finding in enumerate(findings)}
    body = tag(
        "body", tag("main", *(_session(name, several, day, ids) for name, several in sessions.items())),
        tag("script", Markup(SCRIPT)),
    )  # fmt: skip
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _session(name: str, findings: Sequence[Finding], day: str, ids: dict[int, str]) -> Markup:
    span = Span(min(one.summary.start for one in findings), max(one.end for one in findings))
    verdicts = [
        tag("li", tag("a", _who(one), href=f"#{ids[id(one)]}"), " ", _badge(one), " ", _verdict(one))
        for one in findings
    ]  # fmt: skip
    when = f"{day} {clock(span.begin)} to {clock(span.end)} UTC, {length(span.end - span.begin)}".lstrip()
    ticket = f"ticket-{ids[id(findings[0])]}"
    words_ = text.render(findings, day)
    return join((
        tag("header", tag("h1", f"Call {words.plain(name)}"), tag("p", when, class_="soft"),
            tag("ul", *verdicts, class_="verdicts")),
        *(participant(one, span, ids[id(one)]) for one in findings),
        tag("h2", tag("label", "Text for a ticket", for_=ticket)),
        tag("p", tag("button", "Copy", type="button", hidden=True, data_copy=ticket)),
        tag("textarea", words_, id=ticket, readonly=True, rows=min(words_.count("\n") + 2, 30), spellcheck="false"),
    ))  # fmt: skip


def participant(finding: Finding, span: Span, ident: str) -> Markup:
    """One participant: who, which class when, what was wrong, and the pictures."""
    summary = finding.summary
    client = f"{text.client(finding)}, here from {clock(summary.start)} to {clock(finding.end)}"
    said = [(text.connected(one), text.codecs(one)) for one in summary.peer_connections]
    connections = [", ".join(filter(None, pair)) for pair in said]
    parts: list[str] = [
        tag("h2", _who(finding), " ", _badge(finding), id=ident),
        tag("p", _verdict(finding)),
        tag("p", "; ".join((client, *connections)), class_="soft"),
    ]
    if finding.stretches:
        parts += [tag("h3", "Quality over time"), panels.timeline(finding, span),
                  tag("p", text.spent(finding), class_="soft")]  # fmt: skip
    if finding.ways:
        parts += [tag("h3", "Path over time"), panels.ways(finding, span)]
    for story in finding.stories:
        when = f"{clock(story.begin)} to {clock(story.end)}, {story.side}, {story.severity}"
        todo = tag("ul", *(tag("li", piece) for piece in text.advice(story)))
        parts.append(tag("div", tag("b", when), tag("p", text.told(story)), todo, class_=f"story {story.severity}"))
    parts += [tag("p", line) for line in (text.errors(finding), text.noted(finding)) if line]
    if finding.found:
        parts += [tag("h3", "Issues"), panels.issues(finding, span, f"{ident}-issue-"), _table(finding, ident)]
    if finding.stages:
        parts += [tag("h3", "Setup"), panels.waterfall(finding)]
    if finding.happened:
        parts += [tag("h3", "What happened to the page"), _happened(finding)]
    drawn = panels.charts(finding, span)
    if drawn:
        parts += [tag("h3", "What was measured"), tag("div", *drawn, class_="charts"), _values(finding)]
    unknown = text.unknown(finding)
    parts += [tag("p", unknown, class_="soft")] if unknown else []
    return tag("section", *parts, aria_labelledby=ident)


def _who(finding: Finding) -> str:
    return words.plain(finding.summary.participant)


def _badge(finding: Finding) -> Markup:
    return tag("span", finding.quality, class_=f"badge {finding.quality}")


def _verdict(finding: Finding) -> str:
    """The verdict without its class, which the badge says."""
    said = text.verdict(finding).removeprefix(finding.quality.upper())
    return words.upper(said.removeprefix(", ").removeprefix(". "))


def _table(finding: Finding, ident: str) -> Markup:
    """A row for each issue.  On a phone each is a block, so that the roles of a table have to be said."""
    rows = []
    for number, found in enumerate(finding.found):
        episode = found.episode
        cells = (
            (f"{clock(found.begin)} to {clock(found.end)}", "time"),
            (f"{episode.rule.name.replace('_', ' ')}, {episode.side}", "name"),
            (episode.severity, f"mark-{episode.severity}"),
            (words.upper(words.said(episode)), None),
            (text.facts(found), None),
            (_stream(found), None),
        )
        row = (tag("td", content, class_=name, role="cell") for content, name in cells)
        rows.append(tag("tr", *row, id=f"{ident}-issue-{number}", role="row"))
    heads = ("When", "Issue and side", "Severity", "What happened", "Evidence", "Where")
    head = tag("tr", *(tag("th", word, scope="col", role="columnheader") for word in heads), role="row")
    name = f"Issues of {_who(finding)}"
    table = tag(
        "table", tag("thead", head, role="rowgroup"), tag("tbody", *rows, role="rowgroup"), role="table",
        class_="issues", aria_label=name,
    )  # fmt: skip
    return _wide(table, name)


def _happened(finding: Finding) -> Markup:
    """The marks of the pictures in words; of many the first."""
    shown = [f"{clock(note.time)} {note.label}" for note in finding.happened[:MARKS]]
    more = len(finding.happened) - len(shown)
    return tag("p", "; ".join(shown) + (f"; and {more} more" if more else "") + ".")


def _wide(table: Markup, name: str) -> Markup:
    """A table that scrolls where it is wider than the page, also by keys."""
    return tag("div", table, class_="wide", tabindex="0", role="group", aria_label=name)


def _stream(found: Found) -> str:
    episode, rule = found.episode, found.episode.rule
    streams = f"{episode.streams} streams" if episode.streams > 1 else ""
    short = (episode.codec or "").partition("/")[2]
    parts = (rule.direction, rule.kind, short, streams, found.peer_connection, found.path)
    return ", ".join(words.plain(part) for part in parts if part)


def _values(finding: Finding) -> Markup:
    """The samples as a table, for who cannot see the pictures and for who wants numbers."""
    shown = [
        (panel, name, f"{panel.title}, {label}" if label else panel.title)
        for panel in panels.PANELS
        for name, label in panel.lines
        if name in finding.series
    ]
    by_time: dict[float, dict[str, float]] = {}
    for _, name, _ in shown:
        for time, value in finding.series[name]:
            by_time.setdefault(time, {})[name] = value
    times = sorted(by_time)
    step = max(1, -(-len(times) // ROWS))
    head = tag("tr", tag("th", "Time", scope="col"), *(tag("th", label, scope="col") for _, _, label in shown))
    rows = [
        tag("tr", tag("th", clock(time), scope="row"), *(
            tag("td", written(by_time[time][name], panel.unit) if name in by_time[time] else "")
            for panel, name, _ in shown
        ))
        for time in times[::step]
    ]  # fmt: skip
    note = f", each {step}th" if step > 1 else ""
    table = tag("table", tag("thead", head), tag("tbody", *rows), class_="values")
    return tag("details", tag("summary", f"The same as numbers{note}"), _wide(table, f"Values of {_who(finding)}"))
