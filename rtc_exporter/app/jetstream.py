"""
The engine on NATS JetStream (extra ``nats``).

    NAME-log-3      one stream for each partition: batches, on the subject NAME.log.3
    NAME-leases     who reads which partition, and who is at work; what is not renewed goes by age
    NAME-state      snapshots: a head for each partition, and its parts

Whatever decides something is a message that is only stored if it follows the one that its writer has seen (the header
Nats-Expected-Last-Subject-Sequence); so two of us never both have a lease, or write a snapshot.  Messages are read from
their leader one by one, which needs no consumer that could be lost with a server; batches are large enough for that.
"""

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from nats.aio.client import Client
from nats.errors import Error, MaxPayloadError
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, Header, RawStreamMsg, StorageType, StreamConfig
from nats.js.errors import APIError, BadRequestError, NotFoundError

from rtc_exporter.app.eventlog import WAIT, Batch, Claim, EngineError, FullError, Kept, Lease, LostError, end
from rtc_exporter.engine import is_seed
from rtc_exporter.errors import ConfigError

logger = logging.getLogger("rtc_exporter")

#: Seconds that an answer may take: a new leader takes five.
PATIENCE = 4.0
#: Seconds that a lease lasts.
TTL = 5.0
#: Seconds in which a batch that is sent twice is stored once.
REPEATED = 120.0
#: Bytes of a part of a snapshot.
PART = 512 << 10
#: Batches that are asked for at once where there are many.
WIDE = 16
#: Errors that say that there is no room: no resources, no storage, a stream that is full.
FULL = frozenset((10023, 10047, 10077))
#: Errors that say that somebody else has written meanwhile.
OTHERS = frozenset((10071, 10164))


class Settings(NamedTuple):
    """Where the engine is, and what is made there."""

    servers: tuple[str, ...]
    name: str = "rtc"
    partitions: int = 8
    replicas: int = 1
    #: Bytes that one partition may hold.
    log_bytes: int = 1 << 30
    credentials: Path | None = None
    certificates: Path | None = None


@contextlib.asynccontextmanager
async def _asked() -> AsyncIterator[None]:
    """Whatever goes wrong with the engine becomes an ``EngineError``."""
    try:
        yield
    except (APIError, MaxPayloadError) as exc:
        code = getattr(exc, "err_code", None)
        text = f"{exc.description or exc} ({code})" if isinstance(exc, APIError) else str(exc)
        raise FullError(text) if code in FULL else LostError(text) if code in OTHERS else EngineError(text) from exc
    except (Error, TimeoutError, OSError, asyncio.InvalidStateError) as exc:
        raise EngineError(str(exc) or type(exc).__name__) from exc


class JetStream:
    """See ``EventLog``."""

    def __init__(self, settings: Settings, owner: str) -> None:
        self._settings = settings
        self._owner = owner
        self.partitions = settings.partitions
        #: What a server takes without being told otherwise, less what stands around it.
        self.largest = (1 << 20) - (8 << 10)
        self._client = Client()
        self._js: JetStreamContext = self._client.jetstream(timeout=PATIENCE)
        self._news = [asyncio.Event() for _ in range(settings.partitions)]
        self._widths = [0] * settings.partitions
        self._renewal: asyncio.Task[None] | None = None
        #: What is wrong with the connection.
        self._complaint = ""

    # ── connection

    async def start(self) -> None:
        """Connect, and make what is not there yet."""
        await self._connect()
        await self._make()

    async def _connect(self) -> None:
        settings, tls = self._settings, None
        if settings.certificates or any(server.startswith("tls://") for server in settings.servers):
            tls = ssl.create_default_context(cafile=settings.certificates and str(settings.certificates))
        client, self._complaint = Client(), ""
        try:
            async with _asked(), asyncio.timeout(2 * PATIENCE):
                await client.connect(
                    list(settings.servers), name=self._owner, tls=tls, connect_timeout=2, reconnect_time_wait=1,
                    max_reconnect_attempts=-1, error_cb=self._complain, ping_interval=5, max_outstanding_pings=2,
                    **self._credentials(),
                )  # fmt: skip
                for partition, news in enumerate(self._news):
                    await client.subscribe(self._subject("log", partition), cb=_setter(news))
        except EngineError as exc:
            with contextlib.suppress(Error, TimeoutError, OSError):
                await client.close()
            # The library tries again for as long as it may, whatever a server has against us.
            raise EngineError(self._complaint or str(exc)) from exc
        self._client, self._js = client, client.jetstream(timeout=PATIENCE)

    def _credentials(self) -> dict[str, Any]:
        """A token with a seed, or a seed alone."""
        path = self._settings.credentials
        if path is None:
            return {}
        return {"nkeys_seed" if is_seed(path) else "user_credentials": str(path)}

    async def stop(self) -> None:
        """Disconnect."""
        if self._renewal is not None:
            await end(self._renewal)
        with contextlib.suppress(Error, TimeoutError, OSError):
            await self._client.close()

    async def _renew(self) -> None:
        try:
            await self._connect()
        except EngineError as exc:
            logger.warning("NATS: %s", exc)

    async def _complain(self, error: Exception) -> None:
        # What a server said says more than that it then hung up.
        if isinstance(error, Error) or not self._complaint:
            self._complaint = str(error) or type(error).__name__
        logger.debug("NATS: %s %s", type(error).__name__, error)

    async def _make(self) -> None:
        settings = self._settings
        for partition in range(settings.partitions):
            await self._stream(
                f"log-{partition}", self._subject("log", partition), max_bytes=settings.log_bytes,
                discard=DiscardPolicy.NEW, duplicate_window=REPEATED,
            )  # fmt: skip
        await self._stream(
            "leases", self._subject("lease", ">"), max_age=TTL, max_msgs_per_subject=1, duplicate_window=TTL
        )
        await self._stream("state", self._subject("state", ">"), max_msgs_per_subject=1, duplicate_window=REPEATED)
        await self._agree()

    async def _stream(self, name: str, subject: str, **config: object) -> None:
        full = f"{self._settings.name}-{name}"
        try:
            async with _asked():
                with contextlib.suppress(NotFoundError):
                    await self._js.stream_info(full)
                    return
                await self._js.add_stream(
                    StreamConfig(
                        name=full, subjects=[subject], storage=StorageType.FILE,
                        num_replicas=self._settings.replicas, **config,  # type: ignore[arg-type]
                    )
                )  # fmt: skip
        except EngineError as exc:
            if isinstance(exc.__cause__, BadRequestError) and "already in use" not in str(exc):
                raise ConfigError(f"the engine refuses the stream {full}: {exc}") from exc
            raise

    async def _agree(self) -> None:
        """All have the same number of partitions, for as long as there are any."""
        wanted = str(self.partitions).encode()
        with contextlib.suppress(LostError):
            await self._put(self._subject("state", "partitions"), wanted, 0)
        found = await self._last("state", "partitions")
        if found is not None and found.data != wanted:
            raise ConfigError(
                f"engine.partitions is {self.partitions}, and {self._settings.name} was made with "
                f"{(found.data or b'').decode()}: a session would be looked for in two places"
            )

    def _subject(self, *parts: object) -> str:
        return ".".join((self._settings.name, *map(str, parts)))

    # ── the log

    async def publish(self, partition: int, ident: str, payload: bytes) -> None:
        """See ``EventLog``."""
        self._check()
        async with _asked():
            await self._js.publish(self._subject("log", partition), payload, headers={Header.MSG_ID: ident})

    async def end(self, partition: int) -> int:
        """See ``EventLog``."""
        self._check()
        async with _asked():
            info = await self._js.stream_info(f"{self._settings.name}-log-{partition}")
        return int(info.state.last_seq)

    async def read(self, partition: int, after: int) -> list[Batch]:
        """See ``EventLog``."""
        news = self._news[partition]
        if not news.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WAIT):
                    await news.wait()
        news.clear()
        self._check()
        first = await self._get(partition, after + 1, is_next=True)
        if first is None:
            self._widths[partition] = 0
            return []
        news.set()  # there may be more
        more = range(first.number + 1, first.number + 1 + self._widths[partition])
        found = [first]
        for batch in await asyncio.gather(*(self._get(partition, number) for number in more)):
            if batch is None:
                self._widths[partition] = 0
                return found
            found.append(batch)
        self._widths[partition] = min(WIDE, 2 * self._widths[partition] + 1)
        return found

    async def _get(self, partition: int, number: int, is_next: bool = False) -> Batch | None:
        stream = f"{self._settings.name}-log-{partition}"
        async with _asked():
            try:
                if is_next:
                    subject = self._subject("log", partition)
                    found = await self._js.get_msg(stream, seq=number, subject=subject, next=True)
                else:
                    found = await self._js.get_msg(stream, seq=number)
            except NotFoundError:
                return None
        return Batch(int(found.seq or 0), found.data or b"")

    async def trim(self, partition: int, number: int) -> None:
        """See ``EventLog``."""
        async with _asked():
            await self._js.purge_stream(f"{self._settings.name}-log-{partition}", seq=number + 1)

    # ── snapshots

    async def claim(self, partition: int, owner: str) -> Claim:
        """See ``EventLog``."""
        head = await self._last("state", partition, "head")
        told = orjson.loads(head.data or b"{}") if head is not None else {}
        told["owner"] = owner
        subject = self._subject("state", partition, "head")
        revision = await self._put(subject, orjson.dumps(told), (head and head.seq) or 0)
        generation, parts = told.get("generation", 0), told.get("parts", 0)
        await self._sweep(partition, generation)
        pieces = []
        for part in range(parts):
            piece = await self._last("state", partition, generation, part)
            if piece is None:
                raise EngineError(f"part {part} of the snapshot of partition {partition} is missing")
            pieces.append(piece.data or b"")
        return Claim(revision, Kept(told.get("number", 0), told.get("made_by", ""), b"".join(pieces)))

    async def save(self, partition: int, claim: Claim, kept: Kept) -> Claim:
        """See ``EventLog``."""
        generation, state = claim.revision, kept.state
        parts = [state[begin : begin + PART] for begin in range(0, len(state), PART)]
        for number, part in enumerate(parts):
            await self._put(self._subject("state", partition, generation, number), part, None)
        told = {
            "number": kept.number, "made_by": kept.made_by, "generation": generation, "parts": len(parts),
            "owner": self._owner,
        }  # fmt: skip
        subject = self._subject("state", partition, "head")
        revision = await self._put(subject, orjson.dumps(told), claim.revision)
        with contextlib.suppress(EngineError):
            await self._sweep(partition, generation)
        return Claim(revision, kept._replace(state=b""))

    async def _sweep(self, partition: int, generation: int) -> None:
        """Remove parts that belong to no snapshot any more."""
        stream = f"{self._settings.name}-state"
        async with _asked():
            info = await self._js.stream_info(stream, subjects_filter=self._subject("state", partition, "*", "*"))
            generations = {subject.split(".")[-2] for subject in info.state.subjects or {}}
            for old in generations - {str(generation)}:
                await self._js.purge_stream(stream, subject=self._subject("state", partition, old, "*"))

    # ── leases

    async def lease(self, partition: int, owner: str) -> Lease | None:
        """See ``EventLog``."""
        began = time.monotonic()
        try:
            revision = await self._put(self._subject("lease", partition), owner.encode(), 0)
        except LostError:
            return None
        return Lease(partition, revision, began + TTL)

    async def renew(self, lease: Lease, owner: str) -> Lease:
        """See ``EventLog``."""
        began = time.monotonic()
        subject = self._subject("lease", lease.partition)
        try:
            revision = await self._put(subject, owner.encode(), lease.revision)
        except LostError:
            # A renewal that was stored, and of which we did not hear.
            found = await self._last("lease", lease.partition)
            if found is None or found.data != owner.encode():
                raise
            revision = await self._put(subject, owner.encode(), found.seq)
        return Lease(lease.partition, revision, began + TTL)

    async def release(self, lease: Lease) -> None:
        """See ``EventLog``."""
        if time.monotonic() < lease.until:
            async with _asked():
                await self._js.purge_stream(
                    f"{self._settings.name}-leases", subject=self._subject("lease", lease.partition)
                )

    async def workers(self, owner: str) -> list[str]:
        """See ``EventLog``."""
        await self._put(self._subject("lease", "worker", owner), b"", None)
        async with _asked():
            info = await self._js.stream_info(
                f"{self._settings.name}-leases", subjects_filter=self._subject("lease", "worker", "*")
            )
        return sorted(subject.rpartition(".")[2] for subject in info.state.subjects or {})

    # ── messages

    def _check(self) -> None:
        """Nothing is asked of a server that is not there: the library would keep it, and send it late."""
        if self._client.is_closed and (self._renewal is None or self._renewal.done()):
            # The library gives up where a server turns it away; who keeps servers may think better of it.
            self._renewal = asyncio.create_task(self._renew())
        if not self._client.is_connected:
            raise EngineError("no server is connected")

    async def _put(self, subject: str, data: bytes, after: int | None) -> int:
        """Store a message, if the newest of its subject is ``after`` (0: there is none; None: whatever it is)."""
        self._check()
        headers: dict[str, str] | None = None if after is None else {Header.EXPECTED_LAST_SUBJECT_SEQUENCE: str(after)}
        async with _asked():
            return int((await self._js.publish(subject, data, headers=headers)).seq)

    async def _last(self, kind: str, *parts: object) -> RawStreamMsg | None:
        self._check()
        stream = f"{self._settings.name}-{'leases' if kind == 'lease' else kind}"
        async with _asked():
            try:
                return await self._js.get_msg(stream, subject=self._subject(kind, *parts))
            except NotFoundError:
                return None


def _setter(event: asyncio.Event):  # type: ignore[no-untyped-def]
    async def told(_: object) -> None:
        event.set()

    return told
