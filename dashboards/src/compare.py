"""Comparisons: the groups of a label with one another, and a release with the one before it."""

from dashboards.src.promql import BAD, FAILS, JUDGED, RANGE, TRIED, more, over, part, some, spoiled
from tools.rules import wilson


def group_share(name: str, by: str, *matchers: str) -> dict[str, str]:
    """Share, its lower bound and its minutes, for the groups of a label; five minutes of a call are one observation."""
    some, all = (more(name, which, *matchers, by=by) for which in (BAD, JUDGED))
    bad = f"({some} or 0 * {all})"
    return {
        "share": part(bad, all),
        "bound": f"clamp_min({wilson(f'({bad} / 300)', f'({all} / 300 > 0)')}, 0)",
        "minutes": f"{all} / 60",
    }


def named(prefix: str, told: dict[str, str]) -> dict[str, str]:
    """Queries of a comparison under the names of the table."""
    return {f"{prefix}_{name}": query for name, query in told.items()}


#: What the baseline is held to: all that is chosen of it, and never the candidate itself.
CHOSEN = {"candidate": '$axis=~"$candidate"', "baseline": '$axis=~"$baseline",$axis!~"$candidate"'}


def _release(which: str) -> dict[str, str]:
    """What is compared of one release; ``$axis`` is the label that tells releases apart."""
    chosen = CHOSEN[which]
    rows = {
        "Poor or bad call time": spoiled("rtc.participant.quality.time", chosen, range=RANGE),
        "Failed attempts to connect": some(
            more("rtc.connection.attempts", FAILS, chosen), more("rtc.connection.attempts", TRIED, chosen)
        ),
        "Slow to connect (over 5 s)": over("rtc.setup.duration", 5.0, 'rtc_setup_stage="total"', chosen, range=RANGE),
        "Low score (under 3.5)": f"1 - ({over('rtc.participant.quality.score', 3.5, chosen, range=RANGE)})",
        "Refused camera or microphone": some(
            more("rtc.api.errors", 'rtc_api_method="getUserMedia"', chosen),
            more("rtc.api.calls", 'rtc_api_method="getUserMedia"', chosen),
        ),
        "Abnormal ends": some(
            more("rtc.participant.leaves", 'rtc_leave_reason=~"timeout|error"', chosen),
            more("rtc.participant.leaves", chosen),
        ),
    }
    return {title: f'label_replace({query}, "what", "{title}", "", "")' for title, query in rows.items()}


def releases(which: str) -> str:
    """All that is compared of one release, a row each."""
    return "\nor\n".join(_release(which).values())


#: 0 too little, 1 same, 2 better, 3 worse: worse where the lower bound of one is above the upper of the other.
def verdict() -> str:
    """What the two together say."""
    bounds = {}
    for which in ("candidate", "baseline"):
        some, time = (more("rtc.participant.quality.time", quality, CHOSEN[which]) for quality in (BAD, JUDGED))
        bad, all = f"(({some} or 0 * {time}) / 300)", f"({time} / 300)"
        bounds[which] = wilson(bad, f"({all} > 0)"), wilson(f"({all} - {bad})", f"({all} > 0)"), all
    new, old = bounds["candidate"], bounds["baseline"]
    worse, better = f"(({new[0]}) > bool (1 - ({old[1]})))", f"((1 - ({new[1]})) < bool ({old[0]}))"
    # 200 minutes of both are 40 observations.
    return f"(1 + {better} + 2 * {worse}) * ({new[2]} >= bool 40) * ({old[2]} >= bool 40)"
