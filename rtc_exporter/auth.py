"""
Who a client is, and whose: the token or key, the URL, or a name made up here.

A verified token outranks everything; the URL names what the token does not, and must not say otherwise; what nobody
names is generated.  A key says whose a client is and no more.  Without keys nothing can be verified: the listener is
then bound to loopback, and a token is read for the names in it alone.  Neither token nor URL is kept.
"""

import base64
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard
from urllib.parse import parse_qsl, unquote

import jwt

from rtc_exporter.catalog import FORMAT_NAMES
from rtc_exporter.config import Claims, Config
from rtc_exporter.errors import AuthError, FrameError, OriginError, Reason
from rtc_exporter.keys import ANONYMOUS, Key
from rtc_exporter.model import ParticipantKey

#: Where clients put the token: rtcstats-js in the first.
TOKEN_PARAMETERS = ("rtcstats-token", "token")
#: A token is read before its signature is checked, so its size is bounded first.
TOKEN_LENGTH = 4096
#: How far the clocks of whoever signs and this host may be apart, in seconds.
LEEWAY = 30.0
QUERY_FIELDS = 64
#: Where Jitsi's clients name their stream, the same on every connection of it; what its server takes for a name.
STREAM_PARAMETER = "statsSessionId"
STREAM = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
#: No clock shows as many seconds: 30,000 years.
NEVER = 1e12
#: The first segments of a path that names session and participant; clients append the path of their page.
PATH = re.compile(rf"/*v1/(?:{'|'.join((*FORMAT_NAMES, 'reports', 'dumps'))})/([^/]+)/([^/]+)(?:/|$)")


class Identity(NamedTuple):
    """Who sends.  ``claimed`` is false where the payload itself may still say it."""

    key: ParticipantKey
    claimed: bool
    attributes: Mapping[str, str]
    #: What its client calls the stream that this connection is one of.
    stream: str = ""
    #: Whose client it is; "" where there are no tenants.
    tenant: str = ""


class Credential(NamedTuple):
    """What a client has shown: claims that hold, whether they were verified, and whose it is."""

    claims: Mapping[str, Any] = {}
    is_verified: bool = False
    tenant: str = ""


def welcome(origin: str | None, config: Config) -> None:
    """
    Raise ``OriginError`` for a page that is not on the list.

    Browsers always name the page; who names none is no page, and needs a token where there is a list.  ``null``
    is what any page can be made to say.
    """
    allowed = config.ingest.allowed_origins
    if allowed and (config.keys.is_empty if origin is None else origin not in allowed):
        raise OriginError(Reason.BAD_ORIGIN, "this page is not on the list of allowed origins")


def verify(token: str, config: Config, now: float) -> tuple[dict[str, Any], Key]:
    """The claims of a token that was signed with a key of ours and is not over, and that key."""
    options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
    claims, key = _signed(token, config, options)
    ingest = config.ingest
    expires = claims.get("exp")
    if not _is_time(expires):
        raise AuthError(Reason.BAD_TOKEN, "a token needs an exp claim")
    if expires <= now - LEEWAY:
        raise AuthError(Reason.BAD_TOKEN, "the token has expired")
    begins = claims.get("nbf", now)
    if not _is_time(begins) or begins > now + LEEWAY:
        raise AuthError(Reason.BAD_TOKEN, "the token is not valid yet")
    issued = claims.get("iat", None if ingest.token_lifetime else now)
    if not _is_time(issued) or issued > now + LEEWAY:
        raise AuthError(Reason.BAD_TOKEN, "a token needs an iat claim that is not in the future")
    if ingest.token_lifetime and expires - issued > ingest.token_lifetime:
        raise AuthError(Reason.BAD_TOKEN, f"a token is good for at most {ingest.token_lifetime:g} seconds")
    audience = claims.get("aud")
    if ingest.token_audience and ingest.token_audience not in (audience if isinstance(audience, list) else [audience]):
        raise AuthError(Reason.BAD_TOKEN, "the token is for another audience")
    return claims, key


def _signed(token: str, config: Config, options: dict[str, Any]) -> tuple[dict[str, Any], Key]:
    """The claims, and the key of ours that the signature is of."""
    _bounded(token)
    try:
        kid = jwt.get_unverified_header(token).get("kid")
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise AuthError(Reason.BAD_TOKEN, "the token is not one of ours") from None
    for key in config.keys.candidates(kid):
        try:
            return _decode(token, key.value, config.keys.algorithms, options), key
        except AuthError:
            continue
    raise AuthError(Reason.BAD_TOKEN, "the token is not one of ours")


def unverified(token: str) -> dict[str, Any]:
    """The claims of any token, for where nothing is trusted anyway."""
    _bounded(token)
    return _decode(token, "", ("HS256",), {"verify_signature": False})


def credential(text: str, config: Config, now: float) -> Credential:
    """What a token or key is good for; raises ``AuthError``."""
    keys = config.keys
    if keys.is_empty:
        return Credential(unverified(text) if text else {})
    if not text and config.ingest.allow_anonymous:
        return Credential(tenant=ANONYMOUS)
    if not text:
        raise AuthError(Reason.BAD_TOKEN, "a token is wanted")
    tenant = keys.tenant_of(text)
    if tenant is not None:
        return Credential(tenant=tenant)
    claims, key = verify(text, config, now)
    return Credential(claims, True, _tenant(claims, key, config))


def _tenant(claims: Mapping[str, Any], key: Key, config: Config) -> str:
    """Whose client it is: what the key says, or else the claim; both must not differ."""
    tenants = config.ingest.tenants
    if not tenants:
        return ""
    named = claim(claims, config.claims.tenant)
    tenant = named if key.tenant is None else key.tenant
    if tenant not in tenants or named not in ("", tenant):
        raise AuthError(Reason.BAD_TOKEN, "the token names no tenant that its key may speak for")
    return tenant


class Names(NamedTuple):
    """Who a recorded token was made for; empty where it does not say."""

    session: str = ""
    participant: str = ""


def claimed_names(token: str, names: Claims | None = None) -> Names:
    """What the token in a file says.  Servers blank it out before they store it: that is no error."""
    names = names or Claims()
    try:
        claims = unverified(token) if token else {}
        return Names(claim(claims, names.session), claim(claims, names.participant))
    except AuthError:
        return Names()


def resolve(raw_path: str, query: Mapping[str, str], authorization: str, config: Config, now: float) -> Identity:
    """Claims, else URL, else generated names; raises ``AuthError`` or, for unusable names, ``FrameError``."""
    token = _token(query, authorization)
    claims, is_verified, tenant = credential(token, config, now)
    names = config.claims
    path = PATH.match(raw_path)
    in_path = (unquote(path[1]), unquote(path[2])) if path else ("", "")
    in_url = (in_path[0] or query.get("session", ""), in_path[1] or query.get("participant", ""))
    in_claims = (claim(claims, names.session), claim(claims, names.participant))
    if is_verified and any(said and named and said != named for said, named in zip(in_url, in_claims, strict=True)):
        raise AuthError(Reason.BAD_IDENTITY, "the URL names somebody else than the token")
    session, participant = in_claims[0] or in_url[0], in_claims[1] or in_url[1]
    attributes = {
        "rtc.app.name": claim(claims, names.app) or query.get("app", ""),
        "rtc.app.version": claim(claims, names.version) or query.get("version", ""),
        "rtc.client.session.id": claim(claims, names.client),
        # W3C Trace Context of the page's own trace; browsers cannot set headers on a WebSocket.
        "traceparent": query.get("traceparent", ""),
    }
    limits = config.limits
    key = ParticipantKey(
        identifier(session or f"session-{secrets.token_hex(8)}", limits.id_length),
        identifier(participant or f"participant-{secrets.token_hex(8)}", limits.id_length),
    )
    kept = {name: value[: limits.text_length] for name, value in attributes.items() if value}
    # A token that names nobody lets the client in, and leaves it to say who it is: a proxy's token does.
    claimed = bool(session and participant) or (is_verified and bool(session or participant))
    stream = query.get(STREAM_PARAMETER, "")
    return Identity(key, claimed, kept, stream if STREAM.fullmatch(stream) else "", tenant)


def session_named(raw_path: str, query: Mapping[str, str], authorization: str, names: Claims) -> str:
    """
    The session that ``resolve`` would find, with nothing verified; "" where only the payload may say it.

    For whoever has to bring the participants of a session together: who lies about it is refused where they meet.
    """
    token = _token(query, authorization)
    path = PATH.match(raw_path)
    return claimed_names(token, names).session or (unquote(path[1]) if path else "") or query.get("session", "")


def identifier(value: str, length: int) -> str:
    """An id fit for a label: printable (so without control, bidi and surrogate characters) and not too long."""
    if len(value) > length:
        raise FrameError(Reason.BAD_IDENTITY, f"an id has at most {length} characters")
    if not value.isprintable() or not value.strip():
        raise FrameError(Reason.BAD_IDENTITY, "an id has printable characters alone")
    return value


def parameters(query: str) -> dict[str, str]:
    """The query of a URL; of a repeated name, the first."""
    try:
        pairs = parse_qsl(query, max_num_fields=QUERY_FIELDS)
    except ValueError:
        raise FrameError(Reason.BAD_IDENTITY, f"a query has at most {QUERY_FIELDS} fields") from None
    return dict(reversed(pairs))


def claim(claims: Mapping[str, Any], path: str) -> str:
    """The text at a dotted path, empty where there is none."""
    value: Any = claims
    for step in path.split("."):
        if value is None:
            return ""
        if not isinstance(value, Mapping):
            raise AuthError(Reason.BAD_IDENTITY, f"the claim {path} is not inside an object")
        value = value.get(step)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise AuthError(Reason.BAD_IDENTITY, f"the claim {path} is not a text")
    return value


def _bounded(token: str) -> None:
    if len(token) > TOKEN_LENGTH:
        raise AuthError(Reason.BAD_TOKEN, f"a token has at most {TOKEN_LENGTH} characters")


def _decode(token: str, key: Any, algorithms: Sequence[str], options: dict[str, Any]) -> dict[str, Any]:
    try:
        return jwt.decode(token, key, algorithms=list(algorithms), options=options)  # type: ignore[arg-type]
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise AuthError(Reason.BAD_TOKEN, "the token is not one of ours") from None


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < NEVER


def _token(query: Mapping[str, str], authorization: str) -> str:
    return next((query[name] for name in TOKEN_PARAMETERS if query.get(name)), "") or _bearer(authorization)


def _bearer(authorization: str) -> str:
    """The token in the head; clients that know user and password alone have it as password."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() != "basic" or len(given) > 2 * TOKEN_LENGTH:
        return ""
    try:
        password = base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""
    return password if looks_like_token(password) else ""


def looks_like_token(text: str) -> bool:
    """Whether it can be a JWT, and not a password or key that some other program wanted here."""
    return text.count(".") == 2
