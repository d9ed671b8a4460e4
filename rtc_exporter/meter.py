"""
From folds to series: the one place where the rows of ``catalog.METRICS`` meet stats objects.

The hot part of the program after the socket.  Label values of a stats object are looked up once
and kept in a ``Plan`` that all objects with the same labels share; a fold then only adds numbers
to slots.  A plan fills itself: a series exists from the moment that a browser reports its member,
so what a browser does not report is absent and not zero.
"""

from collections.abc import Mapping
from typing import NamedTuple

from rtc_exporter import catalog, signals, transitions
from rtc_exporter.delta import Fold, MonitoredObject
from rtc_exporter.labels import Labels
from rtc_exporter.metric import Metric, Source, Tier
from rtc_exporter.model import Member, Members, Stats
from rtc_exporter.series import Counter, Gauge, Histogram, SeriesStore
from rtc_exporter.sessions import TOTALS, Participant, PeerConnection

#: W3C RTCStats.type -> rows of the catalogue that count one of its members, and that read one of its signals.
COUNTED: dict[tuple[str, str], tuple[Metric, Source]] = {}
OBSERVED: dict[str, list[tuple[Metric, Source]]] = {}
LIVE: dict[str, list[tuple[Metric, Source]]] = {}
for _metric in catalog.METRICS:
    for _source in _metric.sources:
        if _metric.tier is Tier.PARTICIPANT:
            LIVE.setdefault(_source.stats, []).append((_metric, _source))
        elif _source.member:
            COUNTED[_source.stats, _source.member] = (_metric, _source)
        else:
            OBSERVED.setdefault(_source.stats, []).append((_metric, _source))

_DIRECTIONS = {"inbound-rtp": "inbound", "outbound-rtp": "outbound"}
_NO_SLOT = None


class Observed(NamedTuple):
    """A signal on its way into a series: ``family`` is None where the profile leaves it out."""

    signal: signals.Signal
    metric: Metric | None
    source: Source
    live: tuple[Metric, ...]


class Plan:
    """Where the members and signals of objects with the same labels go."""

    __slots__ = ("counters", "generation", "labels", "observed", "slots", "stats")

    def __init__(self, stats: str, labels: Mapping[str, str], observed: tuple[Observed, ...], generation: int) -> None:
        self.stats = stats
        self.labels = labels
        self.observed = observed
        self.generation = generation
        self.counters: dict[str, Counter | None] = {}
        self.slots: dict[int, Counter | Histogram] = {}


class Meter:
    """Turns folds into series."""

    def __init__(self, store: SeriesStore, labels: Labels) -> None:
        self._store = store
        self._labels = labels
        self._generation = store.generation
        self._plans: dict[tuple[object, ...], Plan] = {}
        self._observed = {stats: self._observe(stats) for stats in OBSERVED.keys() | LIVE.keys()}

    def record(self, participant: Participant, connection: PeerConnection, fold: Fold, now: float) -> None:
        """Everything that a fold of this peer connection says goes into the store."""
        self._find_path(participant, connection, fold, now)
        if self._generation != self._store.generation:
            self._plans.clear()
            self._generation = self._store.generation
        values: dict[tuple[str, str], list[float]] = {}
        is_late = connection.setup.created is None
        for thing in fold.changed:
            plan = thing.notes
            key = self._key(participant, connection, thing, fold.stats)
            if not isinstance(plan, tuple) or plan[0] != key or plan[1].generation != self._generation:
                plan = thing.notes = (key, self._plan(participant, connection, thing, key, fold.stats, now))
            self._count(plan[1], thing, participant, now)
            self._judge(plan[1], thing, fold, values, now)
            for name, extra, amount in transitions.of(thing, is_late and thing.first):
                metric = catalog.BY_NAME[name]
                self._store.add(
                    name, participant.values(metric.attributes, self._labels.admit_all(extra, now)), amount, now
                )
        self._live(participant, connection, fold, values)
        self._certificates(participant, connection, fold, now)
        self._streams(participant, connection, fold, now)
        fold.settle()

    def forget(self, connection: PeerConnection) -> None:
        """The peer connection has ended: its streams are no longer live."""
        for _codec, gauge in connection.streams.values():
            if gauge is not None:
                gauge.add(-1)
        connection.streams.clear()

    def _count(self, plan: Plan, thing: MonitoredObject, participant: Participant, now: float) -> None:
        counters = plan.counters
        for member, amount in thing.increments.items():
            try:
                counter = counters[member]
            except KeyError:
                counter = counters[member] = self._counter(plan, member, now)
            if counter is not None and amount:
                counter.add(amount)
        totals = TOTALS.get(plan.stats)
        if totals:
            participant.add_totals(f"{plan.stats}/{plan.labels.get(catalog.KIND, '')}", thing.increments, totals)
        if thing.restarted:
            self._store.add("rtc.exporter.stats_object.resets", (plan.stats,), 1, now)

    def _judge(
        self, plan: Plan, thing: MonitoredObject, fold: Fold, values: dict[tuple[str, str], list[float]], now: float
    ) -> None:
        for index, (signal, metric, source, live) in enumerate(plan.observed):
            value = signal.formula(thing, fold)
            if value is None:
                continue
            if metric is not None:
                slot = plan.slots.get(index)
                if slot is None:
                    slot = plan.slots[index] = self._slot(plan, metric, source, now)
                if isinstance(slot, Histogram):
                    times = int(thing.increments.get(source.times, 0)) if source.times else 1
                    if times:
                        slot.observe(value, times)
                elif value:
                    slot.add(value)
            for gauge in live:
                kind = plan.labels.get(catalog.KIND, "") if catalog.KIND in gauge.attributes else ""
                values.setdefault((gauge.name, kind), []).append(value)

    def _live(
        self,
        participant: Participant,
        connection: PeerConnection,
        fold: Fold,
        values: dict[tuple[str, str], list[float]],
    ) -> None:
        """What the live gauges of this peer connection say now."""
        for key, several in values.items():
            metric = catalog.BY_NAME[key[0]]
            value = max(several) if metric.fold == "max" else min(several) if metric.fold == "min" else sum(several)
            if metric.smooth and key in connection.live and fold.elapsed is not None:
                before = connection.live[key][0]
                # First-order low-pass over uneven steps; the rational form needs no exponential and is as good.
                value = before + (value - before) * fold.elapsed / (fold.elapsed + metric.smooth)
            connection.live[key] = (value, fold.time)
            if metric.name == "rtc.participant.round_trip_time":
                participant.add_round_trip(value)

    def _observe(self, stats: str) -> tuple[Observed, ...]:
        """The signals of a stats type that anything published reads, each with the row that it feeds and its live gauges."""
        rows: list[Observed] = []
        by_name = {signal.name: signal for signal in signals.BY_TYPE.get(stats, ())}
        live: dict[str, list[Metric]] = {}
        for metric, source in LIVE.get(stats, ()):
            live.setdefault(source.signal, []).append(metric)
        for metric, source in OBSERVED.get(stats, ()):
            if self._store.family(metric.name) is not None:
                rows.append(Observed(by_name[source.signal], metric, source, tuple(live.pop(source.signal, ()))))
        rows += [Observed(by_name[name], None, Source(stats), tuple(gauges)) for name, gauges in live.items()]
        return tuple(rows)

    def _key(
        self, participant: Participant, connection: PeerConnection, thing: MonitoredObject, stats: Stats
    ) -> tuple[object, ...]:
        """What the labels of an object hang on; while it is unchanged the plan holds."""
        members = thing.members
        if thing.type == "candidate-pair":
            local = stats.get(str(members.get("localCandidateId", "")), {})
            return (thing.type, participant.event, *map(local.get, PATH_MEMBERS))
        if thing.type in STREAMS:
            codec = signals.codec_of(thing, stats)
            powered = members.get("powerEfficientDecoder", members.get("powerEfficientEncoder"))
            return (thing.type, participant.event, members.get("kind"), codec, powered)
        return (thing.type, participant.event)

    def _plan(
        self,
        participant: Participant,
        connection: PeerConnection,
        thing: MonitoredObject,
        key: tuple[object, ...],
        stats: Stats,
        now: float,
    ) -> Plan:
        plan = self._plans.get(key)
        if plan is not None:
            return plan
        extra: dict[str, str] = {}
        if thing.type == "candidate-pair":
            extra = self._labels.admit_all(_path(thing.members, stats), now)
        elif thing.type in STREAMS:
            kind, codec, powered = key[2], key[3], key[4]
            extra = self._labels.admit_all({catalog.KIND: str(kind or ""), catalog.CODEC: str(codec or "")}, now)
            if isinstance(powered, bool):
                extra["rtc.hardware_accelerated"] = "true" if powered else "false"
        plan = Plan(thing.type, {**participant.cohort, **extra}, self._observed.get(thing.type, ()), self._generation)
        self._plans[key] = plan
        return plan

    def _counter(self, plan: Plan, member: str, now: float) -> Counter | None:
        row = COUNTED.get((plan.stats, member))
        if row is None or self._store.family(row[0].name) is None:
            return _NO_SLOT
        slot = self._slot(plan, *row, now)
        return slot if isinstance(slot, Counter) else _NO_SLOT

    def _slot(self, plan: Plan, metric: Metric, source: Source, now: float) -> Counter | Histogram:
        family = self._store.family(metric.name)
        assert family is not None, "only published rows come here"
        fixed = dict(source.attributes)
        slot = family.slot(tuple(fixed.get(name) or plan.labels.get(name, "") for name in metric.attributes), now)
        assert isinstance(slot, Counter | Histogram), "gauges are not fed by signals"
        return slot

    def _find_path(self, participant: Participant, connection: PeerConnection, fold: Fold, now: float) -> None:
        pair = fold.stats.get(fold.selected) if fold.selected else None
        if pair is not None:
            path = _path(pair, fold.stats)
            if any(path.values()):
                connection.path = self._labels.admit_all(path, now)

    def _certificates(self, participant: Participant, connection: PeerConnection, fold: Fold, now: float) -> None:
        name = "rtc.certificate.connections"
        if self._store.family(name) is None:
            return
        for ident, members in fold.stats.items():
            if members.get("type") == "certificate" and ident not in connection.certificates:
                connection.certificates = connection.certificates | {ident}
                extra = {"rtc.certificate.algorithm": str(members.get("fingerprintAlgorithm", ""))}
                self._store.add(
                    name,
                    participant.values(catalog.BY_NAME[name].attributes, self._labels.admit_all(extra, now)),
                    1,
                    now,
                )

    def _streams(self, participant: Participant, connection: PeerConnection, fold: Fold, now: float) -> None:
        """Keep the gauge of live streams by codec: one per RTP stream, moved when its codec changes."""
        family = self._store.family("rtc.codec.streams")
        streams = connection.streams
        for ident in [ident for ident in streams if ident not in fold.objects]:
            gauge = streams.pop(ident)[1]
            if gauge is not None:
                gauge.add(-1)
        if family is None:
            return
        for thing in fold.changed:
            direction = _DIRECTIONS.get(thing.type)
            codec = signals.codec_of(thing, fold.stats) if direction else None
            if codec is None or streams.get(thing.id, ("",))[0] == codec:
                continue
            before = streams.get(thing.id)
            if before is not None and before[1] is not None:
                before[1].add(-1)
            connection.codecs |= {(str(direction), _text(thing.members.get("kind")), codec)}
            extra = {
                "rtc.media.direction": str(direction),
                catalog.CODEC: codec,
                catalog.KIND: _text(thing.members.get("kind")),
            }
            slot = family.slot(participant.values(family.metric.attributes, self._labels.admit_all(extra, now)), now)
            if isinstance(slot, Gauge):
                slot.add(1)
                streams[thing.id] = (codec, slot)


#: Members of a local candidate that the labels of a path are made of.
PATH_MEMBERS = ("candidateType", "protocol", "relayProtocol", "networkType")

#: Stats types whose series carry media kind and codec.
STREAMS = frozenset(("inbound-rtp", "outbound-rtp", "remote-inbound-rtp", "remote-outbound-rtp", "media-source"))


def _text(value: Member | None) -> str:
    return value if isinstance(value, str) else ""


def _path(pair: Members, stats: Stats) -> dict[str, str]:
    """Attributes of the path of a candidate pair: what the local candidate is."""
    local = stats.get(str(pair.get("localCandidateId", "")), {})
    relayed = local.get("candidateType") == "relay"
    return {
        "network.connection.type": str(local.get("networkType", "")),
        "rtc.ice.candidate.type": str(local.get("candidateType", "")),
        "rtc.ice.transport": str(local.get("relayProtocol", "") if relayed else "") or str(local.get("protocol", "")),
    }
