"""
What kinds of value a setting may have, and how an operator writes them.

Each kind carries a ``Wanted``: the word for the tables and the words of the error message.
"""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeAlias

from pydantic import BeforeValidator, ByteSize, Field, SecretStr
from pydantic_settings import NoDecode

from rtc_exporter.limits import ID_LENGTH

#: What browsers leave out of an origin.
USUAL_PORTS = {"https": ":443", "http": ":80"}
#: A key as long as the hash that it feeds (RFC 7518 3.2).
SECRET_LENGTH = 32


class Wanted(NamedTuple):
    """What a setting takes: one word for the tables, and the words of the error message."""

    type: str
    text: str


class Address(NamedTuple):
    """Where a listener binds."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def address(value: object) -> object:
    """Read ``127.0.0.1:8080``, ``[::1]:8080``, ``name:8080`` or ``:8080`` (every interface)."""
    if not isinstance(value, str):
        return value
    host, colon, port = value.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 address without brackets")
    if not colon or not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise ValueError("no port")
    return Address(host or "0.0.0.0", int(port))


def words(value: object) -> object:
    """Read a list that was written as one string, separated by commas."""
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def origins(value: object) -> object:
    """A list of origins as browsers send them: scheme, host, and the port where it is not the usual one."""
    result = words(value)
    for origin in result if isinstance(result, (tuple, list)) else ():
        found = re.fullmatch(r"([a-z][a-z0-9+.-]*)://[^/?#\s@A-Z*]+", str(origin))
        if not found or str(origin).endswith(USUAL_PORTS.get(found[1], "/")):
            raise ValueError("not an origin")
    return result


Listen: TypeAlias = Annotated[
    Address, NoDecode, BeforeValidator(address), Wanted("address", "host:port, [address]:port or :port")
]
Words: TypeAlias = Annotated[tuple[str, ...], NoDecode, BeforeValidator(words), Wanted("list", "a list of texts")]
Origins: TypeAlias = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(origins),
    Wanted("list", "origins such as https://app.example, as browsers send them: small letters, no usual port, no path"),
]
Marks: TypeAlias = Annotated[
    tuple[float, ...],
    NoDecode,
    BeforeValidator(words),
    Field(min_length=2, max_length=3),
    Wanted("numbers", "two or three numbers, such as 0.15,0.3,0.8: where good, fair and poor end"),
]
Text: TypeAlias = Annotated[str, Field(min_length=1), Wanted("text", "a text that is not empty")]
Secret: TypeAlias = Annotated[SecretStr, Wanted("secret", f"at least {SECRET_LENGTH} characters")]
File: TypeAlias = Annotated[Path | None, Wanted("file", "a file that can be read")]
Folder: TypeAlias = Annotated[Path | None, Wanted("folder", "a folder that can be read")]
Tenants: TypeAlias = Annotated[tuple[str, ...], NoDecode, BeforeValidator(words), Wanted("list", "names of tenants")]
Word: TypeAlias = Annotated[str, Wanted("text", "a text")]
Hops: TypeAlias = Annotated[int, Field(ge=0, le=16), Wanted("count", "a whole number from 0 to 16")]
Seconds: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False), Wanted("seconds", "seconds, 0 or more")]
Rate: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False), Wanted("number", "a number over 0")]
Count: TypeAlias = Annotated[int, Field(ge=1), Wanted("count", "a whole number, 1 or more")]
IdLength: TypeAlias = Annotated[
    int, Field(ge=1, le=ID_LENGTH), Wanted("count", f"a whole number from 1 to {ID_LENGTH}")
]
Processes: TypeAlias = Annotated[int, Field(ge=1, le=256), Wanted("count", "a whole number from 1 to 256")]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), Wanted("number", "a number from 0 to 1")]
Flag: TypeAlias = Annotated[bool, Wanted("true, false", "true or false")]
Size: TypeAlias = Annotated[ByteSize, Field(ge=1), Wanted("size", "bytes, such as 1048576 or 1MiB")]
Room: TypeAlias = Annotated[ByteSize, Field(ge=0), Wanted("size", "bytes, such as 512MiB, or 0")]
ProfileName: TypeAlias = Annotated[
    Literal["core", "standard", "full"], Wanted("core, standard, full", "core, standard or full")
]
Selection: TypeAlias = Annotated[
    Literal["worst", "all", "pinned", "off"], Wanted("worst, all, pinned, off", "worst, all, pinned or off")
]
Naming: TypeAlias = Annotated[Literal["as_is", "hash"], Wanted("as_is, hash", "as_is or hash")]
Addresses: TypeAlias = Annotated[Literal["drop", "truncate"], Wanted("drop, truncate", "drop or truncate")]
LogFormat: TypeAlias = Annotated[Literal["auto", "text", "json"], Wanted("auto, text, json", "auto, text or json")]
Epoch: TypeAlias = Annotated[Literal["day", "none"], Wanted("day, none", "day or none")]
Level: TypeAlias = Annotated[
    Literal["debug", "info", "warning", "error"],
    BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value),
    Wanted("debug, info, warning, error", "debug, info, warning or error"),
]


def show(value: object) -> str:
    """A value as the operator would write it; never a secret."""
    match value:
        case SecretStr():
            return "***" if value.get_secret_value() else ""
        case Address():
            return str(value)
        case tuple():
            return ",".join(f"{part:g}" if isinstance(part, float) else str(part) for part in value)
        case None:
            return ""
        case ByteSize():
            return value.human_readable(separator="").replace(".0", "")
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case _:
            return str(value)
