"""
Settings about looking calls up: what is remembered of them, and where to look further.
"""

from typing import Annotated, TypeAlias

from pydantic import BaseModel, BeforeValidator, ByteSize, ConfigDict, Field

from rtc_exporter.choices import Keep
from rtc_exporter.settings import Count, Flag, Seconds, Size, Wanted

#: Where a trace's id goes into an address.
PLACE = "{trace_id}"


def _url(value: object) -> object:
    """An address that a page may link to, or none."""
    if value and not str(value).startswith(("https://", "http://")):
        raise ValueError("not http")
    return value


def _with_place(value: object) -> object:
    if value and PLACE not in str(value):
        raise ValueError("no place for the id")
    return _url(value)


Url: TypeAlias = Annotated[str, BeforeValidator(_url), Wanted("URL", "an address with http:// or https://")]
TraceUrl: TypeAlias = Annotated[
    str, BeforeValidator(_with_place), Wanted("URL", f"an address with http:// or https://, and {PLACE} in it")
]
DEFAULTS = Keep()


class History(BaseModel):
    """What is remembered of calls, for the pages of sessions"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: Flag = Field(default=True, description="Whether calls are remembered and can be looked up.")
    sessions: Count = Field(default=DEFAULTS.sessions, description="Sessions that are kept after they ended.")
    age: Seconds = Field(default=DEFAULTS.age, description="How long they are kept.")
    memory: Size = Field(default=ByteSize(DEFAULTS.memory), description="Bytes of everything that is remembered.")


class Links(BaseModel):
    """Where the pages of sessions lead further"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    grafana: Url = Field(default="", description="Grafana, with the dashboards of this project; empty for no links.")
    trace: TraceUrl = Field(
        default="",
        description="A trace by its id, such as https://jaeger.example/trace/{trace_id}; empty for no links.",
    )


def keep(history: History) -> Keep:
    """The bounds as the core takes them."""
    return Keep(history.sessions, history.age, int(history.memory))
