"""What all pages have in common: head, style, script, links, and the policy that lets nothing else in."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote, urlencode

from rtc_exporter.draw.svg import Markup, join, tag
from rtc_exporter.explain import text, words
from rtc_exporter.explain.findings import Finding
from rtc_exporter.explain.page import SCRIPT as COPIES
from rtc_exporter.explain.page import STYLE as EXPLAINED

#: Nothing from elsewhere, nothing inline.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
#: Seconds between two looks of a page that is open.
EVERY = 5

STYLE = f"""{EXPLAINED}
.crumbs{{font-size:.9rem;margin:0 0 .6rem}}.crumbs a{{margin-right:.3em}}form.search{{display:flex;flex-wrap:wrap;
gap:.5rem .8rem;align-items:end;margin:.8rem 0}}form.search label{{display:grid;font-size:.85rem;color:var(--soft)}}
input,select{{font:inherit;padding:.3em .5em;background:var(--card);color:var(--front);border:1px solid var(--soft);
border-radius:.3em;max-width:100%}}button{{padding:.35em .8em;background:var(--card);color:var(--front);
border:1px solid var(--soft);border-radius:.3em;cursor:pointer}}:focus-visible{{outline:2px solid var(--link);
outline-offset:2px}}.list td,.list th{{white-space:normal}}.list .number{{white-space:nowrap;
font-variant-numeric:tabular-nums}}
.row{{margin:1rem 0}}.row h3{{margin:0 0 .2rem}}.matrix td{{min-width:5rem}}.matrix .well{{color:var(--soft)}}
.matrix .ill{{color:var(--critical);font-weight:600}}.links a{{margin-right:1em}}.live{{margin-left:.6em}}
@media(max-width:48rem){{.list,.list tbody,.list tr,.list td{{display:block}}.list thead{{position:absolute;
clip-path:inset(50%)}}.list tr{{border-bottom:1px solid var(--rule);padding:.6em 0}}
.list td{{border:0;padding:0 0 .1em}}
.list td:empty{{display:none}}
.list td[data-head]::before{{content:attr(data-head) " ";color:var(--soft)}}}}
"""

#: Fetches the page again and swaps what may change, unless somebody is just using it.
SCRIPT = f"""\
"use strict";
const copies=()=>{{{COPIES}}};
copies();
const area=()=>document.getElementById("live"),pause=document.getElementById("pause");
if(pause&&area()){{
let on=true;
const show=()=>{{pause.textContent=on?"Pause":"Go on";pause.setAttribute("aria-pressed",String(!on))}};
pause.hidden=false;show();
pause.addEventListener("click",()=>{{on=!on;show()}});
const busy=()=>{{const old=area(),chosen=getSelection();
return old.contains(document.activeElement)||(chosen&&!chosen.isCollapsed&&old.contains(chosen.anchorNode))}};
setInterval(async()=>{{
if(!on||document.hidden||busy())return;
try{{
const answer=await fetch(location.href,{{cache:"no-store"}});
if(!answer.ok)return;
const next=new DOMParser().parseFromString(await answer.text(),"text/html").getElementById("live"),old=area();
if(!next||busy())return;
const open=[...old.querySelectorAll("details")].map((one)=>one.open);
next.querySelectorAll("details").forEach((one,place)=>{{one.open=open[place]??false}});
const left=[...old.querySelectorAll(".wide")].map((one)=>one.scrollLeft);
old.replaceWith(next);
next.querySelectorAll(".wide").forEach((one,place)=>{{one.scrollLeft=left[place]??0}});
copies();
}}catch{{}}
}},{EVERY * 1000});
}}
"""


NOTHING = Markup()


class Links(NamedTuple):
    """Where to look further: base URL of Grafana, and a URL with ``{trace_id}`` in it; empty for nowhere."""

    grafana: str = ""
    trace: str = ""


def segment(name: str) -> str:
    """
    An id as one segment of a path.

    Browsers take ``.`` and ``..`` for steps, however they are written, so those get a ``~`` in front, and so does what
    begins with one.
    """
    return quote(f"~{name}" if name.startswith("~") or not name.strip(".") else name, safe="")


def unsegment(name: str) -> str:
    """The id that was written so, after percent signs were read."""
    return name.removeprefix("~")


def day(time: float) -> str:
    """The day in UTC."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d")


def query(**parameters: str | float | None) -> str:
    """A query string; what is None or empty is left out."""
    told = {key: value for key, value in parameters.items() if value not in (None, "")}
    return f"?{urlencode(told)}" if told else ""


def ticket(tenant: str, findings: Sequence[Finding]) -> str:
    """The text for a ticket, of all or of one."""
    if not findings:
        return "Nobody is remembered."
    told = text.render(findings, day(min(finding.summary.start for finding in findings)))
    return f"tenant {words.plain(tenant)}, {told}" if tenant else told


def document(
    title: str, root: str, crumbs: list[tuple[str, str]], body: Markup, *, is_live: bool, fixed: Markup = NOTHING
) -> str:
    """
    A page.

    ``root`` leads from it to the start page, ``crumbs`` are names and addresses of what is above it, and ``fixed`` is
    what stays while the ``body`` is brought up to date.
    """
    head = tag(
        "head", tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width,initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"), tag("link", rel="icon", href="data:,"),
        tag("title", f"{words.plain(title)} · rtc-exporter"),
        tag("link", rel="stylesheet", href=f"{root}assets/sessions.css"),
        tag("script", src=f"{root}assets/sessions.js", defer=True),
    )  # fmt: skip
    trail = [join((tag("a", words.plain(name), href=address), " › ")) for name, address in crumbs]
    pause = [tag("button", "Pause", type="button", id="pause", hidden=True, class_="live")] if is_live else []
    main = tag("main", fixed, tag("div", body, id="live" if is_live else None))
    where = tag("nav", *trail, words.plain(title), *pause, class_="crumbs", aria_label="Where this is")
    return f"<!doctype html>\n{tag('html', head, tag('body', where, main), lang='en')}\n"


def problem(title: str, why: str, root: str) -> str:
    """A page that says why there is none."""
    body = join((tag("h1", title), tag("p", why)))
    return document(title, root, [("rtc-exporter", root), ("Sessions", f"{root}sessions")], body, is_live=False)
