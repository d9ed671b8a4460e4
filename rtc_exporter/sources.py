"""
Where settings come from: flags, variables and a TOML file, each with the user's own spelling of what it sets.

A name that is not known refuses the start, and the message says which one was probably meant.
"""

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from pydantic_settings import BaseSettings, EnvSettingsSource, TomlConfigSettingsSource

from rtc_exporter.errors import ConfigError

PREFIX = "RTC_EXPORTER_"
#: The variable that names the TOML file, as ``--config`` does.
FILE_VARIABLE = "RTC_EXPORTER_CONFIG"

#: A setting, the user's spelling of it, and the value.
Given: TypeAlias = tuple[str, str, object]


class Setting(NamedTuple):
    """One row of the settings table."""

    name: str
    flag: str
    variable: str
    type: str
    default: str
    meaning: str
    section: str


class _Environment(EnvSettingsSource):
    """The variables that are handed in, not the process's own."""

    def __init__(self, environ: Mapping[str, str], model: type[BaseSettings]) -> None:
        self._environ = environ
        super().__init__(model)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._environ.items()}


def variables(environ: Mapping[str, str], model: type[BaseSettings], rows: Sequence[Setting]) -> Iterator[Given]:
    """What the variables say."""
    known = {row.variable: row for row in rows}
    ours = {name: value for name, value in environ.items() if name.startswith(PREFIX) and name != FILE_VARIABLE}
    for name in ours:
        if name not in known:
            raise ConfigError(_unknown(name, (*known, FILE_VARIABLE)))
    values = _Environment(ours, model)()
    for name in ours:
        section, _, key = known[name].name.partition(".")
        yield known[name].name, name, values[section][key]


def flags(args: Mapping[str, str], rows: Sequence[Setting]) -> Iterator[Given]:
    """What the flags say."""
    known = {row.flag: row.name for row in rows}
    for name, value in args.items():
        flag = "--" + name.removeprefix("--").replace("_", "-")
        if flag not in known:
            raise ConfigError(_unknown(flag, known))
        yield known[flag], flag, value


def file(path: str | Path | None, model: type[BaseSettings], rows: Sequence[Setting]) -> Iterator[Given]:
    """What the TOML file says."""
    if path is None:
        return
    try:
        if not Path(path).is_file():
            raise ConfigError(f"the configuration file is {str(path)!r}, which is not a file")
        values = TomlConfigSettingsSource(model, Path(path))()
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{path} is not TOML: {exc}") from None
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read: {exc.strerror}") from None
    known = {row.name for row in rows}
    for section, inner in values.items():
        if not isinstance(inner, dict):
            raise ConfigError(f"{_unknown(section, known)} (in {path})")
        for key, value in inner.items():
            name = f"{section}.{key}"
            if name not in known:
                raise ConfigError(f"{_unknown(name, known)} (in {path})")
            yield name, f"{name} in {path}", value


def _unknown(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, tuple(known), 1)
    return f"unknown setting {name}" + (f", did you mean {close[0]}?" if close else "")
