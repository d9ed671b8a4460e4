"""
What spans and metrics share in OTLP: the scope, the resource, and how a value, a text and a time are written.

Nothing here raises for what a client made up: halves of surrogate pairs become U+FFFD, and times and integers that
do not fit become the nearest that do.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from rtc_exporter import __version__
from rtc_exporter.model import Member

#: A protobuf message, of which mypy knows nothing: protobuf brings no types of its own.
Message: TypeAlias = Any

#: Bytes of a request.  gRPC receivers refuse more than 4 MiB unless told otherwise (measured: RESOURCE_EXHAUSTED).
MAX_BYTES = 3_670_016

SCOPE = InstrumentationScope(name="rtc_exporter", version=__version__)

#: The largest int64: integers are signed in OTLP, and receivers keep times signed too.
MOST = 2**63 - 1

_SURROGATES = re.compile("[\ud800-\udfff]")


def nanoseconds(time: float) -> int:
    """
    Unix nanoseconds for Unix seconds.

    A float of today's seconds is good to a quarter of a microsecond, so it is rounded to whole microseconds: the
    milliseconds that a client wrote come out as it wrote them, not with noise in the last digits.
    """
    if time >= MOST / 1e9:
        return MOST
    return round(time * 1e6) * 1000 if time > 0.0 else 0  # NaN is not over 0 either


def text(value: str) -> str:
    """What UTF-8 can say of a string."""
    return value if value.isascii() else _SURROGATES.sub("\ufffd", value)


def add_attributes(target: Message, attributes: Iterable[tuple[str, Member]]) -> None:
    """Add attributes to a repeated field, each value in its own type."""
    for name, value in attributes:
        attribute = target.add()
        attribute.key = text(name)
        match value:
            case str():
                attribute.value.string_value = text(value)
            case bool():  # before int, for it is one
                attribute.value.bool_value = value
            case int():
                attribute.value.int_value = max(-MOST - 1, min(value, MOST))
            case _:
                attribute.value.double_value = value


def resource_of(attributes: Mapping[str, str]) -> Resource:
    """The resource with these attributes."""
    resource = Resource()
    add_attributes(resource.attributes, attributes.items())
    return resource
