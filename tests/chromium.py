"""A real Chromium with pages that tests can tell what to do; node and playwright-core drive it."""

import asyncio
import contextlib
import itertools
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE
from tests.peers import packages, peer

HERE = Path(__file__).parent
CLIENT = HERE.parent / "clients" / "js"
DRIVER = HERE / "browser" / "driver.mjs"


class Chromium:
    """The browser."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._numbers = itertools.count()
        #: What pages can import.
        self.folder = folder
        hello = self._read()
        self.origin: str = hello["origin"]
        self.version: str = hello["version"]

    def page(self) -> "Page":
        """A new page."""
        return Page(self, f"page-{next(self._numbers)}")

    async def ask(self, command: str, **rest: str) -> Any:
        """Have the driver do something."""
        return await asyncio.to_thread(self._ask, {"command": command, **rest})

    def _ask(self, request: dict[str, str]) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        assert "error" not in answer, answer["error"]
        return answer["value"]

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the driver of the browser has ended"
        return json.loads(line)


class Page:
    """One page, opened when it is first used and closed at the end of ``async with``."""

    def __init__(self, browser: Chromium, name: str) -> None:
        self.browser = browser
        self._name = name

    async def __aenter__(self) -> "Page":
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.browser.ask("close", page=self._name)

    async def run(self, body: str) -> Any:
        """Run the body of an async function; what it returns."""
        return await self.browser.ask("evaluate", page=self._name, expression=f"(async () => {{ {body} }})()")

    async def open(self, url: str, scheme: str = "light", width: int = 1100) -> int:
        """Open an address; the status of the answer."""
        status: int = await self.browser.ask("open", page=self._name, url=url, scheme=scheme, width=str(width))
        return status

    async def press(self, keys: str) -> None:
        """Press keys, as they are called in ``KeyboardEvent.key``, with spaces between."""
        await self.browser.ask("press", page=self._name, keys=keys)

    async def where(self) -> str:
        """The address that the page is at."""
        found: str = await self.browser.ask("where", page=self._name)
        return found

    async def axe(self) -> list[tuple[str, str, list[str]]]:
        """What axe finds wrong: rule, impact, and where."""
        found: list[list[Any]] = await self.browser.ask("axe", page=self._name)
        return [(rule, impact, places) for rule, impact, places in found]

    async def leave(self) -> None:
        """Go to another page, as its user would."""
        await self.browser.ask("navigate", page=self._name)

    async def errors(self) -> list[str]:
        """What no page has caught since this was asked last."""
        found: list[str] = await self.browser.ask("errors")
        return found


def site(folder: Path) -> Path:
    """What pages can import: the packages of npm, our client, and the call."""
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(packages())
    (folder / "client").symlink_to(CLIENT)
    for script in (HERE / "browser").glob("*.js"):
        shutil.copy(script, folder)
    return folder


@contextlib.contextmanager
def chromium(folder: Path) -> Iterator[Chromium]:
    """Start the browser, and end it."""
    command = [peer("node"), str(DRIVER), peer("chromium"), str(site(folder))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Chromium(process, folder)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def bundle(entry: Path, target: Path, *options: str) -> Path:
    """What a page takes in one file."""
    esbuild = packages() / "esbuild" / "bin" / "esbuild"
    fixed = ("--bundle", "--format=esm", f"--outfile={target}", "--log-level=warning")
    command = [peer("node"), str(esbuild), str(entry), *fixed, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=entry.parent)
    assert done.returncode == 0, done.stderr
    return target
