"""
Plays recorded calls into a running exporter, as the browsers in them did: ``rtc-exporter demo``.

The recordings are WebSocket frames of real browsers, one file per participant.  Frames go out with
their own text and at their own times.  What changes: every call gets a new session with its own token,
and every absolute time moves by the same amount, so that the call happens now.  To add a recording,
add its files and a row of ``CASES``.
"""

import argparse
import asyncio
import gzip
import importlib.resources
import itertools
import json
import os
import re
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple
from urllib.parse import urlsplit

import jwt
from rich.console import Console
from rich.live import Live
from rich.table import Table
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Origin, Subprotocol

from rtc_exporter.errors import RtcExporterError
from rtc_exporter.settings import SECRET_LENGTH

#: Recorded call -> what it shows.
CASES = {
    "healthy-cr": "Two Chromium on a clean network: audio, video, a data channel.",
    "degraded-cr": "Two Chromium; from 10 s to 55 s a tenth of the packets is lost and each way takes 200 ms more; "
    "nothing passes from 30 s to 33 s.",
    "healthy-ff": "Two Firefox on a clean network: audio, video, a data channel.",
    "degraded-ff": "Two Firefox; the same as degraded-cr.",
    "relay-cr": "Two Chromium through a TURN server.",
    "icefail-cr": "Two Chromium that find no path to each other: ICE fails.",
    "gumdenied-cr": "One of two Chromium is denied camera and microphone and only receives.",
}
FOLDER = importlib.resources.files("rtc_exporter") / "recordings"
SUFFIX = ".frames.jsonl.gz"

#: The members of a getStats frame that hold Unix milliseconds: ``t`` (timestamp) and, by their codes,
#: lastPacketReceivedTimestamp, estimatedPlayoutTimestamp (Firefox), remoteTimestamp and lastPacketSentTimestamp.
STATS_TIME = re.compile(r'("(?:t|34|46|102|151)":)(1\d{12})(?!\d)')
#: The last element of a frame, where it is a time and not a difference.
EVENT_TIME = re.compile(r"(,)(1\d{12})(?=(?:\.\d+)?\]$)")

#: Two connections each; more than this is a load test, and those live in ``benchmarks``.
MAX_CALLS = 2000
#: Handshakes under way at once, so that many calls do not start by timing out.
OPENING = 50
#: Seconds between attempts to connect; the last one repeats.
BACKOFF = (0.2, 0.4, 0.8, 1.6)
#: Seconds for which a token is valid; it is only looked at when the connection opens.
TOKEN_LIFE = 600
#: Close codes of a connection that ended as it should.
GOOD_CODES = (1000, 1005)


class UnreachableError(RtcExporterError):
    """No exporter answered, or it answered with a refusal that waiting does not mend."""


class Recording(NamedTuple):
    """One connection of one participant."""

    participant: str
    headers: Mapping[str, str]
    connected_at: float
    #: Seconds since the connection, and the text.
    frames: tuple[tuple[float, str], ...]

    @property
    def first_time(self) -> int:
        """The first absolute time in it, in milliseconds of the client's clock."""
        found = EVENT_TIME.search(self.frames[0][1])
        return int(found[2]) if found else int(self.connected_at * 1000)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to play, and where to."""

    url: str
    cases: tuple[str, ...] = tuple(CASES)
    calls: int = 1
    #: How often each call is followed by another one; 0 for until stopped.
    repeat: int = 1
    #: Seconds of playing; 0 for until the calls have ended.
    duration: float = 0.0
    #: 2 plays twice as fast as recorded; 0 as fast as the exporter takes it.
    speed: float = 1.0
    secret: str = ""
    #: Seconds to wait for an exporter that does not answer.
    patience: float = 30.0


@dataclass(slots=True)
class Tally:
    """What was played so far."""

    calls: int = 0
    open: int = 0
    connections: int = 0
    frames: int = 0
    bytes: int = 0
    #: Connections that ended before their recording did, by close code and reason.
    cut: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return (
            f"{self.calls:,} calls ended, {self.open:,} connections open, {self.connections:,} in all, "
            f"{self.frames:,} frames, {self.bytes / 1e6:,.1f} MB"
        )


@cache
def load(case: str) -> tuple[Recording, ...]:
    """The recordings of one call, participant by participant."""
    files = (file for file in FOLDER.iterdir() if file.name.startswith(f"{case}.") and file.name.endswith(SUFFIX))
    return tuple(_read(file.name, file.read_bytes()) for file in sorted(files, key=lambda file: file.name))


def _read(name: str, packed: bytes) -> Recording:
    head, *rows = (json.loads(line) for line in gzip.decompress(packed).splitlines())
    frames = tuple((row["t"], row["text"]) for row in rows if row["dir"] == "c2s")
    return Recording(name.split(".")[1], head["headers"], head["connected_at"], frames)


def shifted(text: str, shift: int) -> str:
    """The frame with every absolute time moved by so many milliseconds, and nothing else changed."""

    def move(found: re.Match[str]) -> str:
        return found[1] + str(int(found[2]) + shift)

    if text.startswith('["g",'):
        text = STATS_TIME.sub(move, text)
    return EVENT_TIME.sub(move, text)


def token(session: str, participant: str, secret: str, now: float) -> str:
    """A token as an application's server makes it for rtcstats-js; without a secret it is not signed."""
    claims = {
        "rtcStats": {"conference": session, "user": participant, "session": f"{session}-{participant}"},
        "iat": int(now),
        "exp": int(now) + TOKEN_LIFE,
    }
    return jwt.encode(claims, secret, algorithm="HS256" if secret else "none")


async def play(plan: Plan, tally: Tally) -> None:
    """Play the plan to its end; what happens shows in the tally."""
    opening = asyncio.Semaphore(OPENING)
    try:
        async with asyncio.timeout(plan.duration or None):
            await asyncio.gather(*(_slot(plan, slot, opening, tally) for slot in range(plan.calls)))
    except TimeoutError:
        return


async def _slot(plan: Plan, slot: int, opening: asyncio.Semaphore, tally: Tally) -> None:
    """One call after the other."""
    turns: Iterable[int] = range(plan.repeat) if plan.repeat else itertools.count()
    for turn in turns:
        case = plan.cases[(slot + turn) % len(plan.cases)]
        session = f"{case}-{secrets.token_hex(4)}"
        recordings = load(case)
        begin = min(recording.connected_at for recording in recordings)
        await asyncio.gather(
            *(
                _take_part(plan, recording, session, recording.connected_at - begin, opening, tally)
                for recording in recordings
            )
        )
        tally.calls += 1


async def _take_part(
    plan: Plan, recording: Recording, session: str, wait: float, opening: asyncio.Semaphore, tally: Tally
) -> None:
    """One participant of one call, from its connection to its close."""
    if plan.speed:
        await asyncio.sleep(wait / plan.speed)
    async with opening:
        connection = await _reach(plan, recording, session)
    tally.connections += 1
    tally.open += 1
    try:
        await _send(connection, recording, plan.speed, tally)
    except ConnectionClosed:
        pass
    finally:
        tally.open -= 1
        await connection.close()
    if connection.close_code not in GOOD_CODES:
        tally.cut[f"{connection.close_code} {connection.close_reason or ''}".rstrip()] += 1


async def _send(connection: ClientConnection, recording: Recording, speed: float, tally: Tally) -> None:
    shift = int(time.time() * 1000) - recording.first_time
    begin = time.monotonic()
    for after, text in recording.frames:
        await asyncio.sleep(max(0.0, begin + after / speed - time.monotonic()) if speed else 0)
        frame = shifted(text, shift)
        await connection.send(frame)
        tally.frames += 1
        tally.bytes += len(frame)


async def _reach(plan: Plan, recording: Recording, session: str) -> ClientConnection:
    """Connect, and wait for an exporter that is not there yet."""
    deadline = time.monotonic() + plan.patience
    for delay in itertools.chain(BACKOFF, itertools.repeat(BACKOFF[-1])):
        credentials = token(session, recording.participant, plan.secret, time.time())
        try:
            return await connect(
                f"{plan.url.rstrip('/')}/call/{session}?rtcstats-token={credentials}",
                origin=Origin(recording.headers["origin"]),
                subprotocols=[Subprotocol(recording.headers["sec-websocket-protocol"])],
                user_agent_header=recording.headers["user-agent"],
                compression=None,
                proxy=None,
            )
        except InvalidStatus as exc:
            why, again = f"status {exc.response.status_code}", exc.response.status_code == 503
        except InvalidHandshake as exc:
            why, again = str(exc), False
        except OSError as exc:
            # The text of a refused connection repeats the address; a failed look-up has no errno of the system.
            text = os.strerror(exc.errno) if exc.errno and exc.errno > 0 else exc.strerror
            why, again = text or type(exc).__name__, True
        if not again:
            raise UnreachableError(f"{plan.url} refused the connection: {why}")
        if time.monotonic() + delay > deadline:
            raise UnreachableError(
                f"no exporter answers at {plan.url} after {plan.patience:g} s ({why}): "
                "start one with rtc-exporter serve, or say with --url where it is"
            )
        await asyncio.sleep(delay)
    raise AssertionError("the delays never end")


# ── the command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--url", type=_url, default="ws://127.0.0.1:8080", help="where clients connect (%(default)s)")
    parser.add_argument("--calls", type=_calls, default=len(CASES), help="calls at the same time (%(default)s)")
    parser.add_argument("--case", action="append", choices=CASES, metavar="NAME", help="play only this one; repeatable")
    parser.add_argument("--list", action="store_true", help="list the recorded calls and stop")
    parser.add_argument(
        "--speed", type=_amount, default=1.0, help="2: twice as fast; 0: as fast as it goes (%(default)g)"
    )
    parser.add_argument("--repeat", type=_times, default=1, help="play so often; 0: until stopped (%(default)s)")
    parser.add_argument("--duration", type=_amount, default=0.0, help="stop after so many seconds; 0: at the end")
    parser.add_argument("--secret", type=_secret, default="", help="key to sign the tokens with; none: not signed")
    parser.add_argument("--patience", type=_amount, default=30.0, help="seconds to wait for the exporter (%(default)g)")
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def run(args: argparse.Namespace) -> int:
    """Play; 0 when everything was taken, 1 when the exporter cut connections."""
    if args.list:
        Console().print(_listing())
        return 0
    cases = tuple(args.case or CASES)
    plan = Plan(args.url, cases, args.calls, args.repeat, args.duration, args.speed, args.secret, args.patience)
    tally = Tally()
    console = Console(stderr=True, quiet=args.quiet)
    if console.is_terminal and not args.quiet:
        with Live(get_renderable=lambda: str(tally), console=console, transient=True):
            asyncio.run(play(plan, tally))
    else:
        asyncio.run(play(plan, tally))
    console.print(str(tally))
    for why, times in tally.cut.most_common():
        print(f"the exporter closed {times:,} connections before their end: {why}", file=sys.stderr)
    return 1 if tally.cut else 0


def _listing() -> Table:
    table = Table("Name", "Participants", "Seconds", "Frames", "What it shows", box=None, pad_edge=False)
    for case, shows in CASES.items():
        recordings = load(case)
        seconds = max(recording.frames[-1][0] for recording in recordings)
        frames = sum(len(recording.frames) for recording in recordings)
        table.add_row(case, str(len(recordings)), f"{seconds:.0f}", str(frames), shows)
    return table


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("ws", "wss") or not parts.hostname or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as ws://127.0.0.1:8080")
    return text


def _calls(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MAX_CALLS:
        raise argparse.ArgumentTypeError(f"{number} is not from 1 to {MAX_CALLS}")
    return number


def _times(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is less than 0")
    return number


def _amount(text: str) -> float:
    number = float(text)
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of 0 or more")
    return number


def _secret(text: str) -> str:
    if text and len(text.encode()) < SECRET_LENGTH:
        raise argparse.ArgumentTypeError(f"it has {len(text.encode())} bytes, wanted at least {SECRET_LENGTH}")
    return text
