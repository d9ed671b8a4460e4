"""
How right the verdicts over the recorded calls are: ``python -m tests.accuracy``.

What was done to a call, and when, is in its ``facts.json``; from that comes what has to be found, and what may be.
*Demanded* is what an action causes for certain, within ten seconds of it.  *Wrong* is an issue of severity warning or
worse that begins outside of every action, or is of a side that none of them is.  Precision is the share of issues found
that are not wrong, recall the share of those demanded that were found.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from rich.console import Console

from rtc_exporter import explain
from rtc_exporter.explain.document import document
from rtc_exporter.rules import ISSUES
from tests.captures import DATA

CASES = sorted(path.name.removesuffix(".facts.json") for path in DATA.glob("*.facts.json"))
#: Seconds between an action and what it causes; and how long its consequences may go on to begin.
SOON, AFTER = 10.0, 15.0
#: From these on an action is more than noise: share lost, and seconds of delay each way.
LOSS, DELAY = 0.05, 0.2


class Demand(NamedTuple):
    """An issue of a side that a participant has to have; ``""`` for anybody.  Times are Unix seconds."""

    participant: str
    issue: str
    side: str
    begin: float
    end: float


class Mark(NamedTuple):
    """An issue of severity warning or worse, as it was found."""

    participant: str
    issue: str
    side: str
    begin: float


def facts(case: str) -> dict[str, Any]:
    """What was done, and what the pages saw."""
    found: dict[str, Any] = json.loads((DATA / f"{case}.facts.json").read_text(encoding="utf-8"))
    return found


@lru_cache(maxsize=64)
def explained(case: str, way: str = "frames*.jsonl.gz") -> dict[str, Any]:
    """The verdict over a case, from its recordings, or from dumps of it."""
    files = sorted(str(path) for path in DATA.glob(f"{case}.*.{way}"))
    findings, refused = explain.read(files, "" if way.startswith("frames") else case, Console(stderr=True))
    assert not refused
    return document(findings)


def demands(case: str) -> list[Demand]:
    """What the actions of a case cause for certain."""
    told = facts(case)
    return [*_network(told), *_setup(told)]


def _network(told: dict[str, Any]) -> Iterator[Demand]:
    """Everything that is done to the network is done to both directions of a call of two."""
    start, actions = told["started_at"], [action for action in told["actions"] if "net" in action]
    for place, action in enumerate(actions):
        begin = start + action["t"]
        end = start + actions[place + 1]["t"] if place + 1 < len(actions) else told["ended_at"]
        named = []
        if action.get("block"):
            # Blocked from the start, there is no call to be interrupted.
            named = ["no_media"] if action["t"] > 1 else ["ice_failed"]
        elif place and actions[place - 1].get("block"):
            continue  # it goes on as before the block
        else:
            named += ["loss"] if action.get("loss", 0) >= LOSS else []
            named += ["latency"] if action.get("delay_ms", 0) / 1000 >= DELAY else []
        for participant in sorted(told["participants"]):
            for name in named:
                # ICE takes its time to give up.
                yield Demand(participant, name, "network", begin, end if name == "ice_failed" else begin + SOON)


def _setup(told: dict[str, Any]) -> Iterator[Demand]:
    for participant, seen in told["participants"].items():
        kinds = {(error["type"], error.get("name", "")) for error in seen["errors"]}
        if ("gum-failed", "NotAllowedError") in kinds:
            yield Demand(participant, "capture_failed", "user", told["started_at"], told["ended_at"])
        if ("gum-failed", "NotFoundError") in kinds:
            yield Demand(participant, "capture_failed", "device", told["started_at"], told["ended_at"])
        if any(error["type"] == "candidate-error" and error.get("code") == 401 for error in seen["errors"]):
            yield Demand(participant, "turn_unreachable", "application", told["started_at"], told["ended_at"])


def marks(case: str) -> list[Mark]:
    """What was found that somebody has to act on."""
    return [
        Mark(row["participant"], issue["issue"], issue["side"], issue["begin"])
        for row in explained(case)["participants"]
        for issue in row["issues"]
        if issue["severity"] != "info"
    ]


def wrong(case: str) -> list[Mark]:
    """What nobody did: of another side, or at another time, than what was done to the call."""
    allowed = stretches(case)
    return [
        mark
        for mark in marks(case)
        if not any(mark.side == side and begin - 1 <= mark.begin <= end + AFTER for side, begin, end in allowed)
    ]


def stretches(case: str) -> list[tuple[str, float, float]]:
    """From when to when something was done to a call, and whose matter that was."""
    told = facts(case)
    start, ended = told["started_at"], told["ended_at"]
    network = [action for action in told["actions"] if "net" in action]
    found = [
        ("network", start + action["t"], start + network[place + 1]["t"] if place + 1 < len(network) else ended)
        for place, action in enumerate(network)
        if action["net"] != "clear"
    ]
    return found + [(demand.side, demand.begin, demand.end) for demand in _setup(told)]


def found(case: str, demand: Demand) -> bool:
    """Whether an issue was found that has to be."""
    return any(
        (mark.participant, mark.issue, mark.side) == (demand.participant, demand.issue, demand.side)
        and demand.begin - 1 <= mark.begin <= demand.end
        for mark in marks(case)
    )


def main() -> None:
    """Print what was found, missed and wrong in each case, and what that makes over all."""
    total = errors = demanded = missed = 0
    for case in CASES:
        start, several, bad, wanted = facts(case)["started_at"], marks(case), wrong(case), demands(case)
        gone = [demand for demand in wanted if not found(case, demand)]
        print(f"{case:16} found {len(several):3}, wrong {len(bad)}; demanded {len(wanted)}, missed {len(gone)}")
        for mark in bad:
            print(f"    wrong: {mark.participant} {mark.issue} ({mark.side}) at {mark.begin - start:.0f} s")
        for demand in gone:
            why = "" if demand.issue in ISSUES else ", for which there is no rule"
            print(f"    missed: {demand.participant} {demand.issue} ({demand.side}){why}")
        total, errors = total + len(several), errors + len(bad)
        demanded, missed = demanded + len(wanted), missed + len(gone)
    print(
        f"precision {(total - errors) / total:.3f} ({total - errors} of {total}), "
        f"recall {(demanded - missed) / demanded:.3f} ({demanded - missed} of {demanded})"
    )


if __name__ == "__main__":
    main()
