"""
Random histories of calls, told in deltas (R5).

What a client tells in deltas is what it would have told in full; the same delta twice changes nothing; counters do
not go back, whatever the order in which frames come; and the sums over several processes are those of one.
"""

import json
import random
from typing import Any

from rtc_exporter import w3c
from rtc_exporter.choices import PipelineSettings
from rtc_exporter.errors import ClientError
from rtc_exporter.model import ParticipantKey, Report
from rtc_exporter.pipeline import Pipeline
from rtc_exporter.wire.codes import MEMBERS
from rtc_exporter.wire.rtcstats import Decoder
from tests.hostile.kit import Ledger, main

T0 = 1_795_171_685_556
CODES = {name: str(code) for code, name in MEMBERS.items()}
TYPES = {"inbound-rtp": 1, "outbound-rtp": 2, "transport": 5}
NUMBERS = {kind: [name for name in w3c.STATS[kind].numbers if name in CODES] for kind in TYPES}


def history(chance: random.Random, reports: int) -> list[dict[str, dict[str, Any]]]:
    """A call: objects come and go, counters grow, gauges move."""
    objects: dict[str, dict[str, Any]] = {}
    told = []
    for number in range(reports):
        if not objects or chance.random() < 0.2:
            kind = chance.choice(list(TYPES))
            objects[f"{kind[0]}{number}"] = {
                "type": kind,
                "kind": chance.choice(("audio", "video")),
                "ssrc": number + 1,
            }
        if len(objects) > 1 and chance.random() < 0.1:
            del objects[chance.choice(list(objects))]
        for members in objects.values():
            names = NUMBERS[members["type"]]
            for name in chance.sample(names, min(len(names), chance.randint(0, 5))):
                members[name] = members.get(name, 0) + chance.randint(0, 1000)
        told.append({id: dict(members) for id, members in objects.items()})
    return told


def deltas(told: list[dict[str, dict[str, Any]]]) -> list[str]:
    """The same as a client of rtcstats-js writes it: what changed, null for what is gone."""
    frames = [json.dumps([39, "PC_0", None, T0])]
    before: dict[str, dict[str, Any]] = {}
    for number, stats in enumerate(told):
        delta: dict[str, Any] = {id: None for id in before if id not in stats}
        for id, members in stats.items():
            known = before.get(id, {})
            changes = {
                ("type" if name == "type" else CODES[name]): (TYPES[value] if name == "type" else value)
                for name, value in members.items()
                if known.get(name) != value
            }
            if changes:
                delta[id] = changes
        delta["t"] = T0 + 1000 * number
        frames.append(json.dumps(["g", "PC_0", delta, 1000], separators=(",", ":")))
        before = stats
    return frames


def run(is_long: bool = False) -> Ledger:
    """10,000 histories, as the goal has it; in CI 600."""
    ledger = Ledger("deltas: random histories")
    number = 10_000 if is_long else 600
    right = same = forward = equal = 0
    chance = random.Random(4711)
    for seed in range(number):
        told = history(chance, chance.randint(2, 12))
        frames = deltas(told)
        right += _rebuilds(told, frames)
        same += _repeats(told, frames)
        if seed % 10 == 0:
            forward += _goes_forward(chance, frames)
            equal += _adds_up(chance)
    ledger.account("histories in deltas", number, counted=right)
    ledger.account("deltas that came twice", number, counted=same)
    ledger.account("histories in any order", number // 10, counted=forward)
    ledger.account("calls over three processes", number // 10, counted=equal)
    return ledger


def _rebuilds(told: list[dict[str, dict[str, Any]]], frames: list[str]) -> bool:
    decoder = Decoder(ParticipantKey("s", "p"))
    found = []
    for number, frame in enumerate(frames):
        for record in decoder.receive(frame, T0 / 1000 + number):
            if isinstance(record, Report):
                found.append({id: dict(members) for id, members in record.stats.items()})
    return found == told and not decoder.refused


def _repeats(told: list[dict[str, dict[str, Any]]], frames: list[str]) -> bool:
    decoder = Decoder(ParticipantKey("s", "p"))
    last: Report | None = None
    for number, frame in enumerate((*frames, frames[-1])):
        for record in decoder.receive(frame, T0 / 1000 + number):
            last = record if isinstance(record, Report) else last
    return last is not None and {id: dict(members) for id, members in last.stats.items()} == told[-1]


def _totals(pipeline: Pipeline) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (family.metric.name, values): float(getattr(slot, "value", 0.0))
        for family in pipeline.store.families()
        if family.metric.kind.value == "counter" and not family.metric.name.startswith("rtc.exporter.")
        for values, slot in family.series.items()
    }


def _goes_forward(chance: random.Random, frames: list[str]) -> bool:
    pipeline = Pipeline(PipelineSettings(fold_interval=0.0), T0 / 1000)
    decoder = Decoder(ParticipantKey("s", "p"))
    mixed = [frames[0], *chance.sample(frames[1:], len(frames) - 1)]
    before: dict[tuple[str, tuple[str, ...]], float] = {}
    for number, frame in enumerate(mixed):
        try:
            for record in decoder.receive(frame, T0 / 1000 + number):
                pipeline.feed(record, T0 / 1000 + number)
        except ClientError:
            continue
        after = _totals(pipeline)
        if any(after.get(key, 0.0) < value for key, value in before.items()):
            return False
        before = after
    return True


def _adds_up(chance: random.Random) -> bool:
    """Participants over three pipelines, and over one."""
    one = Pipeline(PipelineSettings(fold_interval=0.0), T0 / 1000)
    several = [Pipeline(PipelineSettings(fold_interval=0.0), T0 / 1000) for _ in range(3)]
    for number in range(4):
        frames = deltas(history(chance, 6))
        for pipeline in (one, several[number % 3]):
            decoder = Decoder(ParticipantKey(f"s{number}", "p"))
            for index, frame in enumerate(frames):
                for record in decoder.receive(frame, T0 / 1000 + index):
                    pipeline.feed(record, T0 / 1000 + index)
    together: dict[tuple[str, tuple[str, ...]], float] = {}
    for pipeline in several:
        pipeline.shutdown(T0 / 1000 + 60)
        for key, value in _totals(pipeline).items():
            together[key] = together.get(key, 0.0) + value
    one.shutdown(T0 / 1000 + 60)
    return all(abs(together.get(key, 0.0) - value) < 1e-6 * max(1.0, value) for key, value in _totals(one).items())


if __name__ == "__main__":
    main(run)
