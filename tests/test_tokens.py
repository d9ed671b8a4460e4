"""T15 and T17: which tokens, keys and origins are taken; each row with the one result that it must have."""

import base64
import hashlib
import hmac
import json
from functools import cache, partial
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from rtc_exporter import auth
from rtc_exporter.config import Config
from rtc_exporter.errors import AuthError, ConfigError, Reason
from tests.running import Running, closed, with_exporter

NOW = 1_800_000_000.0
SECRET, OTHER = "0123456789abcdef0123456789abcdef", "f" * 32
WHO = {"rtcStats": {"user": "ann", "conference": "room"}}


def good(now: float) -> dict[str, Any]:
    """The claims of a good token."""
    return {**WHO, "iat": now, "exp": now + 600, "aud": "rtc"}


GOOD = good(NOW)


@cache
def private(name: str) -> Any:
    """A key of whoever makes tokens."""
    return {
        "RS256": lambda: rsa.generate_private_key(65537, 2048),
        "weak": lambda: rsa.generate_private_key(65537, 1024),
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
    }[name]()


def public(name: str) -> bytes:
    """Its public half, as the exporter is given it."""
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(private(name).public_key().public_bytes(serialization.Encoding.PEM, kind))


def encoded(part: object) -> str:
    """A part of a token."""
    return (
        base64.urlsafe_b64encode(part if isinstance(part, bytes) else json.dumps(part).encode()).rstrip(b"=").decode()
    )


def handmade(header: object, claims: object, key: bytes = SECRET.encode()) -> str:
    """A token that no library would make, with a right signature."""
    text = f"{encoded(header)}.{encoded(claims)}"
    return f"{text}.{encoded(hmac.new(key, text.encode(), hashlib.sha256).digest())}"


def signed(
    claims: dict[str, Any] | None = None, without: str = "", key: Any = SECRET, now: float = NOW, **options: Any
) -> str:
    """A good token, but for what is told."""
    said = {name: value for name, value in (good(now) | (claims or {})).items() if name != without}
    return jwt.encode(said, key, **options)


HS = {"alg": "HS256", "typ": "JWT"}


def refused(now: float) -> dict[str, str]:
    """What must not be taken."""
    of = partial(signed, now=now)
    fine = good(now)
    return {
        "none": handmade({"alg": "none"}, fine),
        "None": handmade({"alg": "None"}, fine),
        "no signature": f"{encoded({'alg': 'none'})}.{encoded(fine)}.",
        "a family that is not ours": jwt.encode(fine, private("RS256"), "RS256"),
        "a longer hash than is allowed": of(key=SECRET * 2, algorithm="HS512"),
        "the public key as a secret": handmade(HS, fine, public("RS256")),
        "another key": of(key=OTHER),
        "an empty key": handmade(HS, fine, b""),
        "no exp": of(without="exp"),
        "exp as a text": of({"exp": str(int(now + 600))}),
        "exp NaN": handmade(HS, b'{"exp":NaN,"iat":%d,"aud":"rtc"}' % now),
        "exp 1e400": handmade(HS, b'{"exp":1e400,"iat":%d,"aud":"rtc"}' % now),
        "exp true": of({"exp": True}),
        "over": of({"iat": now - 600, "exp": now - 31}),
        "good until the year 9999": of({"exp": 253402300799}),
        "good for longer than an hour": of({"exp": now + 3601}),
        "no iat": of(without="iat"),
        "made in the future": of({"iat": now + 40}),
        "not yet": of({"nbf": now + 40}),
        "no audience": of(without="aud"),
        "another audience": of({"aud": "mail"}),
        "an audience that is a number": handmade(HS, {**fine, "aud": 7}),
        "an unknown critical header": of(headers={"crit": ["x"], "x": 1}),
        "a deep header": handmade(b'{"alg":"HS256","x":' + b"[" * 1400 + b"]" * 1400 + b"}", fine),
        "deep claims": handmade(HS, b"[" * 900 + b"]" * 900),
        "claims that are no object": handmade(HS, [1]),
        "five kilobytes": of({"x": "y" * 5000}),
        "two parts": of().rpartition(".")[0],
        "garbage": "e30.e30.e30",
    }


def taken(now: float) -> dict[str, str]:
    """What must be taken."""
    of = partial(signed, now=now)
    return {
        "as it should be": of(),
        "an audience among others": of({"aud": ["mail", "rtc"]}),
        "over since some seconds": of({"iat": now - 600, "exp": now - 20}),
        "made by a clock that is ahead": of({"iat": now + 29, "nbf": now + 29}),
        "good for an hour": of({"exp": now + 3600}),
        "with a kid, where no key has a name": of(headers={"kid": "../../etc/passwd"}),
    }


REFUSED, TAKEN = refused(NOW), taken(NOW)
STRICT = Config.load({"ingest.token_secret": SECRET, "ingest.token_audience": "rtc"}, {})


@pytest.mark.parametrize("name", REFUSED)
def test_t17_a_token_that_is_not_as_it_should_be_is_refused(name: str) -> None:
    """With one reason, and without a word of the token."""
    with pytest.raises(AuthError) as error:
        auth.verify(REFUSED[name], STRICT, NOW)

    assert error.value.reason is Reason.BAD_TOKEN
    assert error.value.close_code == 1008


@pytest.mark.parametrize("name", TAKEN)
def test_t17_a_token_that_is_as_it_should_be_is_taken(name: str) -> None:
    """So that the refusals above are due to what they are named after."""
    assert auth.verify(TAKEN[name], STRICT, NOW)[0]["rtcStats"] == WHO["rtcStats"]


@pytest.mark.parametrize("token", [signed({"x": "y" * 1_000_000}), "." * 1_000_000], ids=["signed", "no token"])
def test_t17_a_long_token_is_refused_before_it_is_decoded(token: str) -> None:
    """For its length, whether it is a token or not: who blamed anything else would have decoded it."""
    with pytest.raises(AuthError, match="a token has at most"):
        auth.verify(token, STRICT, NOW)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_t17_public_keys_are_taken_in_a_folder(tmp_path: Path, algorithm: str) -> None:
    """Their private halves stay elsewhere, and a token of another family is refused."""
    (tmp_path / "one.pem").write_bytes(public(algorithm))
    config = Config.load({"ingest.token_keys": str(tmp_path), "ingest.token_algorithms": algorithm}, {})

    assert auth.verify(jwt.encode(GOOD, private(algorithm), algorithm), config, NOW)
    for bad in (signed(), handmade(HS, GOOD, public(algorithm)), handmade({"alg": "none"}, GOOD)):
        with pytest.raises(AuthError):
            auth.verify(bad, config, NOW)


def test_t17_keys_are_changed_one_after_the_other(tmp_path: Path) -> None:
    """Two are good at the same time; a kid is looked up among their names and nowhere else."""
    (tmp_path / "2026").write_text(SECRET)
    (tmp_path / "2027").write_text(OTHER + "\n")
    (tmp_path / ".of-kubernetes").write_text("x")
    settings = {"ingest.token_keys": str(tmp_path)}
    config = Config.load(settings, {})

    for key, kid in ((SECRET, "2026"), (OTHER, "2027"), (SECRET, None), (OTHER, None)):
        assert auth.verify(signed(key=key, headers={"kid": kid} if kid else None), config, NOW)
    for key, kid in ((SECRET, "2027"), (SECRET, "2025"), (SECRET, ""), (SECRET, "../2026")):
        with pytest.raises(AuthError):
            auth.verify(signed(key=key, headers={"kid": kid}), config, NOW)
    (tmp_path / "2026").unlink()
    with pytest.raises(AuthError):
        auth.verify(signed(), Config.load(settings, {}), NOW)


def test_t17_lifetime_and_iat_can_be_left_open() -> None:
    """For who makes tokens without iat; exp is always wanted."""
    config = Config.load({"ingest.token_secret": SECRET, "ingest.token_lifetime": "0"}, {})

    assert auth.verify(signed({"exp": NOW + 1e6}, without="iat"), config, NOW)
    with pytest.raises(AuthError):
        auth.verify(signed(without="exp"), config, NOW)


KEYS = [
    ({"a": b"short-canary"}, {}, "token-keys: a is too short, wanted at least 32 characters for HS256"),
    ({"a": SECRET.encode()}, {"ingest.token_algorithms": "HS256,HS512"}, "wanted at least 64 characters"),
    ({"a": SECRET.encode()}, {"ingest.token_algorithms": "HS256,RS256"}, "wanted algorithms of one family"),
    ({"a": SECRET.encode()}, {"ingest.token_algorithms": "none"}, "wanted algorithms of one family"),
    ({"a": b"-----BEGIN PRIVATE KEY-----"}, {"ingest.token_algorithms": "ES256"}, "a is a private key, wanted the"),
    ({"a": SECRET.encode()}, {"ingest.token_algorithms": "ES256"}, "a is no public key for ES256 in PEM"),
    ({"a": public("weak")}, {"ingest.token_algorithms": "RS256"}, "a has 1024 bits, wanted at least 2048"),
    ({"a": public("P-384")}, {"ingest.token_algorithms": "ES256"}, "token-keys: a is "),
    ({"a": public("EdDSA")}, {"ingest.token_algorithms": "ES256"}, "a is no public key for ES256"),
    ({"a": b"x" * 20_000}, {}, "which is too large for a key"),
    ({"a.pem": SECRET.encode(), "a.key": SECRET.encode()}, {}, "has two keys named 'a'"),
    ({str(n): SECRET.encode() for n in range(17)}, {}, "has 17 keys, wanted at most 16"),
    ({"acme/a": SECRET.encode()}, {}, "has a folder 'acme', which is none of ingest.tenants"),
]


@pytest.mark.parametrize(("files", "settings", "text"), KEYS)
def test_t16_a_bad_key_refuses_the_start(
    tmp_path: Path, files: dict[str, bytes], settings: dict[str, str], text: str
) -> None:
    """The message names the setting and the file, and shows nothing of a key."""
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)

    with pytest.raises(ConfigError) as error:
        Config.load({"ingest.token_keys": str(tmp_path), **settings}, {})

    assert text in str(error.value)
    assert SECRET not in str(error.value)
    assert "canary" not in str(error.value)


LINES = [
    ("short\n", {}, "line 1, has a key that is too short, wanted at least 32 characters"),
    (f"# ours\nacme {SECRET}\n", {}, "line 2, names none of ingest.tenants"),
    (f"{SECRET}\n", {"ingest.tenants": "acme"}, "line 1, names no tenant, wanted TENANT KEY"),
    (f"acme {SECRET}\nacme {SECRET}\n", {"ingest.tenants": "acme"}, "line 2, has a key that another line has"),
    (f"acme {SECRET} x\n", {"ingest.tenants": "acme"}, "wanted KEY, or TENANT KEY"),
    ("# none\n", {}, "which has no keys"),
]


@pytest.mark.parametrize(("content", "settings", "text"), LINES)
def test_t16_a_bad_line_of_ingest_keys_refuses_the_start(
    tmp_path: Path, content: str, settings: dict[str, str], text: str
) -> None:
    """Named by file and line, without the key."""
    (tmp_path / "keys").write_text(content)

    with pytest.raises(ConfigError) as error:
        Config.load({"ingest.keys_file": str(tmp_path / "keys"), **settings}, {})

    assert text in str(error.value)
    assert SECRET not in str(error.value)


# ── origins

ALLOWED = "https://app.example,http://dev.example:8080,chrome-extension://abcdef"
ORIGINS = {
    "https://app.example": True,
    "http://dev.example:8080": True,
    "chrome-extension://abcdef": True,
    "http://app.example": False,
    "https://app.example:443": False,
    "https://app.example:8443": False,
    "http://dev.example": False,
    "https://app.example/": False,
    "https://app.example.evil.example": False,
    "https://evil.example/https://app.example": False,
    "https://evilapp.example": False,
    "https://sub.app.example": False,
    "https://APP.example": False,
    "HTTPS://app.example": False,
    " https://app.example": True,  # HTTP takes the blank off
    "https://app.example https://evil.example": False,
    "https://app.example,https://evil.example": False,
    "https://аpp.example": False,
    "null": False,
    "*": False,
    "": False,
    "file://": False,
}


@with_exporter(ingest__allowed_origins=ALLOWED)
async def test_t15_origins_are_compared_whole(exporter: Running) -> None:
    """By WebSockets as by POST: scheme, host and port; null and what only looks like one are refused with 403."""
    for origin, is_allowed in ORIGINS.items():
        sent = origin.encode().decode("latin-1")
        reply = await exporter.raw(
            "GET /v1/json/room/ann HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nOrigin: {sent}\r\n\r\n"
        )
        assert reply.split()[1] == (b"101" if is_allowed else b"403"), origin
        body = '{"app":{"name":"x"}}'
        reply = await exporter.raw(
            f"POST /v1/reports/room/ann HTTP/1.1\r\nHost: x\r\nOrigin: {sent}\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
        )
        assert reply.split()[1] == (b"202" if is_allowed else b"403"), origin
    refused = sum(not is_allowed for is_allowed in ORIGINS.values())
    assert exporter.dropped("bad_origin") == 2 * refused


@with_exporter(ingest__allowed_origins="https://app.example")
async def test_t15_a_preflight_says_what_the_list_says(exporter: Running) -> None:
    """And never lets credentials in: nothing here reads cookies."""
    for origin, is_allowed in (("https://app.example", True), ("https://evil.example", False), ("null", False)):
        headers = {"origin": origin, "access-control-request-method": "POST"}
        response = await exporter.http.options(exporter.ingest("/v1/reports"), headers=headers)

        assert (response.headers.get("access-control-allow-origin") == origin) == is_allowed
        assert "access-control-allow-credentials" not in response.headers


@with_exporter()
async def test_t15_without_a_list_any_page_may_send_and_none_with_credentials(exporter: Running) -> None:
    """On loopback, to try things out: ``*`` excludes cookies by itself."""
    response = await exporter.http.post(
        exporter.ingest("/v1/reports/room/ann"), content='{"app":{"name":"x"}}', headers={"origin": "https://a.example"}
    )

    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers


@with_exporter(ingest__token_secret=SECRET)
async def test_t10_a_path_that_contradicts_the_claims_is_refused(exporter: Running) -> None:
    """1008, and 401 for a POST; what the payload says is not listened to."""
    now = exporter.server.intake.wall()
    token = jwt.encode({**WHO, "iat": now, "exp": now + 60}, SECRET)
    for path in ("/v1/json/other/ann", "/v1/json/room/eve"):
        async with exporter.client(f"{path}?token={token}", ()) as client:
            assert (await closed(client))[0] == 1008
        response = await exporter.http.post(exporter.ingest(f"{path.replace('json', 'reports')}?token={token}"))
        assert response.status_code == 401
    async with exporter.client(f"/v1/json/room/ann?token={token}", ()) as client:
        await client.send('{"session":"other","participant":"eve","events":[{"name":"mute"}]}')
        await exporter.until(lambda: exporter.participants)

        assert exporter.participants == {("room", "ann")}
    assert exporter.dropped("bad_identity") == 4
