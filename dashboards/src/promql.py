"""
How queries are written: what is chosen on a dashboard, and the forms in which a series is asked for.

Names of series, of failures and of what counts as trouble come from ``tools.queries``, which the alerts are made of.
Shares are asked over ``$__rate_interval`` where they are drawn, over a quarter of an hour where one number says "now",
and over ``$__range`` in tables that compare.

An application need not say what it is called, and there need not be tenants, so the matchers of variables let an absent
label pass (``.*``).
"""

from rtc_exporter import catalog
from rtc_exporter.metric import label
from tools.queries import APP, COUNTRY, FAILED, TENANT, TROUBLE, VERSION, le, series

JOBS = 'job=~"$job"'
#: Whose it is: the tenants, and of these the applications, that are chosen.
SOMEBODYS = f'{TENANT}=~"$tenant"'
WHOSE = f'{SOMEBODYS},{APP}=~"$app"'
#: The same for alerts, with those that are nobody's: of the exporter.
OR_NOBODYS = f'{TENANT}=~"|$tenant",{APP}=~"|$app"'
#: Ids are a tenant's own: two may have a session of the same name.
ONE = f'{SOMEBODYS},session_id="$session"'
PERSON = f"{TENANT}, rtc_participant_id"
SESSION, WHO = f"{TENANT}, session_id", f"{TENANT}, session_id, rtc_participant_id"
RATE, NOW, RANGE = "$__rate_interval", "15m", "$__range"
KIND, BROWSER, SYSTEM = label(catalog.KIND), label(catalog.BROWSER), label(catalog.OS)
PROVIDER = "rtc_client_as"
NETWORK, CANDIDATE, TRANSPORT = "network_connection_type", "rtc_ice_candidate_type", "rtc_ice_transport"
BAD, WELL, JUDGED = 'rtc_quality=~"poor|bad"', 'rtc_quality=~"good|fair"', 'rtc_quality!="unclassified"'
FAILS, TRIED = f'rtc_outcome=~"{FAILED}"', 'rtc_outcome!="abandoned"'
SUFFERS = f'rtc_severity=~"{TROUBLE}"'
#: How much of something there has to be before it is compared, as a variable.
ENOUGH = "$minutes"


def of(name: str, *matchers: str, part: str = "") -> str:
    """A series of the cohorts that are chosen."""
    return series(name, JOBS, WHOSE, *matchers, part=part)


def rate(name: str, *matchers: str, by: str = "", range: str = RATE, part: str = "") -> str:
    """A counter, a second, summed by labels."""
    return f"sum{f' by ({by})' if by else ''} (rate({of(name, *matchers, part=part)}[{range}]))"


def more(name: str, *matchers: str, by: str = "", range: str = RANGE, part: str = "") -> str:
    """What a counter gained."""
    return f"sum{f' by ({by})' if by else ''} (increase({of(name, *matchers, part=part)}[{range}]))"


def part(bad: str, all: str) -> str:
    """A share; where there is nothing, there is no share of it."""
    return f"{bad} / {all}" if all.startswith("scalar(") else f"{bad} / ({all} > 0)"


def scalar(value: str) -> str:
    """One number beside a whole vector."""
    return f"scalar({value} > 0)"


def some(bad: str, all: str) -> str:
    """A share of what is rare: 0 where there is no series of it yet."""
    return part(f"({bad} or 0 * {all})", all)


def each_hour(name: str, *matchers: str) -> str:
    """How often something happens in an hour that a participant is in a call."""
    return f"3600 * {some(rate(name, *matchers), rate('rtc.participant.quality.time'))}"


def spoiled(name: str, *matchers: str, which: str = BAD, by: str = "", range: str = RATE) -> str:
    """The share of judged call time that was poor or bad: 0 also where none ever was, and there is no series of it."""
    time, all = (rate(name, quality, *matchers, by=by, range=range) for quality in (which, JUDGED))
    return some(time, all)


def spread(name: str, *matchers: str) -> str:
    """How values are spread, for a heatmap: raw, since only raw series have exemplars."""
    return f"sum by (le) (rate({of(name, *matchers, part='bucket')}[{RATE}]))"


def most(quantile: float, name: str, *matchers: str, by: str = "", range: str = RATE) -> str:
    """A quantile of a histogram."""
    return f"histogram_quantile({quantile}, {rate(name, *matchers, by=f'le, {by}' if by else 'le', range=range, part='bucket')})"


def over(name: str, bound: float, *matchers: str, by: str = "", range: str = RATE) -> str:
    """The share of observations above one of the bounds of a histogram."""
    if bound not in catalog.BY_NAME[name].buckets:
        raise ValueError(f"{bound:g} is no bound of {name}")
    under = rate(name, le(bound), *matchers, by=by, range=range, part="bucket")
    return f"1 - {part(under, rate(name, *matchers, by=by, range=range, part='count'))}"


def live(name: str, *matchers: str) -> str:
    """A series of live participants."""
    return series(name, JOBS, *matchers)


def mine(name: str, *matchers: str) -> str:
    """A series of one participant."""
    return live(name, ONE, 'rtc_participant_id="$participant"', *matchers)


def ours(name: str, *matchers: str, part: str = "") -> str:
    """A series about the exporter."""
    return series(name, JOBS, *matchers, part=part)


def process(name: str, *matchers: str, part: str = "") -> str:
    """A series about the process, which is no tenant's."""
    return ours(name, f'{TENANT}=""', *matchers, part=part)


def ours_rate(name: str, *matchers: str, by: str = "", part: str = "") -> str:
    """A counter of the exporter, a second."""
    return f"sum{f' by ({by})' if by else ''} (rate({ours(name, *matchers, part=part)}[{RATE}]))"


#: One row for each live participant, with its labels: after a change of network there are two for a moment.
INFO = f"topk by ({WHO}) (1, {live('rtc.participant.info', WHOSE)})"
LABELS = f"{APP}, {VERSION}, {BROWSER}, user_agent_version, {SYSTEM}, {COUNTRY}, {PROVIDER}, {NETWORK}, {CANDIDATE}, {TRANSPORT}"


def told(value: str, labels: str = APP) -> str:
    """A value of participants, with labels of who they are; also chooses by application."""
    return f"{value} * on ({WHO}) group_left ({labels}) {INFO}"


def weighed(*matchers: str) -> str:
    """Open issues: 100 for a critical one, 1 for a warning, so that the gravest comes first."""
    critical, warning = (
        live("rtc.issue.active", f'rtc_severity="{each}"', *matchers) for each in ("critical", "warning")
    )
    return f"(100 * ({critical} > bool 0) or ({warning} > bool 0))"


#: Issues that say of a participant itself that its calls are bad; ``peer`` says that somebody else's are.
OWN = 'rtc_side!~"peer|user"'
