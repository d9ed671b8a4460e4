"""The proxies of docs/security.md, as they stand there: real ones, in front of an exporter that runs."""

import re
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.peers import peer
from tests.proxies import free_port, started
from tests.running import RTCSTATS, Running, with_exporter

PAGE = (Path(__file__).parent.parent / "docs" / "security.md").read_text(encoding="utf-8")
#: Where a client is, and where it says that it is.
CLIENT, CLAIM = "127.0.0.77", "6.6.6.6"
HELLO = '[39,null,{"reloadCount":0},1795171685556]'


def example(name: str) -> str:
    """The block of the page in this language."""
    found = re.search(rf"```{name}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None, f"the page has no example for {name}"
    return found[1]


def _changed(text: str, changes: dict[str, str]) -> str:
    for before, after in changes.items():
        assert before in text, f"the example says no more {before!r}: change the test with it"
        text = text.replace(before, after)
    return text


def nginx(port: int, exporter: str, folder: Path) -> list[str]:
    """Without TLS, on a port of ours."""
    changes = {"443 ssl": f"127.0.0.1:{port}", "127.0.0.1:8080": exporter, "/var/log/nginx/rtc.log": f"{folder}/log"}
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    inner = _changed(example("nginx"), changes)
    (folder / "conf").write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/pid;\nevents {{ }}\nhttp {{\n{paths}{inner}}}\n"
    )
    return [peer("nginx"), "-p", str(folder), "-e", "stderr", "-c", str(folder / "conf")]


def caddy(port: int, exporter: str, folder: Path) -> list[str]:
    """Without a certificate, which it would ask the world for."""
    inner = _changed(example("caddy"), {"rtc.example.com": f"http://127.0.0.1:{port}", "127.0.0.1:8080": exporter})
    (folder / "conf").write_text(f"{{\n    admin off\n}}\n{inner}")
    return [peer("caddy"), "run", "--adapter", "caddyfile", "--config", str(folder / "conf")]


@pytest.mark.parametrize("name", ["nginx", "caddy"])
def test_a_proxy_as_the_page_has_it(name: str, tmp_path: Path) -> None:
    """WebSockets and posts come through; a client is where the proxy saw it, and not where it says that it is."""
    places = {"nginx": nginx, "caddy": caddy}

    @with_exporter(ingest__trusted_hops="1")
    async def scenario(exporter: Running) -> None:
        port = free_port()
        command = places[name](port, str(exporter.server.ingest_address), tmp_path)
        async with (
            started(command, port, {"XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}),
            connect(
                f"ws://127.0.0.1:{port}/v1/rtcstats/room/ann?x=y",
                subprotocols=[Subprotocol(RTCSTATS)],
                local_addr=(CLIENT, 0),
                additional_headers={"X-Forwarded-For": CLAIM},
            ) as client,
        ):
            assert client.subprotocol == RTCSTATS
            await client.send(HELLO)
            await exporter.until(lambda: exporter.participants)
            seen = {place.who for place in exporter.server._gate._sockets if place.limit == "address"}
            answer = await exporter.http.post(f"http://127.0.0.1:{port}/v1/reports/room/bob", json={"stats": []})
            await (await client.ping())

        assert seen == {CLIENT}
        assert answer.status_code == 202
        assert answer.headers.get("server", "") not in ("uvicorn",)

    scenario()
