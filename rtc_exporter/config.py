"""
Every setting, one field each.

A setting has one name in three spellings: ``--ingest.token-secret``, ``RTC_EXPORTER_INGEST__TOKEN_SECRET``
and ``token_secret`` under ``[ingest]`` in a TOML file.  Flags win over variables, variables over the file,
the file over the defaults.  What OTLP pushes is set by OpenTelemetry's own variables alone (``otel.py``).
What is misspelt or wrong refuses the start with a ``ConfigError`` that repeats the user's own spelling.
To add a setting, add a field; flags, README and chart are made from the table.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from pydantic import ByteSize, Field, PrivateAttr, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from rtc_exporter import engine as engines
from rtc_exporter import geo, keys, otel, sources, webconfig
from rtc_exporter import privacy as people
from rtc_exporter.errors import ConfigError
from rtc_exporter.grades import Quality, chosen
from rtc_exporter.limits import Limits
from rtc_exporter.metric import Profile
from rtc_exporter.sections import Log, Memory, Metrics, Participants, Privacy, Section, Shards, Shutdown, Traces
from rtc_exporter.settings import (
    SECRET_LENGTH,
    Address,
    Count,
    File,
    Flag,
    Folder,
    Hops,
    IdLength,
    Listen,
    Origins,
    Rate,
    Seconds,
    Secret,
    Size,
    Tenants,
    Text,
    Wanted,
    Word,
    Words,
    show,
)
from rtc_exporter.sources import FILE_VARIABLE, PREFIX, Setting
from rtc_exporter.support import History, Links
from rtc_exporter.thresholds import Thresholds
from rtc_exporter.webconfig import WebConfig

DEFAULTS = Limits()


class Ingest(Section):
    """Where clients connect"""

    listen: Listen = Field(
        default=Address("127.0.0.1", 8080), description="Address for clients; loopback only without a key."
    )
    token_secret: Secret = Field(
        default=SecretStr(""), description="Secret that the clients' tokens are signed with; empty for none."
    )
    token_secret_file: File = Field(default=None, description="File that holds the secret of the clients' tokens.")
    token_keys: Folder = Field(
        default=None,
        description="Folder with a file for each key of tokens, named by its kid; a subfolder holds a tenant's own.",
    )
    token_algorithms: Words = Field(
        default=("HS256",), description="Algorithms of tokens, of one family: HS256, HS384, HS512; RS256; ES256; EdDSA."
    )
    token_audience: Word = Field(default="", description="What the claim aud of a token must say; empty for anything.")
    token_lifetime: Seconds = Field(
        default=3600.0, description="Longest time from iat to exp of a token; 0 for any, even without iat."
    )
    keys_file: File = Field(
        default=None,
        description="File of keys that clients may send in place of tokens, one a line: KEY or TENANT KEY.",
    )
    tenants: Tenants = Field(default=(), description="Whose clients there are; each has its own series and traces.")
    allow_anonymous: Flag = Field(
        default=False, description="Whether clients may come without token or key, from everywhere."
    )
    allowed_origins: Origins = Field(default=(), description="Origins of the pages that may send; empty for any.")
    call_idle: Seconds = Field(
        default=0.0, description="Silence after which a call of a page has ended and the next begins; 0 for never."
    )
    trusted_hops: Hops = Field(
        default=0,
        description="Proxies in front, each of which appends to X-Forwarded-For; 0 where clients come directly.",
    )
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
    tenant: Text = Field(default="rtcStats.tenant", description="Claim that names the tenant, where there are tenants.")


class Bounds(Section):
    """What one client may cost"""

    frame_bytes: Size = Field(
        default=ByteSize(DEFAULTS.frame_bytes), description="One WebSocket message, or one line of a file."
    )
    body_bytes: Size = Field(default=ByteSize(DEFAULTS.body_bytes), description="A body of reports, unpacked.")
    bodies_bytes: Size = Field(
        default=ByteSize(DEFAULTS.bodies_bytes), description="All bodies of requests that are under way."
    )
    dump_bytes: Size = Field(default=ByteSize(DEFAULTS.dump_bytes), description="A dump file as it is sent.")
    dump_bytes_unpacked: Size = Field(
        default=ByteSize(DEFAULTS.dump_bytes_unpacked), description="A dump file, unpacked."
    )
    address_posts: Count = Field(
        default=DEFAULTS.address_posts, description="Requests of one address that are under way."
    )
    frames_per_second: Rate = Field(
        default=DEFAULTS.frames_per_second, description="Frames of one connection each second."
    )
    frames_burst: Count = Field(default=DEFAULTS.frames_burst, description="Frames that may come at once.")
    bytes_per_second: Size = Field(
        default=ByteSize(DEFAULTS.bytes_per_second), description="Bytes of one connection each second."
    )
    bytes_burst: Size = Field(default=ByteSize(DEFAULTS.bytes_burst), description="Bytes that may come at once.")
    connections: Count = Field(default=DEFAULTS.connections, description="Open WebSocket connections.")
    tenant_connections: Count = Field(default=DEFAULTS.tenant_connections, description="Those of one tenant.")
    address_connections: Count = Field(
        default=DEFAULTS.address_connections, description="Connections of one address; of IPv6, of one /64."
    )
    participant_connections: Count = Field(
        default=DEFAULTS.participant_connections, description="WebSocket connections of one participant."
    )
    peer_connections: Count = Field(default=DEFAULTS.peer_connections, description="Peer connections of one client.")
    stats: Count = Field(default=DEFAULTS.stats, description="Stats objects in one report.")
    members: Count = Field(
        default=DEFAULTS.members, description="Members of all stats objects that are held for one client."
    )
    nodes: Count = Field(default=DEFAULTS.nodes, description="Values in one JSON document.")
    participants: Count = Field(default=DEFAULTS.participants, description="Live participants.")
    series: Count = Field(default=DEFAULTS.series, description="Series of cohorts, before further ones fold.")
    tenant_series: Count = Field(
        default=DEFAULTS.tenant_series, description="Those of one tenant, where there are several."
    )
    id_length: IdLength = Field(default=DEFAULTS.id_length, description="Characters of an id that a client chooses.")
    text_length: Count = Field(default=DEFAULTS.text_length, description="Characters of any other text that is kept.")
    depth: Count = Field(default=DEFAULTS.depth, description="Levels of nesting in JSON.")


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
    shards: Shards = Field(default_factory=Shards)
    memory: Memory = Field(default_factory=Memory)
    privacy: Privacy = Field(default_factory=Privacy)
    shutdown: Shutdown = Field(default_factory=Shutdown)
    history: History = Field(default_factory=History)
    links: Links = Field(default_factory=Links)
    engine: engines.Engine = Field(default_factory=engines.Engine)
    log: Log = Field(default_factory=Log)

    #: Setting -> what set it, in the user's spelling; settings at their default are not in it.
    _given: dict[str, str] = PrivateAttr(default_factory=dict)
    _otlp: otel.Otlp = PrivateAttr(default_factory=otel.Otlp)
    _web: WebConfig = PrivateAttr(default_factory=WebConfig)
    _people: people.Privacy = PrivateAttr(default_factory=people.Privacy)
    _keys: keys.Keys = PrivateAttr(default_factory=keys.Keys)

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what it is handed: ``load`` reads the sources itself, to know where each value came from."""
        return (init_settings,)

    @classmethod
    def load(
        cls, args: Mapping[str, str], environ: Mapping[str, str], file: str | Path | None = None, shard: str = ""
    ) -> "Config":
        """
        Read flags (``{"ingest.listen": ...}`` or ``{"--ingest.listen": ...}``), variables and the TOML file.

        ``shard``: which of several processes this is that have the same.
        """
        values: dict[str, object] = {}
        given: dict[str, str] = {}
        rows = settings_table()
        file = file or environ.get(FILE_VARIABLE) or None
        for source in (
            sources.file(file, cls, rows), sources.variables(environ, cls, rows), sources.flags(args, rows),
        ):  # fmt: skip
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
        config._otlp = otel.read(environ, shard)
        ingest = config.ingest
        secret = ingest.token_secret.get_secret_value()
        wanted = keys.Settings(secret, ingest.token_algorithms, ingest.token_keys, ingest.keys_file, ingest.tenants)
        config._keys = keys.read(wanted, given)
        _check(config, given)
        config._web = webconfig.read(config.admin.web_config_file) if config.admin.web_config_file else WebConfig()
        config._people = _people(config)
        return config

    @property
    def bounds(self) -> Limits:
        """The limits as the core takes them."""
        values = {field.name: getattr(self.limits, field.name) for field in fields(Limits)}
        return Limits(**{name: int(value) if isinstance(value, ByteSize) else value for name, value in values.items()})

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

    @property
    def web(self) -> WebConfig:
        """What the web config file of the admin listener says."""
        return self._web

    @property
    def people(self) -> people.Privacy:
        """What becomes of names and addresses."""
        return self._people

    @property
    def keys(self) -> keys.Keys:
        """The keys that clients are checked against, as they were when the configuration was loaded."""
        return self._keys

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
    values[name] = keys.secret_of(Path(str(path)), spelling)
    given[name] = spelling


def _check(config: Config, given: Mapping[str, str]) -> None:
    """What no single setting can know."""
    listen = config.ingest.listen
    hash_key = config.privacy.hash_key.get_secret_value()
    if hash_key and len(hash_key.encode()) < SECRET_LENGTH:
        raise ConfigError(f"{given['privacy.hash_key']} is too short, wanted at least {SECRET_LENGTH} characters")
    if config.privacy.participant_id == "hash" and not hash_key:
        raise ConfigError(
            f"{given['privacy.participant_id']} is hash, and there is no key: set privacy.hash_key "
            f"(--privacy.hash-key-file, {PREFIX}PRIVACY__HASH_KEY)"
        )
    try:
        config.thresholds  # noqa: B018 - they are checked where they are made
    except ValueError as exc:
        name = f"quality.{str(exc).partition(' ')[0]}"
        raise ConfigError(f"{given.get(name, name)}: {exc}") from None
    if config.keys.is_empty and not listen.is_loopback and not config.ingest.allow_anonymous:
        raise ConfigError(
            f"{given['ingest.listen']} is {listen}, which others can reach, and nothing checks who sends: "
            f"set ingest.token_secret (--ingest.token-secret-file, {PREFIX}INGEST__TOKEN_SECRET), ingest.token_keys "
            f"or ingest.keys_file, or set ingest.listen to a loopback address such as 127.0.0.1:{listen.port}, "
            "or say with ingest.allow_anonymous that everybody may send"
        )
    engines.check(config.engine, config.shards.processes, given)
    if config.ingest.tenants and config.keys.is_empty:
        raise ConfigError(
            f"{given['ingest.tenants']} is set, and nothing says whose a client is: set ingest.token_secret, "
            "ingest.token_keys or ingest.keys_file"
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
