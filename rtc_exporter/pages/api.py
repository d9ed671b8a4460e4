"""The same as JSON.  Times are Unix seconds; what is not known is null or left out, and never 0."""

from collections.abc import Mapping, Sequence
from typing import Any

from rtc_exporter.explain import document, panels
from rtc_exporter.lookup import SORTS, Row, View, worst_first
from rtc_exporter.pages.listing import Asked
from rtc_exporter.pages.shell import ticket
from rtc_exporter.samples import CHANNELS

#: Channel -> its unit (UCUM), as the pictures have it; scores and levels have none.
UNITS = {name: panel.unit for panel in panels.PANELS for name, _ in panel.lines}
NAMES = tuple(channel.name for channel in CHANNELS)


def listing(rows: Sequence[Row], asked: Asked, total: int | None = None) -> dict[str, Any]:
    """A page of the list; of ``total``, where only those that come first are given."""
    shown = sorted(rows, key=SORTS[asked.sort])[asked.offset : asked.offset + asked.limit]
    return {
        "total": len(rows) if total is None else total,
        "offset": asked.offset,
        "sessions": [_row(row) for row in shown],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "tenant": row.tenant,
        "session": row.session,
        "live": row.is_live,
        "begin": round(row.begin, 3),
        "end": None if row.is_live else round(row.end, 3),
        "duration": round(row.age, 3),
        "class": row.quality,
        "score": None if row.score is None else round(row.score, 2),
        "issues": dict(row.issues),
        "paths": list(row.paths),
        "participants": list(row.people),
    }


def row_of(told: Mapping[str, Any]) -> Row:
    """A row as it was, from the JSON of one process of several."""
    return Row(
        told["tenant"], told["session"], told["live"], told["begin"], told["begin"] + told["duration"],
        tuple(told["participants"]), told["class"], told["score"], told["issues"], tuple(told["paths"]),
    )  # fmt: skip


def session(view: View) -> dict[str, Any]:
    """One session, everybody in it explained."""
    people = worst_first(view.people)
    told = document.document([who.finding for who in people])["participants"]
    assert isinstance(told, list)
    return {
        **_head(view),
        "participants": [
            {**one, "here": who.is_here, "trace_id": who.trace or None}
            for one, who in zip(told, people, strict=True)
        ],
        "heard": [
            {
                "receiver": receiver,
                "sender": sender,
                "seconds": round(heard.seconds, 3),
                "issues": {name: round(seconds, 3) for name, seconds in heard.issues.items()},
            }
            for (receiver, sender), heard in view.pairs.items()
        ],
        "other_begins": list(view.others),
        "around": dict(view.around),
        "alike": [{**one._asdict(), "sessions": dict(one.sessions)} for one in view.alike],
        "text": ticket(view.tenant, [who.finding for who in people]),
    }  # fmt: skip


def participant(view: View, name: str) -> dict[str, Any] | None:
    """Every stay of one participant with what was measured; None where nobody is so called."""
    stays = [who for who in view.people if who.name == name]
    if not stays:
        return None
    told = document.document([who.finding for who in stays])["participants"]
    assert isinstance(told, list)
    return {
        **_head(view),
        "participant": name,
        "stays": [
            {
                **one,
                "here": who.is_here,
                "trace_id": who.trace or None,
                "events": [
                    {"time": round(note.time, 3), "event": note.name, "text": note.label}
                    for note in who.finding.happened
                ],
                "setup": [
                    {**stage._asdict(), "begin": round(stage.begin, 3), "end": round(stage.end, 3)}
                    for stage in who.finding.stages
                ],
                "series": {
                    name: {
                        "unit": UNITS.get(name, ""),
                        "points": [[round(time, 3), float(f"{value:.6g}")] for time, value in who.finding.series[name]],
                    }
                    for name in NAMES
                    if name in who.finding.series
                },
            }
            for one, who in zip(told, stays, strict=True)
        ],
    }  # fmt: skip


def _head(view: View) -> dict[str, Any]:
    return {
        "tenant": view.tenant,
        "session": view.session,
        "live": view.is_live,
        "begin": round(view.begin, 3),
        "end": None if view.is_live else round(view.end, 3),
    }
