"""
The keys that clients are checked against: read and checked before a port is opened, looked up for each connection.

Tokens are signed, with a shared secret or a private key whose public half is here.  Several keys may be good at the
same time, so that they can be changed one after the other; a token may say by ``kid`` which one it was signed with,
and that is looked up here and nowhere else.  Ingest keys name a tenant and nothing more.  To change keys, change
the files and load the configuration again.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jwt

from rtc_exporter.errors import ConfigError

#: Algorithm -> family, and the least bytes of a secret: as many as the hash has (RFC 7518 3.2).
FAMILIES = {"HS256": "HS", "HS384": "HS", "HS512": "HS", "RS256": "RS", "ES256": "ES", "EdDSA": "Ed"}
SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
#: What NIST SP 800-131A and browsers take.
RSA_BITS = 2048
#: Keys for tokens: one without ``kid`` is tried with each of them.
MOST_KEYS = 16
#: A key is a few lines; what is longer is another file.
FILE_BYTES = 16 << 10
#: Bytes of an ingest key.
INGEST_BYTES = 32
#: Names of tenants are label values, and names of folders.
TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
#: Who sends without a key where others have one.
ANONYMOUS = "anonymous"


class Key(NamedTuple):
    """A key for tokens, and the one tenant that it can speak for; None for any."""

    value: Any
    tenant: str | None


class Settings(NamedTuple):
    """What the configuration says about keys."""

    secret: str = ""
    algorithms: tuple[str, ...] = ("HS256",)
    folder: Path | None = None
    file: Path | None = None
    tenants: tuple[str, ...] = ()


class Keys(NamedTuple):
    """Every key that is good now."""

    algorithms: tuple[str, ...] = ("HS256",)
    #: By ``kid``; the key that has none stands under "".
    tokens: Mapping[str, Key] = {}
    #: Digest -> tenant.  What is looked up is a digest, so the time that it takes tells nothing.
    ingest: Mapping[bytes, str] = {}

    @property
    def is_empty(self) -> bool:
        """Nobody can be checked."""
        return not self.tokens and not self.ingest

    def candidates(self, kid: object) -> list[Key]:
        """The keys that a token with this ``kid`` may have been signed with; ``None`` where it names none."""
        if kid is None or self.tokens.keys() <= {""}:
            return list(self.tokens.values())
        return [self.tokens[kid]] if isinstance(kid, str) and kid and kid in self.tokens else []

    def tenant_of(self, text: str) -> str | None:
        """Whose ingest key this is; None where it is none."""
        return self.ingest.get(digest(text)) if self.ingest else None


def digest(text: str) -> bytes:
    """What stands for a key in a table."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def read(settings: Settings, spelling: Mapping[str, str]) -> Keys:
    """The keys that settings name; ``spelling`` has the user's own names of those."""
    algorithms, where = settings.algorithms, spelling.get("ingest.token_algorithms", "ingest.token_algorithms")
    unknown = [name for name in algorithms if name not in FAMILIES]
    if unknown or not algorithms or len({FAMILIES[name] for name in algorithms}) > 1:
        raise ConfigError(
            f"{where} is {','.join(algorithms)!r}, wanted algorithms of one family: HS256,HS384,HS512, or RS256, "
            "or ES256, or EdDSA"
        )
    bad = next((name for name in settings.tenants if not TENANT.fullmatch(name) or name == ANONYMOUS), None)
    if bad is not None:
        raise ConfigError(
            f"{spelling['ingest.tenants']} has {bad!r}, wanted letters, digits, '.', '_' and '-', not {ANONYMOUS!r}"
        )
    tokens: dict[str, Key] = {}
    if settings.secret:
        tokens[""] = Key(_secret(settings.secret.encode(), algorithms, spelling["ingest.token_secret"]), None)
    for kid, key in _folder(settings, spelling.get("ingest.token_keys", "")):
        if kid in tokens:
            raise ConfigError(f"{spelling['ingest.token_keys']} has two keys named {kid!r}")
        tokens[kid] = key
    if len(tokens) > MOST_KEYS:
        raise ConfigError(f"{spelling['ingest.token_keys']} has {len(tokens)} keys, wanted at most {MOST_KEYS}")
    return Keys(algorithms, tokens, dict(_ingest(settings, spelling.get("ingest.keys_file", ""))))


def _secret(value: bytes, algorithms: tuple[str, ...], what: str) -> bytes:
    if FAMILIES[algorithms[0]] != "HS":
        raise ConfigError(f"{what} is a secret, and {','.join(algorithms)} wants public keys: set ingest.token_keys")
    least = max(SECRET_BYTES[name] for name in algorithms)
    if len(value) < least:
        raise ConfigError(f"{what} is too short, wanted at least {least} characters for {','.join(algorithms)}")
    return value


def _folder(settings: Settings, what: str) -> Iterator[tuple[str, Key]]:
    """Name of each key and the key; Kubernetes keeps files of its own, which begin with a dot, beside them."""
    folder = settings.folder
    if folder is None:
        return
    try:
        if not folder.is_dir():
            raise ConfigError(f"{what} is {str(folder)!r}, which is not a folder")
        for path in sorted(folder.iterdir()):
            if path.name.startswith("."):
                continue
            if not path.is_dir():
                yield path.stem, Key(_key(path, settings.algorithms, what), None)
                continue
            if path.name not in settings.tenants:
                raise ConfigError(f"{what} has a folder {path.name!r}, which is none of ingest.tenants")
            for inner in sorted(path.iterdir()):
                if not inner.name.startswith("."):
                    yield inner.stem, Key(_key(inner, settings.algorithms, what), path.name)
    except OSError as exc:
        raise ConfigError(f"{what} is {str(folder)!r}, which cannot be read: {exc.strerror}") from None


def _key(path: Path, algorithms: tuple[str, ...], what: str) -> Any:
    what = f"{what}: {path.name}"
    content = _content(path, what)
    family = FAMILIES[algorithms[0]]
    if family == "HS":
        return _secret(content, algorithms, what)
    if b"PRIVATE KEY" in content:
        raise ConfigError(
            f"{what} is a private key, wanted the public one: the private one stays where tokens are made"
        )
    try:
        key: Any = jwt.get_algorithm_by_name(algorithms[0]).prepare_key(content)
    except (jwt.PyJWTError, ValueError, TypeError):
        raise ConfigError(f"{what} is no public key for {algorithms[0]} in PEM") from None
    if family == "RS" and key.key_size < RSA_BITS:
        raise ConfigError(f"{what} has {key.key_size} bits, wanted at least {RSA_BITS}")
    if family == "ES" and key.curve.name != "secp256r1":
        raise ConfigError(f"{what} is on the curve {key.curve.name}, wanted P-256")
    return key


def _ingest(settings: Settings, what: str) -> Iterator[tuple[bytes, str]]:
    if settings.file is None:
        return
    seen = set()
    for number, line in enumerate(_text(settings.file, what).splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        where = f"{what}, line {number},"
        tenant = words[0] if len(words) == 2 else ""
        if len(words) > 2 or (tenant and tenant not in settings.tenants):
            raise ConfigError(f"{where} names none of ingest.tenants, wanted KEY, or TENANT KEY")
        if settings.tenants and not tenant:
            raise ConfigError(f"{where} names no tenant, wanted TENANT KEY")
        if len(words[-1].encode()) < INGEST_BYTES:
            raise ConfigError(f"{where} has a key that is too short, wanted at least {INGEST_BYTES} characters")
        if words[-1] in seen:
            raise ConfigError(f"{where} has a key that another line has as well")
        seen.add(words[-1])
        yield digest(words[-1]), tenant
    if not seen:
        raise ConfigError(f"{what} is {str(settings.file)!r}, which has no keys")


def secret_of(path: Path, what: str) -> str:
    """The secret in a file, without the line end that editors add."""
    secret = _text(path, what).strip()
    if not secret:
        raise ConfigError(
            f"{what} is {str(path)!r}, which is empty, wanted at least {SECRET_BYTES['HS256']} characters"
        )
    return secret


def _text(path: Path, what: str) -> str:
    try:
        return _content(path, what).decode()
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{what} is {str(path)!r}, which cannot be read: {type(exc).__name__}") from None


def _content(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES + 1)
    except OSError as exc:
        raise ConfigError(f"{what} is {str(path)!r}, which cannot be read: {type(exc).__name__}") from None
    if len(content) > FILE_BYTES:
        raise ConfigError(f"{what} is {str(path)!r}, which is too large for a key")
    return content.strip()
