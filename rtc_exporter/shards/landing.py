"""The start page in front of several processes: who they are, how they do, and how to go on."""

from collections.abc import Sequence

from rtc_exporter.app.landing import connect, head, scrape
from rtc_exporter.config import Config
from rtc_exporter.shards.child import Child


def page(children: Sequence[Child], config: Config, ingest: str, admin: str, is_ready: bool, age: float) -> str:
    """The whole document; ``age``: seconds since the start."""
    return f"""{head(is_ready, age)}
<h2>Shards</h2>
<p>Each session belongs to one of them, and each is a process of its own.</p>
<div class="wide"><table><thead><tr><th>shard</th><th>state</th><th class="n">process</th>
<th class="n">connections handed to it</th><th class="n">restarts</th></tr></thead>
<tbody>{"".join(map(_row, children))}</tbody></table></div>
<h2>Look further</h2>
<p><a href="sessions">Look a session up</a></p>
<p><a href="metrics">metrics</a> of all shards (<a href="metrics?tier=cohort">cohorts</a>,
<a href="metrics?tier=participant">participants</a>, <a href="metrics?tier=self">the exporter itself</a>) ·
<a href="-/healthy">healthy</a> · <a href="-/ready">ready</a> · <a href="openapi.json">OpenAPI</a></p>
{connect(config, ingest)}
{scrape(admin)}
</body></html>
"""


def _row(child: Child) -> str:
    state = '<span class="good">up</span>' if child.is_up else '<span class="bad">down</span>'
    name = f'<a href="shards/{child.name}/">{child.name}</a>' if child.is_up else child.name
    return (
        f'<tr><td>{name}</td><td>{state}</td><td class="n">{child.pid or ""}</td>'
        f'<td class="n">{child.handed:,}</td><td class="n">{child.restarts:,}</td></tr>'
    )
