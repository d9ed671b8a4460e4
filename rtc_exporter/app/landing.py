"""
The start page of the operators' listener: what runs, what it holds, what came in, and how to go on.

One document without scripts, fonts or images; everything shown is ours, and is escaped all the same.
"""

from collections.abc import Iterable
from html import escape

from rtc_exporter import __version__, wire
from rtc_exporter.app.intake import Intake
from rtc_exporter.app.tally import Tally
from rtc_exporter.config import Config

NAMES = {
    "rtcstats": "rtcstats-js",
    "rtcstats-legacy": "rtcstats up to 5.x",
    "jitsi": "Jitsi",
    "jitsi-service": "Jitsi's services",
    "observertc": "ObserveRTC",
    "peermetrics": "peermetrics",
    "pushgateway": "webrtc-internals-exporter",
    "rtc-exporter": "rtc-exporter-client",
    "json": "plain JSON",
    "dump": "rtcstats dump",
    "internals": "webrtc-internals dump",
    "": "not known",
}
STYLE = """
:root { color-scheme: light dark; --line: #d0d7de; --soft: #57606a; --back: #f6f8fa; --good: #1a7f37; --bad: #b35900 }
@media (prefers-color-scheme: dark) {
  :root { --line: #373e47; --soft: #9aa4af; --back: #22272e; --good: #57ab5a; --bad: #daaa3f }
}
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 2rem 1rem }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
p { margin: .25rem 0 .75rem } .soft { color: var(--soft) } .good { color: var(--good) } .bad { color: var(--bad) }
dl { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0 }
dl div, pre { background: var(--back); border: 1px solid var(--line); border-radius: 6px }
dl div { padding: .5rem 1rem; min-width: 8rem }
dt { color: var(--soft); font-size: .85rem } dd { margin: 0; font-size: 1.4rem; font-variant-numeric: tabular-nums }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
th { font-weight: 600; font-size: .85rem; color: var(--soft) }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
pre { padding: .75rem 1rem; overflow-x: auto; font-size: .85rem; margin: .5rem 0 }
code { font-family: ui-monospace, monospace; font-size: .9em }
"""


def page(intake: Intake, ingest: str, admin: str, started: float, is_ready: bool, now: float) -> str:
    """The whole document."""
    status = intake.tenants.status()
    held = (
        ("sessions", status.sessions),
        ("participants", status.participants),
        ("peer connections", status.peer_connections),
        ("series", status.series),
    )
    numbers = "".join(f"<div><dt>{name}</dt><dd>{value:,}</dd></div>" for name, value in held)
    return f"""{head(is_ready, now - started)}
<h2>Held now</h2><dl>{numbers}</dl>
<h2>What came in</h2>
<div class="wide"><table><thead><tr><th>format</th><th class="n">connections</th><th class="n">opened</th>
<th class="n">reports</th><th class="n">repeated</th><th class="n">refused</th><th>last refused</th></tr></thead>
<tbody>{"".join(_rows(intake, now))}</tbody></table></div>
<h2>Look further</h2>
<p><a href="sessions">Look a session up</a></p>
<p><a href="metrics">metrics</a> (<a href="metrics?tier=cohort">cohorts</a>,
<a href="metrics?tier=participant">participants</a>, <a href="metrics?tier=self">the exporter itself</a>) ·
<a href="-/healthy">healthy</a> · <a href="-/ready">ready</a> · <a href="openapi.json">OpenAPI</a></p>
{connect(intake.config, ingest)}
{scrape(admin)}
</body></html>
"""


def head(is_ready: bool, age: float) -> str:
    """What every start page begins with."""
    state = '<span class="good">ready</span>' if is_ready else '<span class="bad">not ready</span>'
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>rtc-exporter</title><style>{STYLE}</style></head><body>
<h1>rtc-exporter</h1>
<p>Turns what WebRTC clients report about a call into metrics for Prometheus.</p>
<p class="soft">Version {escape(__version__)} · {state} · up {span(age)}</p>"""


def span(seconds: float) -> str:
    """A time span in its two largest units."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        number, left = divmod(left, size)
        if number or (unit == "s" and not parts):
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2])


def _rows(intake: Intake, now: float) -> Iterable[str]:
    for name, tally in intake.tallies.items():
        if name or tally.refused:
            yield _row(NAMES.get(name, name), tally, now)


def _row(name: str, tally: Tally, now: float) -> str:
    numbers = (tally.open, tally.opened, tally.accepted, tally.dropped, tally.refused.total())
    cells = "".join(f'<td class="n">{number:,}</td>' for number in numbers)
    last = '<span class="soft">none</span>'
    if tally.last is not None:
        detail = f": {escape(tally.last.detail)}" if tally.last.detail else ""
        last = f"<code>{escape(tally.last.reason)}</code>{detail}, {span(now - tally.last.time)} ago"
    return f"<tr><td>{escape(name)}</td>{cells}<td>{last}</td></tr>"


def connect(config: Config, ingest: str) -> str:
    """How clients are pointed here."""
    if not config.keys.is_empty:
        how = "The token names session and participant, and is signed with a key that the exporter knows."
        browser = f"trace.connect(`ws://{ingest}/?rtcstats-token=${{token}}`);"
        own = f"createReporter(pc, {{url: `ws://{ingest}/?rtcstats-token=${{token}}`}});"
        post = f"curl -H 'Authorization: Bearer TOKEN' --json @report.json http://{ingest}/v1/reports"
    else:
        how = "No key is set: clients on this machine need no token, and the URL names session and participant."
        browser = f"trace.connect('ws://{ingest}/v1/rtcstats/SESSION/PARTICIPANT');"
        own = f"createReporter(pc, {{url: 'ws://{ingest}/v1/rtc-exporter/SESSION/PARTICIPANT'}});"
        post = f"curl --json @report.json http://{ingest}/v1/reports/SESSION/PARTICIPANT"
    dump = post.replace("--json @report.json", "--data-binary @dump.gz").replace("/v1/reports", "/v1/dumps")
    return f"""<h2>Connect a client</h2><p>{how}</p>
<pre>// rtcstats-js in a page
{escape(browser)}

// rtc-exporter-client in a page without a library
{escape(own)}

# anything else
{escape(post)}
{escape(dump)}</pre>
<p>What other clients are pointed at; docs/connect.md says for each what to paste, and what to check.</p>
<div class="wide"><table><thead><tr><th>client</th><th>address</th></tr></thead>
<tbody>{"".join(_addresses(ingest))}</tbody></table></div>"""


def _addresses(ingest: str) -> Iterable[str]:
    for form in wire.FORMATS:
        scheme = "ws" if form.media.startswith("websocket") and not form.address.startswith("/v1/reports") else "http"
        address = f"{scheme}://{ingest}{form.address}"
        yield f"<tr><td>{escape(NAMES[form.name])}</td><td><code>{escape(address)}</code></td></tr>"


def scrape(admin: str) -> str:
    """How Prometheus is."""
    return f"""<h2>Scrape it</h2>
<pre>scrape_configs:
  - job_name: rtc-exporter
    static_configs:
      - targets: ["{escape(admin)}"]</pre>"""
