"""
Settings about working on several machines, or through a crash: what this process does of it, and the engine between.
"""

import importlib.util
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ByteSize, ConfigDict, Field
from pydantic_settings import NoDecode

from rtc_exporter.errors import ConfigError
from rtc_exporter.settings import File, Flag, Size, Wanted, words

#: A stream of NATS, and the first part of its subjects.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
_SEED = re.compile(r"SU[A-Z2-7]{56}")
#: A password in an address would be in the list of processes and on every page that shows settings.
_SERVER = re.compile(r"(nats|tls)://[^/@\s,]+")


def _servers(value: object) -> object:
    found = words(value)
    if not isinstance(found, tuple | list) or not all(_SERVER.fullmatch(str(one)) for one in found):
        raise ValueError("no servers")
    return tuple(found)


def _name(value: object) -> object:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("no name")
    return value


Role: TypeAlias = Annotated[
    Literal["all", "edge", "aggregate"], Wanted("all, edge, aggregate", "all, edge or aggregate")
]
Servers: TypeAlias = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_servers), Wanted("list", "servers such as nats://10.0.0.1:4222")
]
Name: TypeAlias = Annotated[str, BeforeValidator(_name), Wanted("text", "up to 32 letters, digits, - and _")]
Partitions: TypeAlias = Annotated[int, Field(ge=1, le=1024), Wanted("count", "a whole number from 1 to 1024")]
Replicas: TypeAlias = Annotated[int, Field(ge=1, le=5), Wanted("count", "a whole number from 1 to 5")]


class Engine(BaseModel):
    """Several machines, or a log that outlives a crash: NATS JetStream (extra `nats`)"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Role = Field(
        default="all",
        description="Whether this process does everything, takes what clients send (edge), or counts it (aggregate).",
    )
    servers: Servers = Field(default=(), description="NATS servers with JetStream, for edges and aggregators.")
    name: Name = Field(default="rtc", description="What the streams there are called; who shares it works together.")
    partitions: Partitions = Field(
        default=8, description="Parts that the work is divided into, the most aggregators that there can be; for good."
    )
    replicas: Replicas = Field(default=1, description="Servers that each stream is stored on, when it is made.")
    log_bytes: Size = Field(
        default=ByteSize(1 << 30), description="What one partition may hold that is not counted yet, when it is made."
    )
    waiting_bytes: Size = Field(
        default=ByteSize(32 << 20), description="What an edge holds while the engine takes nothing."
    )
    gather: Flag = Field(
        default=True,
        description="Whether an edge writes what is reported between two folds together; else each at once.",
    )
    credentials_file: File = Field(
        default=None, description="Credentials for the servers: as nsc makes them, or a user's seed."
    )
    ca_file: File = Field(default=None, description="Certificates that the servers' are signed with; for TLS.")


def check(engine: Engine, processes: int, given: Mapping[str, str]) -> None:
    """Whether it can be done; raises ``ConfigError``.  Partitions are what divides the work here, not processes."""
    role = given.get("engine.role", "engine.role")
    if engine.role == "all":
        if engine.servers:
            raise ConfigError(f"{given['engine.servers']} is set, and engine.role is all: wanted edge or aggregate")
        return
    if not engine.servers:
        raise ConfigError(f"{role} is {engine.role}, and there are no engine.servers, wanted nats://HOST:4222")
    if processes > 1:
        raise ConfigError(f"{role} is {engine.role}, and {given['shards.processes']} is {processes}, wanted 1")
    if importlib.util.find_spec("nats") is None:
        raise ConfigError(f"{role} is {engine.role}, and nats-py is missing: pip install 'rtc-exporter[nats]'")
    for name, (path, wanted, is_good) in {
        "credentials_file": (engine.credentials_file, "credentials of nsc, or the seed of a user", _has_credentials),
        "ca_file": (engine.ca_file, "certificates in PEM", _has_certificates),
    }.items():
        if path is not None and not path.is_file():
            raise ConfigError(f"{given[f'engine.{name}']} is {str(path)!r}, wanted a file that can be read")
        if path is not None and not is_good(path):
            raise ConfigError(f"{given[f'engine.{name}']} is {str(path)!r}, wanted a file that holds {wanted}")


def is_seed(path: Path) -> bool:
    """Whether it holds the private half of a user's nkey, which needs no token beside it."""
    return _SEED.fullmatch(path.read_text(encoding="utf-8", errors="replace").strip()) is not None


def _has_credentials(path: Path) -> bool:
    text = path.read_text(encoding="utf-8", errors="replace")
    return is_seed(path) or all(f"-----BEGIN {part}-----" in text for part in ("NATS USER JWT", "USER NKEY SEED"))


def _has_certificates(path: Path) -> bool:
    try:
        ssl.create_default_context(cafile=str(path))
    except (ssl.SSLError, UnicodeDecodeError):
        return False
    return True
