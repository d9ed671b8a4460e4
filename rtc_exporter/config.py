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

from pydantic import BaseModel, ByteSize, ConfigDict, Field, PrivateAttr, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from rtc_exporter import otel
from rtc_exporter.errors import ConfigError
from rtc_exporter.grades import Quality, chosen
from rtc_exporter.limits import Limits
from rtc_exporter.metric import Profile
from rtc_exporter.settings import (
    SECRET_LENGTH,
    Address,
    Count,
    Epoch,
    File,
    Flag,
    Level,
    Listen,
    Origins,
    ProfileName,
    Rate,
    Seconds,
    Secret,
    Selection,
    Share,
    Size,
    Text,
    Wanted,
    Words,
    show,
)
from rtc_exporter.thresholds import Thresholds

PREFIX = "RTC_EXPORTER_"
#: The variable that names the TOML file, as ``--config`` does.
FILE_VARIABLE = "RTC_EXPORTER_CONFIG"
DEFAULTS = Limits()


class Section(BaseModel):
    """One group of settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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
    call_idle: Seconds = Field(
        default=0.0, description="Silence after which a call of a page has ended and the next begins; 0 for never."
    )
    resume: Seconds = Field(
        default=15.0, description="How long a client that lost its connection may come back and go on."
    )


class Admin(Section):
    """Where operators look"""

    listen: Listen = Field(
        default=Address("127.0.0.1", 9464), description="Address for scrapes, health checks and the start page."
    )


class Metrics(Section):
    """What is published"""

    profile: ProfileName = Field(default="standard", description="How many metrics are published.")
    fold_interval: Seconds = Field(
        default=5.0, description="How often the reports of a peer connection are judged; 0 for each."
    )
    budget: Count = Field(default=2000, description="Label sets of one metric before further ones fold into one.")
    native_histograms: Flag = Field(
        default=False, description="Whether histograms have native buckets beside their own, for who scrapes protobuf."
    )


class Traces(Section):
    """Which spans are made"""

    ratio: Share = Field(
        default=1.0,
        description="Share of sessions whose traces are kept from the start; what turns bad is kept anyway.",
    )
    epoch: Epoch = Field(
        default="day", description="How often a session of the same name begins a new trace: each day of UTC, or never."
    )
    budget: Count = Field(default=500, description="Spans of one participant.")
    pinned: Words = Field(
        default=(),
        description="Session and participant ids whose traces are always kept; so are those in `participants.pinned`.",
    )


class Participants(Section):
    """Series of single participants"""

    series: Selection = Field(default="worst", description="Which live participants have series of their own.")
    limit: Count = Field(default=500, description="How many participants have series of their own.")
    pinned: Words = Field(default=(), description="Participant ids that always have series of their own.")
    expiry: Seconds = Field(default=60.0, description="Silence after which a participant has left.")


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


class Log(Section):
    """What is logged"""

    level: Level = Field(default="info", description="The least important messages that are logged.")


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
    quality: Quality = Field(default_factory=Quality)
    participants: Participants = Field(default_factory=Participants)
    claims: Claims = Field(default_factory=Claims)
    limits: Bounds = Field(default_factory=Bounds)
    log: Log = Field(default_factory=Log)

    #: Setting -> what set it, in the user's spelling; settings at their default are not in it.
    _given: dict[str, str] = PrivateAttr(default_factory=dict)
    _otlp: otel.Otlp = PrivateAttr(default_factory=otel.Otlp)

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
        _one_secret(values, given)
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
        return config

    @property
    def bounds(self) -> Limits:
        """The limits as the core takes them."""
        return Limits(**{field.name: getattr(self.limits, field.name) for field in fields(Limits)})

    @property
    def thresholds(self) -> Thresholds:
        """Where classes end, as the core takes it; ValueError names bounds that do not follow one another."""
        return chosen(self.quality)

    @property
    def profile(self) -> Profile:
        """The profile as the core takes it."""
        return Profile[self.metrics.profile.upper()]

    @property
    def otlp(self) -> otel.Otlp:
        """What is pushed, and where to: the one thing that only the standard variables say."""
        return self._otlp

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


def _one_secret(values: dict[str, object], given: dict[str, str]) -> None:
    """The key itself or the file with it; the file's content becomes the key."""
    path = values.get("ingest.token_secret_file")
    if path in (None, ""):
        values.pop("ingest.token_secret_file", None)
        return
    spelling = given["ingest.token_secret_file"]
    if values.get("ingest.token_secret"):
        raise ConfigError(f"{given['ingest.token_secret']} and {spelling} are both set, wanted one of them")
    try:
        values["ingest.token_secret"] = Path(str(path)).read_text().strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{spelling} is {str(path)!r}, which cannot be read: {type(exc).__name__}") from None
    if not values["ingest.token_secret"]:
        raise ConfigError(f"{spelling} is {str(path)!r}, which is empty, wanted at least {SECRET_LENGTH} characters")
    given["ingest.token_secret"] = spelling


def _check(config: Config, given: Mapping[str, str]) -> None:
    """What no single setting can know."""
    secret = config.ingest.token_secret.get_secret_value()
    listen = config.ingest.listen
    try:
        config.thresholds  # noqa: B018 - they are checked where they are made
    except ValueError as exc:
        name = f"quality.{str(exc).partition(' ')[0]}"
        raise ConfigError(f"{given.get(name, name)}: {exc}") from None
    if secret and len(secret.encode()) < SECRET_LENGTH:
        raise ConfigError(f"{given['ingest.token_secret']} is too short, wanted at least {SECRET_LENGTH} characters")
    if not secret and not listen.is_loopback:
        raise ConfigError(
            f"{given['ingest.listen']} is {listen}, which others can reach, and nothing checks who sends: "
            f"set ingest.token_secret (--ingest.token-secret-file, {PREFIX}INGEST__TOKEN_SECRET), "
            f"or set ingest.listen to a loopback address such as 127.0.0.1:{listen.port}"
        )
    if listen.port and listen == config.admin.listen:
        who = given.get("admin.listen") or given.get("ingest.listen", "")
        raise ConfigError(f"{who} is {listen}: ingest.listen and admin.listen must differ")
