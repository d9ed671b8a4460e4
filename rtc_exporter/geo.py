"""
Country and network of an address, from databases that the operator brings (MaxMind's format, ``.mmdb``).

The databases of MaxMind, DB-IP and IPinfo name things differently; what is read here are the names of MaxMind's
GeoLite2 Country, City and ASN, and the short ones of IPinfo.  Nothing is asked over a network.

``maxminddb`` is the extra ``geo``: it is imported where a database is set, and nowhere else.
"""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rtc_exporter.errors import ConfigError

COUNTRY, NETWORK = "geo.country.iso_code", "rtc.client.as"


def places(country: Path | None, network: Path | None) -> Callable[[str], dict[str, str]]:
    """A function from an address to what is known of it; raises ``ConfigError``."""
    readers = [
        (read, _open(path, setting))
        for read, path, setting in (
            (country_of, country, "privacy.country_database"),
            (network_of, network, "privacy.network_database"),
        )
        if path is not None
    ]

    def look(address: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for read, reader in readers:
            try:
                row = reader.get(address.partition("%")[0])
            except ValueError:
                continue  # no address, or one of a version that the database does not have
            found |= read(row) if isinstance(row, dict) else {}
        return found

    return look  # and nothing is remembered: the address is gone with the call


def country_of(row: Mapping[str, Any]) -> dict[str, str]:
    """The country that a row names."""
    for name in ("country", "registered_country"):
        told = row.get(name)
        code = told.get("iso_code") if isinstance(told, dict) else told
        if isinstance(code, str) and len(code) == 2:
            return {COUNTRY: code.upper()}
    return {}


def network_of(row: Mapping[str, Any]) -> dict[str, str]:
    """The number of the autonomous system that a row names."""
    number = row.get("autonomous_system_number", row.get("asn"))
    text = str(number).upper().removeprefix("AS")
    return {NETWORK: f"AS{text}"} if text.isdecimal() and len(text) <= 10 else {}


def _open(path: Path, setting: str) -> Any:
    try:
        maxminddb = importlib.import_module("maxminddb")
    except ImportError:
        raise ConfigError(f"{setting} is set, and maxminddb is missing: pip install 'rtc-exporter[geo]'") from None
    try:
        # Into memory: a file that an update overwrites in place must not change under a reader.
        return maxminddb.open_database(path, maxminddb.MODE_MEMORY)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as exc:
        raise ConfigError(f"{setting} is {str(path)!r}, which is no database: {type(exc).__name__}") from None
