"""
What two successive folds say that is neither an increase nor a ratio: changes of state.

Each function yields ``(metric, attributes, amount)``; the attribute values are still the browser's
words, which the labels module admits.
"""

from collections.abc import Iterator, Mapping

from rtc_exporter.delta import MonitoredObject

Transition = tuple[str, Mapping[str, str], float]

#: Compute Pressure API: rtcstats-js sends a number, and a smaller one is worse.
PRESSURE = {4: "nominal", 3: "fair", 2: "serious", 1: "critical"}


def of(thing: MonitoredObject, late: bool) -> Iterator[Transition]:
    """The transitions of one stats object; ``late``: it was there before we were, so nothing has just begun."""
    look = _BY_TYPE.get(thing.type)
    return look(thing, late) if look else iter(())


def _transport(thing: MonitoredObject, late: bool) -> Iterator[Transition]:
    for layer, member in (("ice", "iceState"), ("dtls", "dtlsState")):
        state, before = thing.members.get(member), thing.was.get(member)
        if before is not None and state is not None and state != before:
            attributes = {"rtc.transport.layer": layer, "rtc.transport.state": str(state)}
            yield "rtc.transport.state.changes", attributes, 1
    if thing.members.get("dtlsState") == "connected" and thing.was.get("dtlsState") in _NOT_YET and not late:
        yield "rtc.transport.connections", _security(thing), 1
    changes = _path_changes(thing)
    if changes:
        yield "rtc.transport.path_changes", {}, changes


#: dtlsState before it was connected for the first time; None: this is the first report.
_NOT_YET = (None, "new", "connecting")


def _security(thing: MonitoredObject) -> dict[str, str]:
    members = thing.members
    return {
        "tls.protocol.version": str(members.get("tlsVersion", "")),
        "rtc.dtls.cipher": str(members.get("dtlsCipher", "")),
        "rtc.srtp.cipher": str(members.get("srtpCipher", "")),
    }


def _path_changes(thing: MonitoredObject) -> float:
    """Changes of the selected pair, the first selection not counted; by id where the browser does not count them."""
    selected, before = thing.members.get("selectedCandidatePairId"), thing.was.get("selectedCandidatePairId")
    counted = thing.increments.get("selectedCandidatePairChanges")
    if counted is None:
        return 1.0 if before is not None and selected is not None and selected != before else 0.0
    total = thing.members.get("selectedCandidatePairChanges")
    includes_first = isinstance(total, int | float) and not isinstance(total, bool) and counted > 0 and total == counted
    return counted - 1 if includes_first else counted


def _data_channel(thing: MonitoredObject, late: bool) -> Iterator[Transition]:
    state = thing.members.get("state")
    if state is not None and state != thing.was.get("state") and not late:
        yield "rtc.data_channel.state.changes", {"rtc.data_channel.state": str(state)}, 1


def _pressure(thing: MonitoredObject, late: bool) -> Iterator[Transition]:
    state = PRESSURE.get(_number(thing.members.get("cpuState")))
    if state is not None and thing.elapsed:
        yield "rtc.client.pressure.time", {"rtc.pressure.source": "cpu", "rtc.pressure.state": state}, thing.elapsed


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0


_BY_TYPE = {"transport": _transport, "data-channel": _data_channel, "compute-pressure": _pressure}

#: The stats types that have transitions.
TYPES = frozenset(_BY_TYPE)
