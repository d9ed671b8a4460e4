"""
Inputs that a fuzzer makes of recorded calls, against everything that reads what clients send (R4).

atheris (libFuzzer for Python) runs each target in a process of its own, with a corpus from the recordings.  A target may
raise ``ClientError``, which blames the sender, and nothing else; what it lets through must be what the next one
takes.  An input that takes a second, or a gibibyte in all, is a crash too.  ``--target NAME INPUT`` runs one input again.
"""

import argparse
import gzip
import importlib
import itertools
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
import typing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from io import BytesIO
from math import isfinite
from pathlib import Path
from typing import Any

from rtc_exporter import auth, wire
from rtc_exporter.app.bodies import unpack
from rtc_exporter.app.guard import credentials
from rtc_exporter.app.messages import Fault, Messages
from rtc_exporter.choices import PipelineSettings
from rtc_exporter.config import Config
from rtc_exporter.errors import ClientError
from rtc_exporter.export import prometheus
from rtc_exporter.labels import RULES, Labels
from rtc_exporter.limits import Limits
from rtc_exporter.model import ParticipantKey
from rtc_exporter.pipeline import Pipeline
from rtc_exporter.privacy import truncate
from rtc_exporter.wire import plain, rtcstats
from rtc_exporter.wire.events import CHECKS, admitted, facts
from tests import captures
from tests.hostile.kit import Ledger, main

NOW = 1_795_171_686.0
KEY = ParticipantKey("room", "ann")
LIMITS = Limits()
SECRET = "0123456789abcdef0123456789abcdef"
CONFIG = Config.load({"ingest.token_secret": SECRET}, {})
#: Seconds that one input may take under the fuzzer, which makes Python about ten times slower.
SLOW = 1
RSS_MIB = 512

Target = Callable[[bytes], None]


@cache
def _pipeline() -> Pipeline:
    """One for all inputs: making it takes longer than most of them."""
    return Pipeline(PipelineSettings(fold_interval=0.0, budget=100), NOW)


def frames(data: bytes) -> None:
    """Frames of rtcstats, one on each line, through the pipeline and the exposition."""
    pipeline = _pipeline()
    decoder = rtcstats.Decoder(KEY)
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n")[:64]):
        try:
            for record in decoder.receive(line, NOW + number):
                pipeline.feed(record, NOW + number)
        except ClientError:
            continue
    pipeline.tick(NOW + 100)
    _valid(pipeline)


def documents(data: bytes) -> None:
    """A document of plain JSON."""
    pipeline = _pipeline()
    decoder = plain.Decoder(KEY, claimed=False)
    try:
        for record in decoder.receive(data, NOW):
            pipeline.feed(record, NOW)
    except ClientError:
        return
    _valid(pipeline)


def payloads(data: bytes) -> None:
    """Payloads of events: what is kept of SDP, candidates, errors and devices is a word of a set, a number or an id."""
    try:
        row = json.loads(data)
    except (ValueError, RecursionError):
        return
    if isinstance(row, list) and row:
        for name in (
            "icecandidate",
            "icecandidateerror",
            "setLocalDescription",
            "getUserMediaOnFailure",
            "addTrack",
            "feedback",
            "create",
        ):
            for fact, value in facts(name, row[0], row[1:]).items():
                assert fact in CHECKS, fact
                assert not isinstance(value, str) or re.fullmatch(r"[\w{}+=.~ -]{1,128}", value, re.ASCII), (
                    fact,
                    value,
                )
        if isinstance(row[0], dict):
            admitted("connectionstatechange", row[0])


def files(data: bytes) -> None:
    """Dump files, gzipped or not."""
    pipeline = _pipeline()
    for head in (b"", b"RTCStatsDump\n"):
        content = head + data
        try:
            reader = wire.detect_file(content[: 64 << 10])
            reader.describe(content[: 64 << 10])
            for number, record in enumerate(reader(BytesIO(content), KEY, NOW, LIMITS)):
                if number > 200:
                    break
                pipeline.feed(record, NOW)
        except ClientError:
            continue
    _valid(pipeline)


def bodies(data: bytes) -> None:
    """gzip."""
    for body in (data, gzip.compress(data, 1)):
        try:
            assert len(unpack(body, 1 << 16)) <= 1 << 16
        except ClientError:
            continue


def tokens(data: bytes) -> None:
    """A token and an address, to whom they name; and headers of basic auth, and addresses."""
    text = data.decode("latin-1")
    path, _, query = text.partition("?")
    try:
        identity = auth.resolve(path, auth.parameters(query), text, CONFIG, NOW)
    except ClientError:
        identity = None
    # Without the key nobody is anybody.
    assert identity is None
    credentials(data)
    truncate(text)


def labels(data: bytes) -> None:
    """Texts, to label values."""
    admit = Labels()
    text = data.decode("utf-8", "surrogateescape")
    for name in RULES:
        value = admit.admit(name, text, NOW)
        assert len(value) <= 128, name
        assert value.isprintable(), name
        assert not set("<>\"'&`") & set(value), name
        value.encode()


def messages(data: bytes) -> None:
    """Bytes of a WebSocket, cut anywhere."""
    reader = Messages(1 << 16)
    step = data[0] % 16 + 1 if data else 1
    found: list[tuple[int, bytes]] = []
    try:
        for start in range(0, min(len(data), 4096), step):
            reader.receive(data[start : start + step], found)
    except Fault:
        pass
    assert all(len(payload) <= 1 << 16 for _, payload in found)


#: Inputs between two looks at the exposition.
LOOK = 64
_looks = itertools.count()


def _valid(pipeline: Pipeline) -> None:
    """Whatever came, a scrape is text, and no number in it is none."""
    pipeline.shutdown(NOW + 1000)
    pipeline.scraped()
    if next(_looks) % LOOK:
        return
    text = b"".join(prometheus.render(pipeline.store.families(), prometheus.TEXT)).decode()
    for line in text.splitlines():
        assert line.startswith("#") or isfinite(float(line.rpartition(" ")[2])), line


TARGETS: dict[str, Target] = {
    target.__name__: target for target in (frames, documents, payloads, files, bodies, tokens, labels, messages)
}


def seeds(name: str) -> Iterator[bytes]:
    """Where the fuzzer begins: pieces of recorded calls."""
    recordings = captures.names()
    texts = [[frame.text for frame in captures.frames(recording)] for recording in recordings]
    match name:
        case "frames":
            yield from ("\n".join(several[:40]).encode()[:20_000] for several in texts)
        case "payloads":
            for text in {text for several in texts for text in several[:40] if not text.startswith('["g"')}:
                yield json.dumps(json.loads(text)[2:]).encode()
        case "files":
            yield from ("\n".join(["{}", *several[:30]]).encode()[:20_000] for several in texts)
        case "messages":
            yield b"\x03\x81\x85\0\0\0\0hello\x89\x80\0\0\0\0\x88\x82\0\0\0\0\x03\xe8"
        case "tokens":
            yield b"/v1/rtcstats/room/ann?rtcstats-token=eyJhbGciOiJIUzI1NiJ9.e30.AAAA&session=a"
            yield b"Basic YW5uOnNlY3JldA=="
        case "documents":
            yield b'{"time":1795171686000,"session":"s","participant":"p","stats":[{"id":"a","type":"inbound-rtp","ssrc":1,"packetsReceived":5}]}'
            yield b'{"events":[{"name":"connectionstatechange","time":1,"state":"connected","peerConnection":"PC_0"}]}'
        case _:
            yield from (text.encode()[:500] for several in texts for text in several[:5])


def fuzz(names: Sequence[str], folder: Path, seconds: int) -> None:
    """
    Run targets, two at a time, each in a process of its own that begins where everything is imported for the fuzzer.

    The folder has one for each target, with its corpus, what made it fail, and where it is one of several its ``log``
    and its ``status``.
    """
    atheris = importlib.import_module("atheris")
    # What is fuzzed has to be imported anew, so that the fuzzer sees which branches an input takes.
    for module in [module for module in sys.modules if module.startswith(("rtc_exporter", "tests.hostile.fuzz"))]:
        del sys.modules[module]
    # Annotations are remembered, and Debian's Python 3.11.2 takes those of before for equal ones of now.
    for forget in getattr(typing, "_cleanups", ()):
        forget()
    with atheris.instrument_imports(include=["rtc_exporter"], enable_loader_override=False):
        targets: dict[str, Target] = importlib.import_module("tests.hostile.fuzz").TARGETS
    if len(names) == 1:
        _fuzz(atheris, names[0], targets[names[0]], folder / names[0], seconds)
    fork = multiprocessing.get_context("fork")

    def apart(name: str) -> None:
        process = fork.Process(target=_logged, args=(atheris, name, targets[name], folder / name, seconds))
        process.start()
        process.join()
        (folder / name / "status").write_text(str(process.exitcode))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(apart, names))


def _logged(atheris: Any, name: str, target: Target, folder: Path, seconds: int) -> None:
    folder.mkdir(parents=True)
    with (folder / "log").open("wb") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
    _fuzz(atheris, name, target, folder, seconds)


def _fuzz(atheris: Any, name: str, target: Target, folder: Path, seconds: int) -> None:
    """Run one target; the process ends with it."""
    corpus = folder / "corpus"
    corpus.mkdir(parents=True)
    for number, seed in enumerate(seeds(name)):
        (corpus / str(number)).write_bytes(seed)
    options = (
        f"-max_total_time={seconds}", f"-timeout={SLOW * 10}", f"-rss_limit_mb={RSS_MIB}", "-max_len=20000",
        f"-artifact_prefix={folder}/", "-print_final_stats=1", "-verbosity=0",
    )  # fmt: skip
    atheris.Setup([sys.argv[0], str(corpus), *options], target)
    atheris.Fuzz()


def run(is_long: bool = False) -> Ledger:
    """Ten minutes for each target, as the goal has it; in CI eight seconds, two at a time."""
    ledger = Ledger("fuzz: what reads clients' bytes")
    seconds = 600 if is_long else 8
    with tempfile.TemporaryDirectory() as folder:
        told = [word for name in TARGETS for word in ("--target", name)]
        subprocess.run(
            [sys.executable, "-m", "tests.hostile.fuzz", *told, "--folder", folder, "--seconds", str(seconds)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, timeout=len(TARGETS) * (seconds + 60),
        )  # fmt: skip
        for name in TARGETS:
            log = _read(folder, name, "log")
            runs = re.search(r"number_of_executed_units:\s+(\d+)", log)
            peak = re.search(r"peak_rss_mb:\s+(\d+)", log)
            is_well = _read(folder, name, "status") == "0" and runs is not None
            ledger.claim(
                f"{name}: nothing but blame", is_well, f"{int(runs[1]):,} inputs" if runs and is_well else log[-1500:]
            )
            if peak:
                ledger.claim(f"{name}: memory", int(peak[1]) < RSS_MIB, f"{peak[1]} MiB")
    return ledger


def _read(*parts: str) -> str:
    path = Path(*parts)
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def command() -> None:
    """Some targets, or all as CI has them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", choices=TARGETS, action="append")
    parser.add_argument("--folder", type=Path, default=Path("/tmp") / f"fuzz-{time.time_ns()}")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("input", nargs="?", type=Path)
    args = parser.parse_args()
    if args.input:
        TARGETS[args.target[0]](args.input.read_bytes())
    elif args.target:
        fuzz(args.target, args.folder, args.seconds)
    else:
        main(run)


if __name__ == "__main__":
    command()
