"""
Everything that pipelines hold, as bytes, so that another process can go on where this one was.

It is Python's own pickle, since what is held is a graph: a gauge stands in the store and in the hands of whoever
counts with it, and has to be one thing again.  What tables and settings make anew is left out and goes by name, and
the reader builds nothing but classes of the pure core and the few things of Python that they are made of: whoever can
write into the engine can falsify counts, but runs no code here.

Only a process of the same version and settings reads it (``fingerprint``); others begin anew.
"""

import copyreg
import io
import pickle
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from enum import Enum
from hashlib import blake2b
from types import FunctionType, MethodType
from typing import Any

from rtc_exporter import __version__, catalog, rules, signals
from rtc_exporter.choices import METRICS_OF_TENANTS
from rtc_exporter.errors import Reason
from rtc_exporter.limits import Limits
from rtc_exporter.metric import Kind, Profile, Tier
from rtc_exporter.pipeline import PipelineSettings
from rtc_exporter.routes import Sink
from rtc_exporter.slots import Counter, Gauge, Histogram
from rtc_exporter.tenants import Tenants
from rtc_exporter.tracing import Fate

#: Grows with the form of what is written here.
FORM = 3
#: Modules -> names in them that are built, besides all classes of the core.
ALLOWED: Mapping[str, frozenset[str]] = {
    "builtins": frozenset(("max", "min", "set", "frozenset", "bytearray")),
    "_operator": frozenset(("add",)),
    "operator": frozenset(("itemgetter",)),
    "collections": frozenset(("Counter", "OrderedDict", "defaultdict", "deque")),
    "array": frozenset(("array", "_array_reconstructor")),
    "functools": frozenset(("partial",)),
    "rtc_exporter.drafts": frozenset(("path_of",)),
    "rtc_exporter.routes": frozenset(("newest",)),
    "rtc_exporter.snapshot": frozenset(("_method",)),
    "rtc_exporter.app.bases": frozenset(("Bases",)),
    "rtc_exporter.app.partition": frozenset(("EdgeState",)),
    "rtc_exporter.wire.compact": frozenset(("Base",)),
}
#: Enumerations of the core.  Pythons before 3.11.4 write a member as ``getattr`` of its class, which is not built.
ENUMERATIONS: tuple[type[Enum], ...] = (Fate, Kind, Profile, Reason, Tier)
#: What slots are asked for by who keeps only that.
METHODS = frozenset(("add", "observe", "offer", "set"))
#: Compression: of pickles, 1 is as small as 6 within 10 % at a quarter of the time (measured).
LEVEL = 1


def fingerprint(settings: PipelineSettings, tenants: Iterable[str] = ()) -> str:
    """
    What must be the same for a snapshot to be read: our version, all that is counted by, and for whom.

    Bounds may change.
    """
    traces, pinned = settings.traces, sorted(settings.traces.pinned) if settings.traces else []
    traces = replace(traces, pinned=frozenset()) if traces else None  # in whose text each process has its own order
    counted = replace(settings, traces=traces, limits=Limits(), room=None, series_room=None)
    made_by = f"{FORM} {__version__} {counted} {pinned} {sorted(tenants)}"
    return blake2b(made_by.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def freeze(state: object, tenants: Tenants) -> bytes:
    """``state``, whatever the core is made of; ``tenants`` are in it."""
    stream = io.BytesIO()
    _Writer(stream, _things(tenants)).dump(state)
    return zlib.compress(stream.getvalue(), LEVEL)


def thaw(data: bytes, tenants: Tenants) -> Any:
    """The state; ``tenants`` are new, and made by the same settings.  Raises ``ValueError`` where it is none."""
    names = dict(_things(tenants))
    try:
        return _Reader(io.BytesIO(zlib.decompress(data)), names).load()
    except (pickle.UnpicklingError, zlib.error, EOFError, AttributeError, KeyError, TypeError, IndexError) as exc:
        raise ValueError(f"no snapshot: {type(exc).__name__}: {exc}") from exc


def _things(tenants: Tenants) -> list[tuple[str, object]]:
    """What goes by name."""
    things: list[tuple[str, object]] = [(f"metric {metric.name}", metric) for metric in catalog.METRICS]
    of_tenants = [metric for metric in METRICS_OF_TENANTS if metric is not catalog.BY_NAME[metric.name]]
    things += [(f"metric {metric.name} of tenants", metric) for metric in of_tenants]
    things += [(f"rule {number}", rule) for number, rule in enumerate(rules.RULES)]
    things += [(f"formula {signal.stats} {signal.name}", signal.formula) for signal in signals.SIGNALS]
    for tenant in tenants:
        things += [(f"{name} of {tenant}", thing) for name, thing in tenants[tenant].parts()]
    return things


def _named(name: str) -> object:
    raise pickle.UnpicklingError(f"{name} is read without names")  # the reader has its own


def _sink(formula: str, values: Mapping[str, object]) -> Sink:
    raise pickle.UnpicklingError(f"{formula} is read without names")


def _method(thing: object, name: str) -> Callable[..., None]:
    """A method of a slot."""
    if not isinstance(thing, Counter | Gauge | Histogram) or name not in METHODS:
        raise pickle.UnpicklingError("no method of a slot")
    found: Callable[..., None] = getattr(thing, name)
    return found


class _Writer(pickle.Pickler):
    """Python's own but for a few classes: asking us about every object would take twice the time (measured)."""

    def __init__(self, stream: io.BytesIO, things: Iterable[tuple[str, object]]) -> None:
        super().__init__(stream, pickle.HIGHEST_PROTOCOL)
        things = [(name, thing) for name, thing in things if thing is not None]
        self._names = {id(thing): name for name, thing in things}
        by_name = dict.fromkeys({type(thing) for _, thing in things} - {FunctionType}, self._by_name)
        own: dict[type, Callable[[Any], Any]] = {MethodType: _slot_method, Sink: self._sink}
        self.dispatch_table = {**copyreg.dispatch_table, **by_name, **dict.fromkeys(ENUMERATIONS, _member), **own}

    def _by_name(self, thing: object) -> Any:
        name = self._names.get(id(thing))
        if name is None:
            raise pickle.PicklingError(f"a {type(thing).__name__} that no table has")
        return _named, (name,)

    def _sink(self, sink: Sink) -> Any:
        values = {name: getattr(sink, name) for name in Sink.__slots__ if name != "formula"}
        return _sink, (self._names[id(sink.formula)], values)


def _slot_method(method: MethodType) -> Any:
    return _method, (method.__self__, method.__name__)


def _member(member: Enum) -> Any:
    return type(member), (member.value,)


class _Reader(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, names: Mapping[str, object]) -> None:
        super().__init__(stream)
        self._things = names

    def find_class(self, module: str, name: str) -> Any:
        """What may be built."""
        if (module, name) == (__name__, "_named"):
            return self._things.__getitem__
        if (module, name) == (__name__, "_sink"):
            return self._sink
        if name in ALLOWED.get(module, ()):
            return super().find_class(module, name)
        if module.startswith("rtc_exporter.") and module.count(".") == 1 and name.isidentifier():
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__ == module:
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is not built")

    def _sink(self, formula: str, values: Mapping[str, object]) -> Sink:
        sink = Sink.__new__(Sink)
        sink.formula = self._things[formula]  # type: ignore[assignment]  # the name is a formula's
        for name, value in values.items():
            setattr(sink, name, value)
        return sink
