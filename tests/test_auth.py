"""Tokens, and who a client is."""

import base64
import json
from typing import Any

import jwt
import pytest

from rtc_exporter import auth
from rtc_exporter.config import Config
from rtc_exporter.errors import AuthError, ClientError, FrameError, Reason

NOW = 1_800_000_000.0
SECRET = "0123456789abcdef0123456789abcdef"
OPEN = Config.load({}, {})
SIGNED = Config.load({"ingest.token_secret": SECRET}, {})
NAMES = {"user": "ann", "conference": "room", "session": "tab-1"}


def token(claims: dict[str, Any] | None = None, key: str = SECRET, algorithm: str = "HS256") -> str:
    """A token as an application makes it."""
    return jwt.encode({"rtcStats": NAMES, "iat": NOW, "exp": NOW + 60} | (claims or {}), key, algorithm)


def unsigned(claims: dict[str, Any]) -> str:
    """A token with the algorithm "none"."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({"alg": "none"}, claims)
    ]
    return ".".join([*parts, ""])


def resolve(path: str = "/", query: str = "", config: Config = OPEN, authorization: str = "") -> auth.Identity:
    """Who a client with this URL is."""
    return auth.resolve(path, auth.parameters(query), authorization, config, NOW)


def test_a_token_of_ours_gives_its_claims() -> None:
    """Signed with the key and not over."""
    assert auth.verify(token(), SIGNED, NOW)[0]["rtcStats"] == NAMES


BAD = {
    "empty": "",
    "garbage": "abc",
    "another key": token(key="f" * 32),
    "no signature": unsigned({"rtcStats": NAMES, "exp": NOW + 60}),
    "another algorithm": token(key=SECRET * 2, algorithm="HS512"),
    "over": token({"exp": NOW - 31}),
    "no end": jwt.encode({"rtcStats": NAMES}, SECRET),
    "an end that is a text": jwt.encode({"exp": "2099"}, SECRET),
    "an end that is true": jwt.encode({"exp": True}, SECRET),
    "not yet valid": token({"nbf": NOW + 31}),
    "cut": token()[:-4],
    "an unknown critical header": jwt.encode({"exp": NOW + 60}, SECRET, headers={"crit": ["x"], "x": 1}),
    "very long": token({"x": "y" * 5000}),
    "deep": jwt.encode({"exp": NOW + 60}, SECRET)[:20] + "W1tb" * 500,
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_token_is_refused(name: str) -> None:
    """Whatever is wrong with it, one reason comes out, and nothing of the token."""
    with pytest.raises(AuthError) as error:
        auth.verify(BAD[name], SIGNED, NOW)

    assert error.value.reason is Reason.BAD_TOKEN
    assert not BAD[name] or BAD[name] not in str(error.value)


def test_clocks_may_differ_by_half_a_minute() -> None:
    """Whoever signs runs on another host."""
    auth.verify(token({"exp": NOW - 29, "nbf": NOW + 29}), SIGNED, NOW)


@pytest.mark.parametrize("query", ["rtcstats-token={}", "token={}", "x=1&rtcstats-token={}&y=2"])
def test_claims_outrank_the_url(query: str) -> None:
    """What was signed is not changed by what was typed."""
    identity = resolve(query=f"{query.format(token({'exp': 0}, key='x' * 32))}&session=third&participant=eve")

    assert identity.key == ("room", "ann")
    assert identity.claimed
    assert identity.attributes == {"rtc.client.session.id": "tab-1"}


def test_the_token_can_be_a_header() -> None:
    """For clients that can set one."""
    assert resolve(config=SIGNED, authorization=f"Bearer {token()}").key == ("room", "ann")


def test_with_a_secret_everybody_needs_a_token() -> None:
    """A path or a query proves nothing."""
    with pytest.raises(AuthError):
        resolve("/v1/rtcstats/room/ann", config=SIGNED)


def test_without_a_secret_a_token_is_read_and_not_verified() -> None:
    """On loopback nothing is trusted anyway, and clients can be tried out as they are."""
    assert resolve(query=f"rtcstats-token={token({'exp': 0}, key='x' * 32)}").key == ("room", "ann")
    with pytest.raises(AuthError):
        resolve(query="rtcstats-token=abc")


PATHS = [
    ("/v1/rtcstats/room/ann", "", ("room", "ann")),
    ("/v1/rtcstats/room/ann/", "", ("room", "ann")),
    ("//v1/rtcstats/room/ann//app/page", "", ("room", "ann")),
    ("/v1/json/a%2Fb/%C3%A9%20e", "", ("a/b", "é e")),
    ("/v1/reports/room/ann", "session=x", ("room", "ann")),
    ("/any", "session=room&participant=ann", ("room", "ann")),
    ("/any", "session=room&session=x&participant=ann", ("room", "ann")),
]


@pytest.mark.parametrize(("path", "query", "key"), PATHS)
def test_the_url_names_session_and_participant(path: str, query: str, key: tuple[str, str]) -> None:
    """By path, else by query; of a repeated name the first counts."""
    identity = resolve(path, query)

    assert identity.key == key
    assert identity.claimed


@pytest.mark.parametrize("path", ["/", "//double/slash", "/v1/rtcstats", "/v1/rtcstats/room", "/app/v1/rtcstats/a/b"])
def test_who_is_not_named_gets_a_name_of_its_own(path: str) -> None:
    """Every connection another one, alone in its session, and the payload may still say who it is."""
    one, two = resolve(path), resolve(path)

    assert not one.claimed
    assert one.key.session != two.key.session
    assert one.key.participant != two.key.participant


def test_application_and_version_become_attributes() -> None:
    """By claim or by query, cut to the length that is kept."""
    claims = {"rtcStats": {**NAMES, "app": "meet", "version": "1.2"}}

    assert resolve(query="app=meet&version=1.2").attributes == {"rtc.app.name": "meet", "rtc.app.version": "1.2"}
    assert resolve(query=f"token={token(claims)}&app=x").attributes["rtc.app.name"] == "meet"
    assert len(resolve(query=f"app={'x' * 1000}").attributes["rtc.app.name"]) == OPEN.limits.text_length


def test_names_of_claims_are_settings() -> None:
    """A dotted name steps into objects."""
    config = Config.load({"ingest.token_secret": SECRET, "claims.session": "room", "claims.participant": "a.b"}, {})

    key = resolve(query=f"token={token({'room': 'r', 'a': {'b': 'p'}})}", config=config).key

    assert key == ("r", "p")


IDS = ["x" * 129, "a\nb", "a\x00", "a\x7f", "\u202eabc", " ", "\ud800"]


@pytest.mark.parametrize("value", IDS)
def test_an_id_that_cannot_be_a_label_is_refused(value: str) -> None:
    """Too long, blank, or with characters that cannot be printed."""
    with pytest.raises(FrameError) as error:
        auth.identifier(value, OPEN.limits.id_length)

    assert error.value.reason is Reason.BAD_IDENTITY


@pytest.mark.parametrize("names", [{"user": 7}, {"user": ["x"]}, {"conference": {}}, "text", [1], 7])
def test_claims_of_a_wrong_type_are_refused(names: Any) -> None:
    """They were meant to say something, so nothing is made up instead."""
    with pytest.raises(ClientError) as error:
        resolve(query=f"token={token({'rtcStats': names})}", config=SIGNED)

    assert error.value.reason is Reason.BAD_IDENTITY


def test_missing_claims_are_taken_from_the_url() -> None:
    """All of them are optional."""
    assert resolve("/v1/rtcstats/room/ann", f"token={token({'rtcStats': None})}", SIGNED).key == ("room", "ann")


def test_a_query_of_a_thousand_fields_is_refused() -> None:
    """Nobody needs that many."""
    with pytest.raises(FrameError):
        auth.parameters("&".join(f"a{n}=b" for n in range(1000)))


@pytest.mark.parametrize("text", ["", "obfuscated", unsigned({"rtcStats": 5})])
def test_a_recorded_token_that_says_nothing_is_no_error(text: str) -> None:
    """Servers blank it out before they store it."""
    assert auth.claimed_names(text) == ("", "")


def test_a_recorded_token_names_session_and_participant() -> None:
    """Unverified: whoever has the file could have written it."""
    assert auth.claimed_names(token()) == ("room", "ann")


@pytest.mark.parametrize(
    ("names", "query", "claimed"),
    [
        ({}, "", False), ({}, "session=room&participant=ann", True), ({}, "session=room", True),
        ({"conference": "room"}, "", True), ({"user": "ann"}, "", True), ({"session": "tab"}, "", False),
    ],
)  # fmt: skip
def test_a_token_that_names_nobody_leaves_it_to_the_client(names: dict[str, str], query: str, claimed: bool) -> None:
    """It lets in, as a proxy's does; one that names anybody names them alone."""
    identity = resolve(query=f"rtcstats-token={token({'rtcStats': names})}&{query}", config=SIGNED)

    assert identity.claimed is claimed


def basic(password: str) -> str:
    """The header of clients that know user and password."""
    return "Basic " + base64.b64encode(f"user:{password}".encode()).decode()


@pytest.mark.parametrize("header", ["Basic !", "Basic", basic("secret"), basic("a.b.c"), basic("x" * 9000)])
def test_a_password_that_is_no_token_lets_nobody_in(header: str) -> None:
    """Where tokens are wanted."""
    with pytest.raises(AuthError) as error:
        resolve(config=SIGNED, authorization=header)
    assert error.value.reason is Reason.BAD_TOKEN


def test_a_password_may_be_the_token() -> None:
    """And where none is wanted, another program's password is no matter."""
    assert resolve(config=SIGNED, authorization=basic(token())).key == ("room", "ann")
    assert not resolve(authorization=basic("secret")).claimed


@pytest.mark.parametrize(
    ("query", "stream"),
    [
        ("statsSessionId=a8bba65e-2719_X&isReconnect=false", "a8bba65e-2719_X"), ("statsSessionId=../x", ""),
        ("statsSessionId=", ""), (f"statsSessionId={'x' * 129}", ""), ("", ""),
    ],
)  # fmt: skip
def test_the_stream_is_an_id(query: str, stream: str) -> None:
    """What is none is nobody's."""
    assert resolve(query=query).stream == stream
