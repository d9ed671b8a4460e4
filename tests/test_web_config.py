"""The web config file: which are taken, which are refused and why, and whom the listener then lets in."""

import asyncio
import base64
import os
import ssl
from pathlib import Path

import bcrypt
import httpx2
import pytest

from rtc_exporter import webconfig
from rtc_exporter.app.aggregator import Aggregator
from rtc_exporter.app.eventlog import InProcess
from rtc_exporter.app.guard import REMEMBERED, Guard, credentials
from rtc_exporter.config import Config
from rtc_exporter.errors import ConfigError
from rtc_exporter.webconfig import WebConfig
from tests.certificates import certificates
from tests.patience import PATIENCE
from tests.running import running

PASSWORD = "correct horse"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two certificates, and one that fits no key."""
    folder = tmp_path_factory.mktemp("web")
    for name in ("one", "two"):
        certificates(folder, name)
    (folder / "odd.pem").write_text("this is no certificate\n")
    return folder


TLS = "tls_server_config:\n  cert_file: one.pem\n  key_file: one.key\n"
GOOD = {
    "empty": "",
    "nothing but a comment": "# nothing\n",
    "TLS": TLS,
    "TLS and everything": TLS
    + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: two.pem\n  min_version: TLS12\n  max_version: TLS13\n"
    + "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]\n"
    + "  curve_preferences: [CurveP256]\n  prefer_server_cipher_suites: false\n",
    "a certificate if there is one": TLS + "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: two.pem\n",
    "asks for none": TLS + "  client_auth_type: NoClientCert\n",
    "users": f"basic_auth_users:\n  ann: {HASH}\n  bob: {HASH.replace('$2b$', '$2y$')}\n",
    "headers": "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    Strict-Transport-Security: max-age=1\n",
    "HTTP/2": "http_server_config:\n  http2: false\n",
    "a rate": "rate_limit:\n  interval: 100ms\n  burst: 20\n",
    "no rate": "rate_limit:\n  interval: 0s\n",
    "empty sections": "tls_server_config:\nbasic_auth_users:\nhttp_server_config:\n",
}

BAD = {
    "no mapping": ("- a\n", "is no mapping"),
    "not YAML": ("a: [\n", "is not YAML"),
    "a tag": ("a: !!python/object:os.system x\n", "is not YAML"),
    "a key twice": (f"basic_auth_users:\n  ann: {HASH}\n  ann: {HASH}\n", "is not YAML"),
    "unknown section": ("tls_config: {}\n", "tls_config is unknown"),
    "unknown in TLS": (TLS + "  certificate: x\n", "certificate is unknown"),
    "no key": ("tls_server_config:\n  cert_file: one.pem\n", "key_file is missing"),
    "no certificate": ("tls_server_config:\n  key_file: one.key\n", "cert_file is missing"),
    "no such certificate": (TLS.replace("one.pem", "three.pem"), "which cannot be read: FileNotFoundError"),
    "no PEM": (TLS.replace("one.pem", "odd.pem"), "do not fit or are not PEM"),
    "another key": (TLS.replace("one.key", "two.key"), "do not fit or are not PEM"),
    "inline certificate": (TLS + "  cert: x\n", "put it into a file"),
    "unknown client type": (TLS + "  client_auth_type: Sometimes\n", "client_auth_type is 'Sometimes'"),
    "a type that does not verify": (TLS + "  client_auth_type: RequireAnyClientCert\n", "wanted one of NoClientCert"),
    "no authority": (TLS + "  client_auth_type: RequireAndVerifyClientCert\n", "client_ca_file is missing"),
    "an authority for nothing": (TLS + "  client_ca_file: two.pem\n", "asks for no certificate"),
    "an authority that is none": (
        TLS + "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: odd.pem\n", "is not PEM",
    ),
    "names of clients": (TLS + "  client_allowed_sans: [a]\n", "is not supported here"),
    "unknown version": (TLS + "  min_version: SSL3\n", "min_version is 'SSL3'"),
    "versions crossed": (TLS + "  min_version: TLS13\n  max_version: TLS12\n", "is above max_version"),
    "an old version": (TLS + "  min_version: TLS10\n  max_version: TLS11\n", "wanted TLS12 or TLS13"),
    "unknown suite": (TLS + "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n", "which is unknown"),
    "suites that are no list": (TLS + "  cipher_suites: TLS_AES_128_GCM_SHA256\n", "is no list"),
    "unknown curve": (TLS + "  curve_preferences: [Curve25519]\n", "wanted some of CurveP256"),
    "several curves": (TLS + "  curve_preferences: [CurveP256, X25519]\n", "one can be set here"),
    "no flag": (TLS + "  prefer_server_cipher_suites: maybe\n", "wanted true or false"),
    "plain password": ("basic_auth_users:\n  ann: secret\n", "has no bcrypt hash for 'ann'"),
    "half a hash": (f"basic_auth_users:\n  ann: {HASH[:-1]}\n", "has no bcrypt hash"),
    "a dear hash": (f"basic_auth_users:\n  ann: {HASH.replace('$04$', '$20$')}\n", "a cost over 15"),
    "a name with a colon": (f'basic_auth_users:\n  "a:b": {HASH}\n', "has a colon"),
    "users that are a list": ("basic_auth_users: [ann]\n", "is no mapping"),
    "unknown header": ("http_server_config:\n  headers:\n    Server: x\n", "Server is unknown"),
    "a header of two lines": ('http_server_config:\n  headers:\n    X-Frame-Options: "a\\r\\nb"\n', "is no printable text"),
    "an odd interval": ("rate_limit:\n  interval: soon\n  burst: 1\n", "wanted a duration"),
    "no burst": ("rate_limit:\n  interval: 1s\n", "no request would ever be answered"),
    "negative burst": ("rate_limit:\n  interval: 1s\n  burst: -1\n", "wanted a whole number"),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_is_taken(folder: Path, name: str) -> None:
    """As exporter-toolkit takes it."""
    path = folder / "good.yml"
    path.write_text(GOOD[name])

    config = webconfig.read(path)

    assert (config.tls is not None) == name.startswith(("TLS", "a certificate", "asks"))
    assert not webconfig.changed(config)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused(folder: Path, name: str) -> None:
    """The message says what was got and what was wanted, and where."""
    text, message = BAD[name]
    path = folder / "bad.yml"
    path.write_text(text)

    with pytest.raises(ConfigError, match=message) as refused:
        webconfig.read(path)

    assert "bad.yml" in str(refused.value)
    assert PASSWORD not in str(refused.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """Before a port is opened."""
    with pytest.raises(ConfigError, match=r"admin\.web_config_file is .* which cannot be read"):
        webconfig.read(tmp_path / "none.yml")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"Basic " + base64.b64encode(b"ann:secret"), ("ann", b"secret")),
        (b"basic " + base64.b64encode(b"ann:a:b"), ("ann", b"a:b")),
        (b"Basic " + base64.b64encode(b"ann"), ("", b"")),
        (b"Basic !!!", ("", b"")),
        (b"Bearer abc", ("", b"")),
        (b"", ("", b"")),
    ],
)
def test_credentials_are_read_from_a_header(header: bytes, expected: tuple[str, bytes]) -> None:
    """What is no basic auth names nobody."""
    assert credentials(header) == expected


REQUESTS = [
    ("/metrics", None, 401),
    ("/metrics", ("ann", PASSWORD), 200),
    ("/metrics", ("ann", "wrong"), 401),
    ("/metrics", ("nobody", PASSWORD), 401),
    ("/metrics", ("", ""), 401),
    ("/metrics", ("ann", "x" * 1000), 401),
    ("/", None, 401),
    ("/-/ready", None, 200),
    ("/-/healthy", ("ann", "wrong"), 200),
]


def test_the_listener_asks_for_a_password_and_speaks_tls(folder: Path) -> None:
    """Over the real listener: who has it gets metrics, health needs none, headers are on every answer."""
    path = folder / "both.yml"
    path.write_text(
        TLS + f"basic_auth_users:\n  ann: {HASH}\nhttp_server_config:\n  headers:\n    X-Frame-Options: deny\n"
    )
    context = ssl.create_default_context(cafile=str(folder / "one.pem"))

    async def scenario() -> None:
        async with running(admin__web_config_file=str(path)) as exporter:
            async with httpx2.AsyncClient(timeout=PATIENCE, trust_env=False, verify=context) as http:
                for where, who, status in REQUESTS * 2:
                    answer = await http.get(f"https://{exporter.server.admin_address}{where}", auth=who)
                    assert answer.status_code == status, (where, who)
                    assert answer.headers["x-frame-options"] == "deny"
            assert exporter.value("rtc.exporter.admin.requests", "unauthorized") == 12
            with pytest.raises(httpx2.TransportError):
                await exporter.http.get(exporter.admin())

    asyncio.run(scenario())


def test_a_certificate_and_a_password_change_while_it_runs(folder: Path) -> None:
    """The files are looked at each second; one that is wrong changes nothing, and is counted."""
    certificates(folder, "rotated")
    path = folder / "rotated.yml"
    path.write_text(TLS.replace("one", "rotated"))

    async def subject(port: int) -> str:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return found.hex()

    async def scenario() -> None:
        async with running(admin__web_config_file=str(path)) as exporter:
            port = exporter.server.admin_address.port
            before = await subject(port)
            certificates(folder, "rotated")
            await exporter.until(lambda: exporter.value("rtc.exporter.config.reloads", "web", "applied"))
            after = await subject(port)
            assert after != before
            path.write_text("tls_server_config: [\n")
            await exporter.until(lambda: exporter.value("rtc.exporter.config.reloads", "web", "refused"))
            assert await subject(port) == after
            refused = exporter.value("rtc.exporter.config.reloads", "web", "refused")
            path.write_text(TLS.replace("one", "rotated") + "  min_version: TLS13\n")
            await exporter.until(lambda: exporter.value("rtc.exporter.config.reloads", "web", "refused") > refused)

    asyncio.run(scenario())


def test_an_aggregator_looks_at_its_file_too(folder: Path) -> None:
    """A password that is set while it runs is asked for; it says of which build it is, as one process does."""
    path = folder / "late.yml"
    path.write_text("{}")
    config = Config.load(
        {
            "engine.role": "aggregate", "engine.servers": "nats://nobody:1", "admin.listen": "127.0.0.1:0",
            "admin.web-config-file": str(path),
        },
        {},
    )  # fmt: skip

    async def scenario() -> None:
        aggregator = Aggregator(config, InProcess())
        ready = asyncio.Event()
        task = asyncio.create_task(aggregator.run(ready.set))
        url = f"http://{aggregator.admin_address}/metrics"
        try:
            async with httpx2.AsyncClient(timeout=PATIENCE, trust_env=False) as http, asyncio.timeout(PATIENCE):
                await ready.wait()
                answer = await http.get(url)
                assert (answer.status_code, "rtc_exporter_build_info{" in answer.text) == (200, True)
                path.write_text(f"basic_auth_users:\n  ann: {HASH}\n")
                while (await http.get(url)).status_code != 401:  # noqa: ASYNC110 - what is waited for has no event
                    await asyncio.sleep(0.05)
                applied = 'rtc_exporter_config_reloads_total{rtc_config_file="web",rtc_outcome="applied"} 1'
                # What was rendered for the first scrape is given to others for a while.
                while applied not in (answer := await http.get(url, auth=("ann", PASSWORD))).text:
                    assert answer.status_code == 200
                    await asyncio.sleep(0.05)
        finally:
            aggregator.stop()
            await task

    asyncio.run(scenario())


class _Asked:
    """An application that says what it was asked."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        self.paths.append(scope["path"])  # type: ignore[index]


def _ask(guard: Guard, *passwords: str) -> list[int]:
    statuses: list[int] = []

    async def send(message: object) -> None:
        if message["type"] == "http.response.start":  # type: ignore[index]
            statuses.append(message["status"])  # type: ignore[index]

    async def ask() -> None:
        for password in passwords:
            header = b"Basic " + base64.b64encode(b"ann:" + password.encode())
            scope = {"type": "http", "path": "/metrics", "headers": [(b"authorization", header)]}
            await guard(scope, None, send)  # type: ignore[arg-type]

    asyncio.run(ask())
    return statuses


def test_what_is_remembered_of_passwords_is_bounded() -> None:
    """Guesses push out guesses; what is remembered is no password."""
    app = _Asked()
    guard = Guard(app, WebConfig(users={"ann": HASH.encode()}), lambda outcome: None, lambda: 0.0)

    statuses = _ask(guard, *(f"guess {number}" for number in range(REMEMBERED + 20)), PASSWORD, PASSWORD)

    assert statuses == [401] * (REMEMBERED + 20)
    assert app.paths == ["/metrics", "/metrics"]
    assert len(guard._remembered) == REMEMBERED
    assert PASSWORD.encode() not in b"".join(guard._remembered)


def test_more_requests_than_the_file_allows_wait_outside() -> None:
    """A burst of two, and one every ten seconds."""
    now = [0.0]
    outcomes: list[str] = []
    guard = Guard(_Asked(), WebConfig(rate=(0.1, 2)), outcomes.append, lambda: now[0])

    assert _ask(guard, "", "", "") == [429]
    now[0] = 10.0
    assert _ask(guard, "") == []
    assert outcomes == ["answered", "answered", "limited", "answered"]


def test_a_file_that_is_replaced_is_noticed(tmp_path: Path) -> None:
    """As configuration managers do it: another file under the same name, of the same size and time."""
    path = tmp_path / "web.yml"
    path.write_text("# one\n")
    config = webconfig.read(path)
    other = tmp_path / "other.yml"
    other.write_text("# two\n")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.rename(path)

    assert webconfig.changed(config)
    assert not webconfig.changed(webconfig.as_it_is(config))
