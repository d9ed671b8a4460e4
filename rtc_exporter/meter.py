"""
From folds to series: the one place where the rows of ``catalog.METRICS`` meet stats objects.

The hot part of the program after the socket.  The labels of a stats object are looked up once and kept
in a ``Route`` that all objects with the same labels share; a fold then only adds numbers to slots.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rtc_exporter import catalog, routes, signals, transitions
from rtc_exporter.delta import Fold, MonitoredObject
from rtc_exporter.labels import Labels
from rtc_exporter.model import LiveKey, Member, Members, Stats
from rtc_exporter.routes import Route
from rtc_exporter.series import ExemplarLabels, Gauge, SeriesStore
from rtc_exporter.sessions import TOTALS, Participant, PeerConnection
from rtc_exporter.signals import UNREAD, unread

#: Routes that are kept.  Real clients need some hundreds; one that makes words up only makes us look them up again.
ROUTES = 10_000

#: Reasons to take a route that are kept with it.
FOLLOWED = 64

#: Certificates of one peer connection that are told apart; two are usual.
CERTIFICATES = 16

#: Members of a local candidate that the labels of a path are made of.
PATH_MEMBERS = ("candidateType", "protocol", "relayProtocol", "networkType")

#: Stats types whose series carry media kind and codec; and the ones of them that are streams of this participant.
STREAMS = frozenset(("inbound-rtp", "outbound-rtp", "remote-inbound-rtp", "remote-outbound-rtp", "media-source"))
DIRECTIONS = {"inbound-rtp": "inbound", "outbound-rtp": "outbound"}

#: Where an encoder or decoder says whether it is one that saves power.
POWERED = {"inbound-rtp": "powerEfficientDecoder", "outbound-rtp": "powerEfficientEncoder"}

#: Live gauges that are smoothed, and over how many seconds.
SMOOTH = {metric.name: metric.smooth for metric in catalog.METRICS if metric.smooth}

#: What the labels of an object hang on.
Key = tuple[object, ...]
#: Live values of one fold.
Values = dict[LiveKey, float]


@dataclass(slots=True)
class Followed:
    """The route that an object took, and what has to stay for it to take it again."""

    route: Route
    cohort: tuple[str, ...]
    members: int
    codec: Member | None
    powered: Member | None


class Meter:
    """Turns folds into series."""

    def __init__(self, store: SeriesStore, labels: Labels) -> None:
        self._store = store
        self._labels = labels
        self._routes: dict[Key, Route] = {}

    def record(self, participant: Participant, connection: PeerConnection, fold: Fold, now: float) -> None:
        """Everything that a fold of this peer connection says goes into the store."""
        self._find_path(connection, fold, now)
        values: Values = {}
        is_late = connection.setup.created is None
        for thing in fold.changed:
            if thing.type == "candidate-pair" and thing.notes is not None and _is_idle(thing, fold):
                continue
            known = thing.notes
            route = self._route(participant, thing, fold.stats, now)
            self._count(route, thing, participant, now)
            self._judge(route, thing, fold, values, participant.exemplar, now)
            if thing.type in DIRECTIONS and (thing.elapsed is None or not known or thing.notes is not known):
                self._follow_codec(participant, connection, thing, route, now)
            if thing.type in transitions.TYPES:
                for name, extra, amount in transitions.of(thing, is_late and thing.first):
                    self._add(participant, name, extra, amount, now)
        _update_live(participant, connection, fold, values)
        self._count_certificates(participant, connection, fold, now)
        for ident in [ident for ident in connection.streams if ident not in fold.objects]:
            connection.streams.pop(ident)[1].add(-1)
        fold.settle()

    def forget(self, connection: PeerConnection) -> None:
        """The peer connection has ended: its streams are no longer live."""
        for _codec, gauge in connection.streams.values():
            gauge.add(-1)
        connection.streams.clear()

    def _count(self, route: Route, thing: MonitoredObject, participant: Participant, now: float) -> None:
        counters = route.counters
        increments = thing.increments
        for member, amount in increments.items():
            try:
                counter = counters[member]
            except KeyError:
                counter = route.counter(member, now)
            if counter is not None and amount:
                counter.value += amount  # an increment is finite and not negative: ``add`` would ask again
        totals = TOTALS.get(route.stats)
        if totals:
            participant.add_totals(route.stats, increments, totals)
        if thing.restarted:
            self._store.add("rtc.exporter.stats_object.resets", (route.stats,), 1, now)

    def _judge(
        self,
        route: Route,
        thing: MonitoredObject,
        fold: Fold,
        live: Values,
        exemplar: ExemplarLabels | None,
        now: float,
    ) -> None:
        if not route.sinks:
            return
        values = thing.values or unread(thing)
        for sink in route.sinks:
            value = values[sink.place]
            if value is UNREAD:
                value = values[sink.place] = sink.formula(thing, fold)
            if value is None:
                continue
            if sink.metric is not None:
                if sink.observe is None and sink.add is None:
                    route.fill(sink, now)
                if sink.add is not None:
                    sink.add(value)
                elif sink.observe is not None:
                    times = int(thing.increments.get(sink.times, 0)) if sink.times else 1
                    if times:
                        sink.observe(value, times, exemplar, now)
            for key, combine in sink.live:
                before = live.get(key)
                live[key] = value if before is None else combine(before, value)

    def _route(self, participant: Participant, thing: MonitoredObject, stats: Stats, now: float) -> Route:
        """The route of an object, which holds while what its labels hang on does."""
        known = thing.notes
        members = thing.members
        if (
            isinstance(known, Followed)
            and known.members == len(members)
            and (known.cohort is participant.cohort_key or known.cohort == participant.cohort_key)
            and known.route.generation == self._store.generation
            and known.codec == members.get("codecId")
            and known.powered == members.get(POWERED.get(thing.type, ""))
        ):
            return known.route
        key = _key(participant, thing, stats)
        route = self._routes.get(key)
        if route is None or route.generation != self._store.generation:
            if len(self._routes) >= ROUTES:
                self._routes.clear()
            labels = {**participant.cohort, **self._labels_of(thing, key, stats, now)}
            route = self._routes[key] = Route(self._store, thing.type, labels, members)
        # Without a codec of its own, a stream has that of another object, which may change unseen.
        is_sure = "codecId" in members or thing.type not in STREAMS or thing.type == "media-source"
        codec, powered = members.get("codecId"), members.get(POWERED.get(thing.type, ""))
        thing.notes = self._followed(route, participant, len(members), codec, powered) if is_sure else ()
        return route

    def _followed(
        self, route: Route, participant: Participant, members: int, codec: Member | None, powered: Member | None
    ) -> Followed:
        """What an object goes by from now on: one for all that take the same route for the same reasons."""
        known = route.followed
        if len(known) >= FOLLOWED:
            known.clear()
        key = (members, codec, powered)
        found = known.get(key)
        if not isinstance(found, Followed):
            found = known[key] = Followed(route, participant.cohort_key, members, codec, powered)
        return found

    def _labels_of(self, thing: MonitoredObject, key: Key, stats: Stats, now: float) -> dict[str, str]:
        if thing.type == "candidate-pair":
            return self._labels.admit_all(_path(thing.members, stats), now)
        if thing.type not in STREAMS:
            return {}
        kind, codec, powered = key[3:]
        labels = self._labels.admit_all({catalog.KIND: str(kind or ""), catalog.CODEC: str(codec or "")}, now)
        if isinstance(powered, bool):
            labels["rtc.hardware_accelerated"] = "true" if powered else "false"
        return labels

    def _find_path(self, connection: PeerConnection, fold: Fold, now: float) -> None:
        pair = fold.stats.get(fold.selected) if fold.selected else None
        if pair is None:
            return
        words = tuple(map(_local(pair, fold.stats).get, PATH_MEMBERS))
        if words != connection.words and any(words):
            connection.words, connection.path = words, self._labels.admit_all(_path(pair, fold.stats), now)

    def _follow_codec(
        self, participant: Participant, connection: PeerConnection, thing: MonitoredObject, route: Route, now: float
    ) -> None:
        """Keep the gauge of live streams by codec: one per RTP stream, moved when its codec changes."""
        codec = route.codec
        before = connection.streams.get(thing.id)
        if not codec or (before is not None and before[0] == codec):
            return
        if before is not None:
            before[1].add(-1)
        metric = catalog.BY_NAME["rtc.codec.streams"]
        direction, kind = DIRECTIONS[thing.type], route.labels.get(catalog.KIND, "")
        connection.codecs |= {(direction, kind, codec)}
        extra = {"rtc.media.direction": direction, catalog.CODEC: codec, catalog.KIND: kind}
        gauge: Gauge = self._store.gauge(metric.name, participant.values(metric.attributes, extra), now)
        gauge.add(1)
        connection.streams[thing.id] = (codec, gauge)

    def _count_certificates(self, participant: Participant, connection: PeerConnection, fold: Fold, now: float) -> None:
        if self._store.family("rtc.certificate.connections") is None:
            return
        known = connection.certificates
        for ident, members in fold.stats.items() if len(known) < CERTIFICATES else ():
            if members.get("type") == "certificate" and ident not in known:
                connection.certificates |= {ident}
                extra = {"rtc.certificate.algorithm": str(members.get("fingerprintAlgorithm", ""))}
                self._add(participant, "rtc.certificate.connections", extra, 1, now)

    def _add(self, participant: Participant, name: str, extra: Mapping[str, str], amount: float, now: float) -> None:
        attributes = catalog.BY_NAME[name].attributes
        self._store.add(name, participant.values(attributes, self._labels.admit_all(extra, now)), amount, now)


def _update_live(participant: Participant, connection: PeerConnection, fold: Fold, values: Values) -> None:
    """What the live gauges of this peer connection say now."""
    live = connection.live
    for key, value in values.items():
        smooth = SMOOTH.get(key[0])
        before = live.get(key) if smooth else None
        if smooth and before is not None and fold.elapsed is not None:
            # First-order low-pass over uneven steps; the rational form needs no exponential and is as good.
            value = before[0] + (value - before[0]) * fold.elapsed / (fold.elapsed + smooth)
        live[key] = (value, fold.time)
    round_trip = values.get(("rtc.participant.round_trip_time", ()))
    if round_trip is not None:
        participant.add_round_trip(round_trip)


def _key(participant: Participant, thing: MonitoredObject, stats: Stats) -> Key:
    """What the labels of an object hang on, and what can be judged of it."""
    members = thing.members
    readable = routes.readable(thing.type, members)
    if thing.type in STREAMS:
        powered = members.get(POWERED.get(thing.type, ""))
        codec = signals.codec_of(thing, stats)
        return (thing.type, readable, participant.cohort_key, members.get("kind"), codec, powered)
    if thing.type == "candidate-pair":
        return (thing.type, readable, participant.cohort_key, *map(_local(members, stats).get, PATH_MEMBERS))
    return (thing.type, readable, participant.cohort_key)


def _is_idle(pair: MonitoredObject, fold: Fold) -> bool:
    """Whether there is nothing to say about a pair, as about most: it is not in use and counted nothing."""
    return pair.id != fold.selected and not any(pair.increments.values())


def _local(pair: Members, stats: Stats) -> Members:
    return stats.get(str(pair.get("localCandidateId", "")), {})


def _path(pair: Members, stats: Stats) -> dict[str, str]:
    """Attributes of the path of a candidate pair: what the local candidate is."""
    local = _local(pair, stats)
    relayed = local.get("candidateType") == "relay"
    return {
        "network.connection.type": str(local.get("networkType", "")),
        "rtc.ice.candidate.type": str(local.get("candidateType", "")),
        "rtc.ice.transport": str(local.get("relayProtocol", "") if relayed else "") or str(local.get("protocol", "")),
    }


class Clocks:
    """How far clients' clocks are off, and how late their reports come."""

    def __init__(self, store: SeriesStore, now: float) -> None:
        self._offset = store.histogram("rtc.exporter.client.clock_offset", (), now)
        self._delay = store.histogram("rtc.exporter.report.delay", (), now)

    def watch(self, participant: Participant, sent: float, now: float) -> None:
        """A report that says ``sent`` has come."""
        offset, delay = participant.clock.update(sent, now)
        self._offset.observe(abs(offset))
        self._delay.observe(delay)
