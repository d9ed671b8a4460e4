"""
The web config file of Prometheus's own listeners, for ours: TLS, basic auth, headers and a rate limit.

The file is that of exporter-toolkit (docs/web-configuration.md there), so that one file serves every exporter of a
host.  What Python's TLS cannot do as the file says is refused and not left out: a file that is taken means what it
says.  Reading it is all that is done here; ``app.guard`` asks for passwords, and ``app.listener`` binds the TLS.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from rtc_exporter.errors import ConfigError

SETTING = "admin.web_config_file"
#: Headers that the format lets an operator set; exporter-toolkit has the same list.
HEADERS = (
    "Content-Security-Policy", "Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options",
    "X-XSS-Protection",
)  # fmt: skip
VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1, "TLS11": ssl.TLSVersion.TLSv1_1, "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}  # fmt: skip
#: Go's names of groups -> OpenSSL's.  Python 3.11 takes one.
CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
#: How Go calls what it can ask of a client's certificate; the two that ask and do not look are not to be had here.
CLIENTS = {
    "NoClientCert": ssl.CERT_NONE, "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED, "": ssl.CERT_NONE,
}  # fmt: skip
#: Go's suites of TLS 1.2 -> OpenSSL's; those of TLS 1.3 are always on, in Go as here.
SUITES = {
    f"TLS_ECDHE_{key}_WITH_{go}": f"ECDHE-{key}-{openssl}"
    for key in ("RSA", "ECDSA")
    for go, openssl in (
        ("AES_128_GCM_SHA256", "AES128-GCM-SHA256"), ("AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
        ("CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"), ("CHACHA20_POLY1305", "CHACHA20-POLY1305"),
        ("AES_128_CBC_SHA", "AES128-SHA"), ("AES_256_CBC_SHA", "AES256-SHA"),
        ("AES_128_CBC_SHA256", "AES128-SHA256"),
    )
}  # fmt: skip
SUITES_13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")

#: What bcrypt writes, in its three spellings, at costs from 4 to 31.
_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")
#: A dearer hash takes longer than a minute, which is what a scrape may take.
MOST_COST = 15
_DURATION = re.compile(r"(\d+)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

#: A file as it was when it was read: path, time of change, size, number.
Stamp: TypeAlias = tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What the file amounts to."""

    #: None for plain HTTP.
    tls: ssl.SSLContext | None = None
    #: Certificate and key, which may be renewed, and all else that the TLS was made of, which a start decides on.
    certificate: tuple[Path, Path] | None = None
    fixed: str = ""
    #: User -> bcrypt hash; empty for no login.
    users: Mapping[str, bytes] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Requests a second, and how many may come at once; None for no bound.
    rate: tuple[float, int] | None = None
    #: Every file that was read, as it was.
    stamps: tuple[Stamp, ...] = ()


def read(path: Path) -> WebConfig:
    """The file and what it names; raises ``ConfigError``."""
    reader = _Reader(path)
    return reader.read()


def renewed(before: WebConfig, after: WebConfig) -> WebConfig:
    """What is in use from now on: the same TLS with the new certificate; raises ``ConfigError`` for another TLS."""
    if before.fixed != after.fixed:
        raise ConfigError(f"tls_server_config cannot change but for its certificate: restart it (see {SETTING})")
    if before.tls is not None and after.certificate is not None:
        try:
            before.tls.load_cert_chain(*after.certificate, password=lambda: "")  # for who shakes hands from now on
        except (OSError, ValueError) as exc:
            raise ConfigError(f"{SETTING}: the certificate has just changed again: {_reason(exc)}") from None
    return replace(after, tls=before.tls)


def changed(config: WebConfig) -> bool:
    """Whether a file is not as it was when it was read."""
    return any(_stamp(Path(stamp[0])) != stamp for stamp in config.stamps)


def as_it_is(config: WebConfig) -> WebConfig:
    """The same configuration, as if it came from the files as they are now: they were looked at and refused."""
    return replace(config, stamps=tuple(_stamp(Path(stamp[0])) for stamp in config.stamps))


def _stamp(path: Path) -> Stamp:
    try:
        stat = path.stat()
    except OSError:
        return str(path), 0, -1, 0
    return str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino


class _Reader:
    """Reads one file, and remembers what it looked at."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamps: list[Stamp] = []
        self._certificate_files: tuple[Path, Path] | None = None
        self._fixed = ""

    def read(self) -> WebConfig:
        text = self._text(self._path, SETTING)
        try:
            document = yaml.load(text, _UniqueLoader)
        except yaml.YAMLError as exc:
            raise self._wrong("", f"is not YAML: {str(exc).splitlines()[0]}") from None
        document = {} if document is None else document
        sections: dict[str, Callable[[Any], Any]] = {
            "tls_server_config": self._tls, "http_server_config": self._http, "basic_auth_users": self._users,
            "rate_limit": self._rate,
        }  # fmt: skip
        told = self._mapping("the file", document, sections)
        found = {name: read(told[name]) for name, read in sections.items() if told.get(name) is not None}
        return WebConfig(
            found.get("tls_server_config"),
            self._certificate_files,
            self._fixed,
            found.get("basic_auth_users", {}),
            found.get("http_server_config", {}),
            found.get("rate_limit"),
            tuple(self._stamps),
        )

    # ── sections

    def _tls(self, told: Any) -> ssl.SSLContext:
        known = (
            "cert_file", "key_file", "cert", "key", "client_auth_type", "client_ca_file", "client_ca", "cipher_suites",
            "client_allowed_sans", "curve_preferences", "min_version", "max_version", "prefer_server_cipher_suites",
        )  # fmt: skip
        told = self._mapping("tls_server_config", told, known)
        if told.get("client_allowed_sans"):
            raise self._wrong("client_allowed_sans", "is not supported here: sign those clients with a CA of their own")
        self._fixed = repr(
            sorted((name, value) for name, value in told.items() if name not in ("cert_file", "key_file"))
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._versions(context, told)
        self._ciphers(context, told)
        self._certificate(context, told)
        self._clients(context, told)
        return context

    def _versions(self, context: ssl.SSLContext, told: Mapping[str, Any]) -> None:
        least, most = told.get("min_version") or "TLS12", told.get("max_version") or "TLS13"
        for name, version in (("min_version", least), ("max_version", most)):
            if version not in VERSIONS:
                raise self._wrong(name, f"is {version!r}, wanted one of {', '.join(VERSIONS)}")
        if VERSIONS[least] > VERSIONS[most]:
            raise self._wrong("min_version", f"is {least}, which is above max_version {most}")
        if VERSIONS[most] < ssl.TLSVersion.TLSv1_2:
            raise self._wrong("max_version", f"is {most}, wanted TLS12 or TLS13")
        # What is older than 1.2 is off in today's OpenSSL whatever is asked for.
        context.minimum_version = max(VERSIONS[least], ssl.TLSVersion.TLSv1_2)
        context.maximum_version = VERSIONS[most]

    def _ciphers(self, context: ssl.SSLContext, told: Mapping[str, Any]) -> None:
        suites = self._words("cipher_suites", told)
        for suite in suites:
            if suite not in SUITES and suite not in SUITES_13:
                raise self._wrong("cipher_suites", f"has {suite!r}, which is unknown")
        if usable := [SUITES[suite] for suite in suites if suite in SUITES]:
            context.set_ciphers(":".join(usable))
        curves = self._words("curve_preferences", told)
        for curve in curves:
            if curve not in CURVES:
                raise self._wrong("curve_preferences", f"has {curve!r}, wanted some of {', '.join(CURVES)}")
        if len(curves) > 1:
            raise self._wrong("curve_preferences", "has several, and one can be set here: name one, or none for all")
        if curves:
            context.set_ecdh_curve(CURVES[curves[0]])
        if self._flag("prefer_server_cipher_suites", told, True):
            context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
        else:
            context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE

    def _certificate(self, context: ssl.SSLContext, told: Mapping[str, Any]) -> None:
        for name in ("cert", "key"):
            if told.get(name):
                raise self._wrong(name, f"is not supported here: put it into a file and name that in {name}_file")
            if not told.get(f"{name}_file"):
                raise self._wrong(f"{name}_file", "is missing")
        certificate, key = (self._named(name, told) for name in ("cert_file", "key_file"))
        self._certificate_files = certificate, key
        try:
            # Where a key has a pass phrase OpenSSL would ask the terminal.
            context.load_cert_chain(certificate, key, password=lambda: "")
        except (OSError, ValueError) as exc:
            raise self._wrong("cert_file", f"and key_file do not fit or are not PEM: {_reason(exc)}") from None

    def _clients(self, context: ssl.SSLContext, told: Mapping[str, Any]) -> None:
        kind = told.get("client_auth_type") or ""
        if kind not in CLIENTS:
            wanted = ", ".join(filter(None, CLIENTS))
            raise self._wrong("client_auth_type", f"is {kind!r}, wanted one of {wanted}")
        if told.get("client_ca"):
            raise self._wrong("client_ca", "is not supported here: put it into a file and name it in client_ca_file")
        authority = told.get("client_ca_file")
        if not authority:
            if CLIENTS[kind] != ssl.CERT_NONE:
                raise self._wrong("client_auth_type", f"is {kind}, and client_ca_file is missing")
            return
        if CLIENTS[kind] == ssl.CERT_NONE:
            raise self._wrong("client_ca_file", "is set, and client_auth_type asks for no certificate")
        try:
            context.load_verify_locations(self._named("client_ca_file", told))
        except (OSError, ValueError) as exc:
            raise self._wrong("client_ca_file", f"is not PEM: {_reason(exc)}") from None
        self._fixed += repr(context.get_ca_certs(binary_form=True))
        context.verify_mode = CLIENTS[kind]

    def _http(self, told: Any) -> dict[str, str]:
        told = self._mapping("http_server_config", told, ("http2", "headers"))
        self._flag("http2", told, True)  # there is HTTP/1.1 alone, which every client of HTTP/2 speaks too
        headers = self._mapping("headers", told.get("headers") or {}, HEADERS)
        for name, value in headers.items():
            if not isinstance(value, str) or not value.isprintable() or not value.isascii():
                raise self._wrong(name, "is no printable text")
        return {name.lower(): value for name, value in headers.items() if value}

    def _users(self, told: Any) -> dict[str, bytes]:
        users = self._mapping("basic_auth_users", told, None)
        for user, hashed in users.items():
            if not user or ":" in user:
                raise self._wrong("basic_auth_users", "has a name that is empty or has a colon")
            if not isinstance(hashed, str) or not _BCRYPT.fullmatch(hashed):
                raise self._wrong("basic_auth_users", f"has no bcrypt hash for {user!r}")
            if int(hashed[4:6]) > MOST_COST:
                raise self._wrong("basic_auth_users", f"has a hash of a cost over {MOST_COST} for {user!r}")
        return {user: hashed.encode() for user, hashed in users.items()}

    def _rate(self, told: Any) -> tuple[float, int] | None:
        told = self._mapping("rate_limit", told, ("interval", "burst"))
        interval, burst = told.get("interval", "0s"), told.get("burst", 0)
        found = _DURATION.fullmatch(interval) if isinstance(interval, str) else None
        if interval != 0 and found is None:
            raise self._wrong("interval", f"is {interval!r}, wanted a duration such as 1s")
        if type(burst) is not int or burst < 0:
            raise self._wrong("burst", f"is {burst!r}, wanted a whole number")
        seconds = int(found[1]) * _SECONDS[found[2]] if found else 0.0
        if not seconds:
            return None
        if not burst:
            raise self._wrong("burst", "is 0: no request would ever be answered")
        return 1.0 / seconds, burst

    # ── values

    def _mapping(self, name: str, told: Any, known: Any) -> dict[str, Any]:
        if not isinstance(told, dict) or not all(isinstance(key, str) for key in told):
            raise self._wrong(name, "is no mapping")
        for key in told:
            if known is not None and key not in known:
                raise self._wrong(key, f"is unknown, wanted some of {', '.join(known)}")
        return told

    def _words(self, name: str, told: Mapping[str, Any]) -> list[str]:
        words = told.get(name) or []
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise self._wrong(name, "is no list of names")
        return words

    def _flag(self, name: str, told: Mapping[str, Any], default: bool) -> bool:
        value = told.get(name, default)
        if not isinstance(value, bool):
            raise self._wrong(name, f"is {value!r}, wanted true or false")
        return value

    def _named(self, name: str, told: Mapping[str, Any]) -> Path:
        """A file that the file names; relative to where it is itself."""
        if not isinstance(told[name], str):
            raise self._wrong(name, "is no path")
        path = self._path.parent / str(told[name])
        self._text(path, name)
        return path

    def _text(self, path: Path, name: str) -> str:
        self._stamps.append(_stamp(path))
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            where = f"{name} is {str(path)!r}, which cannot be read: {type(exc).__name__}"
            raise ConfigError(where if name == SETTING else f"{where} (in {self._path})") from None

    def _wrong(self, name: str, text: str) -> ConfigError:
        return ConfigError(f"{f'{name} ' if name else 'it '}{text} (in {self._path}, see {SETTING})")


class _UniqueLoader(yaml.SafeLoader):
    """YAML in which a key stands once: the second of two users of one name would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if len(keys) != len(set(map(str, keys))):
            raise yaml.constructor.ConstructorError(None, None, "a key stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _reason(exc: Exception) -> str:
    return getattr(exc, "reason", None) or type(exc).__name__
