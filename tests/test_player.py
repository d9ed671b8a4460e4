"""The player sends recorded calls as the browsers did, to a real WebSocket server on loopback."""

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Response
from websockets.typing import Subprotocol

from rtc_exporter import player
from rtc_exporter.player import CASES, Plan, Tally, UnreachableError

SECRET = "a key of thirty-two bytes or more"
#: The shortest recording; at full speed it takes a few milliseconds.
CASE = "icefail-cr"


@dataclass
class Visit:
    """One connection as the server saw it."""

    path: str
    headers: Headers
    began: float
    frames: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    @property
    def claims(self) -> dict[str, str]:
        """What the token says, unverified."""
        claims: dict[str, str] = jwt.decode(self.token, options={"verify_signature": False})["rtcStats"]
        return claims

    @property
    def token(self) -> str:
        """The token in the address."""
        return parse_qs(urlsplit(self.path).query)["rtcstats-token"][0]


@dataclass
class Exporter:
    """A server that keeps what it gets."""

    url: str
    visits: list[Visit]


async def keep(connection: ServerConnection, visit: Visit) -> None:
    """Take every frame."""
    async for frame in connection:
        visit.frames.append(str(frame))
        visit.times.append(time.monotonic())


async def refuse(connection: ServerConnection, visit: Visit) -> None:
    """Accept, then close as an exporter does for a bad token."""
    await connection.close(1008, "bad_token")


@asynccontextmanager
async def exporter(
    handle: Callable[[ServerConnection, Visit], Awaitable[None]] = keep, answers: list[HTTPStatus] | None = None
) -> AsyncIterator[Exporter]:
    """A server on loopback; ``answers`` are given to the first requests instead of an upgrade."""
    visits: list[Visit] = []

    async def take(connection: ServerConnection) -> None:
        assert connection.request is not None
        visits.append(Visit(connection.request.path, connection.request.headers, time.time()))
        await handle(connection, visits[-1])

    def answer(connection: ServerConnection, _: object) -> Response | None:
        return connection.respond(answers.pop(0), "") if answers else None

    protocols = [Subprotocol("rtcstats#5.0")]
    async with serve(take, "127.0.0.1", 0, subprotocols=protocols, process_request=answer) as server:
        host, port = next(iter(server.sockets)).getsockname()
        yield Exporter(f"ws://{host}:{port}", visits)


def played(plan: Plan, **how: object) -> tuple[Tally, list[Visit]]:
    """Play the plan into a server of its own."""

    async def main() -> tuple[Tally, list[Visit]]:
        tally = Tally()
        async with exporter(**how) as there:  # type: ignore[arg-type]
            await player.play(replace(plan, url=there.url), tally)
        return tally, there.visits

    return asyncio.run(main())


def arguments(*words: str) -> argparse.Namespace:
    """The command line, read."""
    parser = argparse.ArgumentParser()
    player.add_arguments(parser)
    return parser.parse_args(words)


def times_of(frame: str) -> list[int]:
    """Every absolute time in a frame."""
    found = [*player.STATS_TIME.finditer(frame)] if frame.startswith('["g",') else []
    return [int(match[2]) for match in (*found, *player.EVENT_TIME.finditer(frame))]


def test_each_case_is_recorded_and_each_recording_has_a_case() -> None:
    """The list of calls and the files in the package are the same set, two participants each."""
    files = {file.name.removesuffix(player.SUFFIX) for file in player.FOLDER.iterdir()}

    assert files == {f"{case}.{participant}" for case in CASES for participant in ("p1", "p2")}


@pytest.mark.parametrize("case", CASES)
def test_a_recording_holds_no_token(case: str) -> None:
    """Nothing in a recording opens anything, and each starts with an absolute time."""
    for recording in player.load(case):
        text = "\n".join(text for _, text in recording.frames)

        assert set(recording.headers) == {"user-agent", "sec-websocket-protocol", "origin"}
        assert "rtcstats-token" not in text
        assert "eyJ" not in text
        assert times_of(recording.frames[0][1]) == [recording.first_time]


@pytest.mark.parametrize(
    ("frame", "moved"),
    [
        ('[39,null,{"reloadCount":0},1795171573749]', '[39,null,{"reloadCount":0},1795171574749]'),
        ('["g","PC_0",{"t":1795171573749},1795171573749.25]', '["g","PC_0",{"t":1795171574749},1795171574749.25]'),
        ('["g","PC_0",{"3":{"34":1795171575409,"14":140,"t":1795171575409.5}},5]',
         '["g","PC_0",{"3":{"34":1795171576409,"14":140,"t":1795171576409.5}},5]'),
        ('["g","PC_0",{"7":{"137":9079290933588934000,"46":3999999999999}},5]', None),
        ('["g","PC_0",{"7":{"34":0,"80":1795171575409}},5]', None),
        ('[":custom",null,{"t":1795171575409},5]', None),
        ('[23,"PC_0","stable",7]', None),
    ],
)  # fmt: skip
def test_only_absolute_times_move(frame: str, moved: str | None) -> None:
    """Times of the event clock and of the stats clock move together; every other character stays."""
    assert player.shifted(frame, 1000) == (moved or frame)


def test_the_call_happens_now() -> None:
    """The first time is that of the connection, and all others keep their distance from it."""
    _, visits = played(Plan("", (CASE,), speed=0))

    for visit, recording in zip(sorted(visits, key=lambda visit: visit.claims["user"]), player.load(CASE), strict=True):
        first = times_of(visit.frames[0])[0]
        then = [time - recording.first_time for _, text in recording.frames for time in times_of(text)]

        assert abs(first / 1000 - visit.began) < 5
        assert [time - first for frame in visit.frames for time in times_of(frame)] == then


def test_frames_come_verbatim_and_in_order() -> None:
    """Nothing but the times differs from what the browser sent."""
    _, visits = played(Plan("", (CASE,), speed=0))

    for visit, recording in zip(sorted(visits, key=lambda visit: visit.claims["user"]), player.load(CASE), strict=True):
        back = recording.first_time - times_of(visit.frames[0])[0]

        assert [player.shifted(frame, back) for frame in visit.frames] == [text for _, text in recording.frames]


def test_a_connection_looks_like_the_browser() -> None:
    """User agent, subprotocol and origin are those of the recording; no compression is offered."""
    _, visits = played(Plan("", ("healthy-ff",), speed=0))

    assert len(visits) == 2
    for visit in visits:
        assert "Firefox/153.0" in visit.headers["User-Agent"]
        assert visit.headers["Sec-WebSocket-Protocol"] == "rtcstats#5.0"
        assert visit.headers["Origin"].startswith("http://localhost:")
        assert "Sec-WebSocket-Extensions" not in visit.headers


def test_each_call_is_a_session_of_its_own() -> None:
    """Participants of a call share its session; three calls at once are three sessions."""
    tally, visits = played(Plan("", (CASE, "gumdenied-cr"), calls=3, speed=0))
    who = {(visit.claims["conference"], visit.claims["user"]) for visit in visits}

    assert len(who) == 6
    assert len({session for session, _ in who}) == 3
    assert {user for _, user in who} == {"p1", "p2"}
    assert all(urlsplit(visit.path).path == f"/call/{visit.claims['conference']}" for visit in visits)
    assert (tally.calls, tally.connections, tally.open, tally.cut) == (3, 6, 0, {})
    assert tally.frames == sum(len(visit.frames) for visit in visits)


def test_a_token_is_signed_with_the_secret() -> None:
    """The exporter can verify it, and it ends soon."""
    _, visits = played(Plan("", (CASE,), speed=0, secret=SECRET))

    for visit in visits:
        claims = jwt.decode(visit.token, SECRET, algorithms=["HS256"])
        assert claims["exp"] - claims["iat"] == player.TOKEN_LIFE


def test_a_token_without_secret_is_not_signed() -> None:
    """It says so in its header, and no key verifies it."""
    assert jwt.get_unverified_header(player.token("s", "p", "", 0.0))["alg"] == "none"


def test_frames_keep_their_times() -> None:
    """At two hundred times the speed, 45 s of frames take 45 s / 200, spread as recorded."""
    _, visits = played(Plan("", (CASE,), speed=200))

    for visit, recording in zip(sorted(visits, key=lambda visit: visit.claims["user"]), player.load(CASE), strict=True):
        late = [
            seen - visit.times[0] - (after - recording.frames[0][0]) / 200
            for seen, (after, _) in zip(visit.times, recording.frames, strict=True)
        ]
        assert min(late) > -0.05, "a frame came before its time"


def test_a_repeated_call_is_another_session_of_the_next_case() -> None:
    """One call after the other, and the cases take turns."""
    tally, visits = played(Plan("", (CASE, "gumdenied-cr"), repeat=2, speed=0))

    assert tally.calls == 2
    assert [visit.claims["conference"][:-9] for visit in visits] == [CASE, CASE, "gumdenied-cr", "gumdenied-cr"]


def test_playing_ends_when_its_time_is_over() -> None:
    """Without an end of its own it stops at the duration, and leaves no connection open."""
    tally, visits = played(Plan("", (CASE,), repeat=0, duration=0.2))

    assert tally.calls == 0
    assert tally.open == 0
    assert visits


def test_an_exporter_that_is_not_ready_is_waited_for() -> None:
    """503 means later: the player comes again."""
    tally, _ = played(Plan("", (CASE,), speed=0), answers=[HTTPStatus.SERVICE_UNAVAILABLE] * 2)

    assert (tally.calls, tally.connections) == (1, 2)


def test_an_exporter_that_refuses_is_not_waited_for() -> None:
    """403 will not change by waiting."""
    with pytest.raises(UnreachableError, match="refused the connection: status 403"):
        played(Plan("", (CASE,), speed=0), answers=[HTTPStatus.FORBIDDEN] * 2)


def test_an_exporter_that_never_answers_is_named() -> None:
    """The error says where it looked, how long, why it failed, and what to do."""

    async def main() -> None:
        async with exporter() as there:
            pass
        await player.play(Plan(there.url, (CASE,), patience=0.0), Tally())

    with pytest.raises(UnreachableError, match=r"no exporter answers at ws://127\.0\.0\.1:\d+ after 0 s .*--url"):
        asyncio.run(main())


def test_a_closed_connection_is_counted() -> None:
    """What the exporter cut short is not hidden: close code and reason are kept."""
    tally, _ = played(Plan("", (CASE,), speed=0), handle=refuse)

    assert tally.cut == {"1008 bad_token": 2}
    assert tally.open == 0


@pytest.mark.parametrize(("handle", "status", "told"), [(keep, 0, ""), (refuse, 1, "2 connections before their end")])
def test_the_command_says_how_it_went(
    handle: Callable[[ServerConnection, Visit], Awaitable[None]],
    status: int,
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit status 0 when everything was taken, 1 when connections were cut."""

    async def main() -> int:
        async with exporter(handle) as there:
            words = ("--url", there.url, "--case", CASE, "--calls", "1", "--speed", "0", "--quiet")
            return await asyncio.to_thread(player.run, arguments(*words))

    assert asyncio.run(main()) == status
    assert told in capsys.readouterr().err


def test_the_command_fails_without_an_exporter() -> None:
    """The error leaves the progress line behind and is one that the command line prints without a trace."""

    async def closed() -> str:
        async with exporter() as there:
            return there.url

    with pytest.raises(UnreachableError, match="no exporter answers at"):
        player.run(arguments("--url", asyncio.run(closed()), "--patience", "0"))


def test_the_list_names_every_case(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever asks sees what there is to play."""
    assert player.run(arguments("--list")) == 0

    text = capsys.readouterr().out
    assert [case for case in CASES if case not in text] == []


@pytest.mark.parametrize(
    "words",
    [
        ("--url", "http://127.0.0.1:8080"), ("--url", "ws://"), ("--calls", "0"), ("--calls", "100000"),
        ("--calls", "x"), ("--case", "nothing"), ("--speed", "-1"), ("--speed", "nan"),
        ("--repeat", "-1"), ("--duration", "inf"), ("--secret", "short"), ("--patience", "-1"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_refused(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2, and the message names the option."""
    with pytest.raises(SystemExit, match="2"):
        arguments(*words)

    assert words[0] in capsys.readouterr().err


def test_each_frame_is_json_after_the_move() -> None:
    """Moving times by text breaks no frame of any recording."""
    for case in CASES:
        for recording in player.load(case):
            for _, text in recording.frames:
                before, after = json.loads(text), json.loads(player.shifted(text, 7))
                assert len(before) == len(after)
                assert before[:2] == after[:2]
