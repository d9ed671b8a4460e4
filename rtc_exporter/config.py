"""
Every setting, one field each.

A setting has one name in three spellings: ``--ingest.token-secret``, ``RTC_EXPORTER_INGEST__TOKEN_SECRET``
and ``token_secret`` under ``[ingest]`` in a TOML file.  Flags win over variables, variables over the file,
the file over the defaults.  What OTLP pushes is set by OpenTelemetry's own variables alone (``otel.py``).
What is misspelt or wrong refuses the start with a ``ConfigError`` that repeats the user's own spelling.
To add a setting, add a field; flags, README and chart are made from the table.
"""

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple, cast

from pydantic import ByteSize, Field, PrivateAttr, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from rtc_exporter import geo, otel, webconfig
from rtc_exporter import privacy as people
from rtc_exporter.errors import ConfigError
from rtc_exporter.limits import Limits
from rtc_exporter.metric import Profile
from rtc_exporter.sections import Log, Memory, Metrics, Participants, Privacy, Section, Shutdown, Traces
from rtc_exporter.settings import (
    SECRET_LENGTH,
    Address,
    Count,
    File,
    Listen,
    Origins,
    Rate,
    Seconds,
    Secret,
    Size,
    Text,
    Wanted,
    show,
)
from rtc_exporter.webconfig import WebConfig

PREFIX = "RTC_EXPORTER_"
#: The variable that names the TOML file, as ``--config`` does.
FILE_VARIABLE = "RTC_EXPORTER_CONFIG"
DEFAULTS = Limits()


class Ingest(Section):
    """Where clients connect"""

    listen: Listen = Field(
        default=Address("127.0.0.1", 8080), description="Address for clients; loopback only without a secret."
    )
    token_secret: Secret = Field(
        default=SecretStr(""), description="Key of the clients' tokens (HS256); empty for no tokens."
    )
    token_secret_file: File = Field(default=None, description="File that holds the key of the clients' tokens.")
    allowed_origins: Origins = Field(default=(), description="Origins of the pages that may send; empty for any.")
    resume: Seconds = Field(
        default=15.0, description="How long a client that lost its connection may come back and go on."
    )


class Admin(Section):
    """Where operators look"""

    listen: Listen = Field(
        default=Address("127.0.0.1", 9464), description="Address for scrapes, health checks and the start page."
    )
    web_config_file: File = Field(
        default=None, description="TLS, basic auth and headers for it, as Prometheus's web config file has them."
    )


class Claims(Section):
    """Names of token claims; a dot steps into an object"""

    session: Text = Field(default="rtcStats.conference", description="Claim that names the session.")
    participant: Text = Field(default="rtcStats.user", description="Claim that names the participant.")
    client: Text = Field(default="rtcStats.session", description="Claim that holds the client's own session.")
    app: Text = Field(default="rtcStats.app", description="Claim that names the application.")
    version: Text = Field(default="rtcStats.version", description="Claim that holds the version of the application.")


class Bounds(Section):
    """What one client may cost"""

    frame_bytes: Size = Field(
        default=ByteSize(DEFAULTS.frame_bytes), description="One WebSocket message, or one line of a file."
    )
    body_bytes: Size = Field(default=ByteSize(DEFAULTS.body_bytes), description="A body of reports, unpacked.")
    dump_bytes: Size = Field(default=ByteSize(DEFAULTS.dump_bytes), description="A dump file as it is sent.")
    dump_bytes_unpacked: Size = Field(
        default=ByteSize(DEFAULTS.dump_bytes_unpacked), description="A dump file, unpacked."
    )
    frames_per_second: Rate = Field(
        default=DEFAULTS.frames_per_second, description="Frames of one connection each second."
    )
    frames_burst: Count = Field(default=DEFAULTS.frames_burst, description="Frames that may come at once.")
    connections: Count = Field(default=DEFAULTS.connections, description="Open WebSocket connections.")
    peer_connections: Count = Field(default=DEFAULTS.peer_connections, description="Peer connections of one client.")
    stats: Count = Field(default=DEFAULTS.stats, description="Stats objects in one report.")
    participants: Count = Field(default=DEFAULTS.participants, description="Live participants.")
    id_length: Count = Field(default=DEFAULTS.id_length, description="Characters of an id that a client chooses.")
    text_length: Count = Field(default=DEFAULTS.text_length, description="Characters of any other text that is kept.")
    depth: Count = Field(default=DEFAULTS.depth, description="Levels of nesting in JSON.")


class Setting(NamedTuple):
    """One row of the settings table."""

    name: str
    flag: str
    variable: str
    type: str
    default: str
    meaning: str
    section: str


class Config(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix=PREFIX, env_nested_delimiter="__")

    ingest: Ingest = Field(default_factory=Ingest)
    admin: Admin = Field(default_factory=Admin)
    metrics: Metrics = Field(default_factory=Metrics)
    traces: Traces = Field(default_factory=Traces)
    participants: Participants = Field(default_factory=Participants)
    claims: Claims = Field(default_factory=Claims)
    limits: Bounds = Field(default_factory=Bounds)
    memory: Memory = Field(default_factory=Memory)
    privacy: Privacy = Field(default_factory=Privacy)
    shutdown: Shutdown = Field(default_factory=Shutdown)
    log: Log = Field(default_factory=Log)

    #: Setting -> what set it, in the user's spelling; settings at their default are not in it.
    _given: dict[str, str] = PrivateAttr(default_factory=dict)
    _otlp: otel.Otlp = PrivateAttr(default_factory=otel.Otlp)
    _web: WebConfig = PrivateAttr(default_factory=WebConfig)
    _people: people.Privacy = PrivateAttr(default_factory=people.Privacy)

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what it is handed: ``load`` reads the sources itself, to know where each value came from."""
        return (init_settings,)

    @classmethod
    def load(cls, args: Mapping[str, str], environ: Mapping[str, str], file: str | Path | None = None) -> "Config":
        """Read flags (``{"ingest.listen": ...}`` or ``{"--ingest.listen": ...}``), variables and the TOML file."""
        values: dict[str, object] = {}
        given: dict[str, str] = {}
        for source in (_file(file or environ.get(FILE_VARIABLE) or None), _variables(environ), _flags(args)):
            for name, spelling, value in source:
                values[name], given[name] = value, spelling
        for secret in ("ingest.token_secret", "privacy.hash_key"):
            _one_secret(secret, values, given)
        nested: dict[str, dict[str, object]] = {}
        for name, value in values.items():
            section, _, key = name.partition(".")
            nested.setdefault(section, {})[key] = value
        try:
            config = cls(**cast("dict[str, Any]", nested))
        except ValidationError as exc:
            raise ConfigError(_explain(exc, given)) from None
        config._given.update(given)
        config._otlp = otel.read(environ)
        _check(config, given)
        config._web = webconfig.read(config.admin.web_config_file) if config.admin.web_config_file else WebConfig()
        config._people = _people(config)
        return config

    @property
    def bounds(self) -> Limits:
        """The limits as the core takes them."""
        return Limits(**{field.name: getattr(self.limits, field.name) for field in fields(Limits)})

    @property
    def profile(self) -> Profile:
        """The profile as the core takes it."""
        return Profile[self.metrics.profile.upper()]

    @property
    def otlp(self) -> otel.Otlp:
        """What is pushed, and where to: the one thing that only the standard variables say."""
        return self._otlp

    @property
    def web(self) -> WebConfig:
        """What the web config file of the admin listener says."""
        return self._web

    @property
    def people(self) -> people.Privacy:
        """What becomes of names and addresses."""
        return self._people

    def effective(self) -> Iterator[tuple[str, str, str]]:
        """Every setting with its value, secrets masked, and where that came from; then what is pushed."""
        for row in settings_table():
            section, _, key = row.name.partition(".")
            yield row.name, show(getattr(getattr(self, section), key)), self._given.get(row.name, "default")
        yield from self.otlp.effective()


def settings_table() -> tuple[Setting, ...]:
    """Every setting, for flags, README and chart."""
    return tuple(_rows())


def _rows() -> Iterator[Setting]:
    for section, outer in Config.model_fields.items():
        model = cast("type[Section]", outer.annotation)
        for key, field in model.model_fields.items():
            name = f"{section}.{key}"
            flag = "--" + name.replace("_", "-")
            variable = f"{PREFIX}{section}__{key}".upper()
            meaning = field.description or ""
            yield Setting(name, flag, variable, _wanted(field).type, show(field.default), meaning, model.__doc__ or "")


def _wanted(field: FieldInfo) -> Wanted:
    return next(part for part in field.metadata if isinstance(part, Wanted))


# ── sources: (setting, the user's spelling, value)


class _Environment(EnvSettingsSource):
    """The variables that are handed in, not the process's own."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        super().__init__(Config)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._environ.items()}


def _variables(environ: Mapping[str, str]) -> Iterator[tuple[str, str, object]]:
    known = {row.variable: row for row in settings_table()}
    ours = {name: value for name, value in environ.items() if name.startswith(PREFIX) and name != FILE_VARIABLE}
    for name in ours:
        if name not in known:
            raise ConfigError(_unknown(name, (*known, FILE_VARIABLE)))
    values = _Environment(ours)()
    for name in ours:
        section, _, key = known[name].name.partition(".")
        yield known[name].name, name, values[section][key]


def _flags(args: Mapping[str, str]) -> Iterator[tuple[str, str, object]]:
    known = {row.flag: row.name for row in settings_table()}
    for name, value in args.items():
        flag = "--" + name.removeprefix("--").replace("_", "-")
        if flag not in known:
            raise ConfigError(_unknown(flag, known))
        yield known[flag], flag, value


def _file(path: str | Path | None) -> Iterator[tuple[str, str, object]]:
    if path is None:
        return
    try:
        if not Path(path).is_file():
            raise ConfigError(f"the configuration file is {str(path)!r}, which is not a file")
        values = TomlConfigSettingsSource(Config, Path(path))()
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{path} is not TOML: {exc}") from None
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read: {exc.strerror}") from None
    known = {row.name for row in settings_table()}
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


# ── errors, in the user's spelling


def _explain(exc: ValidationError, given: Mapping[str, str]) -> str:
    """The first error, as one sentence."""
    error = exc.errors(include_url=False, include_context=False)[0]
    section, key = str(error["loc"][0]), str(error["loc"][1])
    field = cast("type[Section]", Config.model_fields[section].annotation).model_fields[key]
    wanted = _wanted(field)
    got = "***" if wanted.type == "secret" else repr(error["input"])
    return f"{given[f'{section}.{key}']} is {got}, wanted {wanted.text}"


def _one_secret(name: str, values: dict[str, object], given: dict[str, str]) -> None:
    """The key itself or the file with it; the file's content becomes the key."""
    path = values.get(f"{name}_file")
    if path in (None, ""):
        values.pop(f"{name}_file", None)
        return
    spelling = given[f"{name}_file"]
    if values.get(name):
        raise ConfigError(f"{given[name]} and {spelling} are both set, wanted one of them")
    try:
        values[name] = Path(str(path)).read_text().strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{spelling} is {str(path)!r}, which cannot be read: {type(exc).__name__}") from None
    if not values[name]:
        raise ConfigError(f"{spelling} is {str(path)!r}, which is empty, wanted at least {SECRET_LENGTH} characters")
    given[name] = spelling


def _check(config: Config, given: Mapping[str, str]) -> None:
    """What no single setting can know."""
    secret = config.ingest.token_secret.get_secret_value()
    listen = config.ingest.listen
    hash_key = config.privacy.hash_key.get_secret_value()
    for name, key in (("ingest.token_secret", secret), ("privacy.hash_key", hash_key)):
        if key and len(key.encode()) < SECRET_LENGTH:
            raise ConfigError(f"{given[name]} is too short, wanted at least {SECRET_LENGTH} characters")
    if config.privacy.participant_id == "hash" and not hash_key:
        raise ConfigError(
            f"{given['privacy.participant_id']} is hash, and there is no key: set privacy.hash_key "
            f"(--privacy.hash-key-file, {PREFIX}PRIVACY__HASH_KEY)"
        )
    if not secret and not listen.is_loopback:
        raise ConfigError(
            f"{given['ingest.listen']} is {listen}, which others can reach, and nothing checks who sends: "
            f"set ingest.token_secret (--ingest.token-secret-file, {PREFIX}INGEST__TOKEN_SECRET), "
            f"or set ingest.listen to a loopback address such as 127.0.0.1:{listen.port}"
        )
    if listen.port and listen == config.admin.listen:
        who = given.get("admin.listen") or given.get("ingest.listen", "")
        raise ConfigError(f"{who} is {listen}: ingest.listen and admin.listen must differ")


def _people(config: Config) -> people.Privacy:
    section = config.privacy
    hashes = section.participant_id == "hash"
    return people.Privacy(
        section.hash_key.get_secret_value().encode() if hashes else b"",
        section.addresses == "truncate",
        geo.places(section.country_database, section.network_database),
    )
