"""
Runs the steps of the Dockerfile in a Debian root, and tries the image's command there: ``python -m tools.container``.

No container engine is needed, and none is imitated further than our Dockerfile goes: each stage is a folder with what
debootstrap makes, RUN is a chroot in namespaces of its own, COPY is a copy.  The command then runs as the image's user
on a root that cannot be written, in a network of its own, and the doctor looks at it.  Needs root, debootstrap,
unshare and ip.  With --keep, what was built stays.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.dockerfile import Stage, pairs, stages

ROOT = Path(__file__).parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rtc-exporter"
#: Image -> what debootstrap calls it.
BASES = {"debian:bookworm-slim": "bookworm"}
MIRROR = "http://deb.debian.org/debian"
#: What the slim images leave out too.
SLIM = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "var/cache/apt", "var/lib/apt/lists")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: How this machine reaches registries: no part of the image.
NETWORK = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_INDEX_URL")
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
PROGRAMS = ("debootstrap", "unshare", "ip", "tar")
#: Fails until the exporter is ready.
READY = 'import urllib.request; urllib.request.urlopen("http://127.0.0.1:9464/-/ready")'
#: What a snapshot is tried with, in the image's Python.
FROZEN = ROOT / "tools" / "frozen.py"
#: Seconds for all of the trial.
END = 300


def main() -> int:
    """Build, then try."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if os.geteuid() or missing:
        print(f"container: needs root, and {', '.join(missing or PROGRAMS)}", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="rtc-exporter-image."))
    try:
        _make(folder)
    finally:
        if "--keep" in sys.argv[1:]:
            print(f"container: {folder} is kept")
        else:
            shutil.rmtree(folder)
    return 0


def _make(folder: Path) -> None:
    begin = time.monotonic()
    image, root = build(folder)
    print(f"container: built in {time.monotonic() - begin:.0f} s, {size(root) / 2**20:.0f} MiB")
    print(f"container: of that the program {size(root / 'opt') / 2**20:.0f} MiB, sha256 {tree(root / 'opt')}")
    smoke(image, root)
    print("container: its command serves, is found well by its doctor, and ends")


def build(folder: Path) -> tuple[Stage, Path]:
    """Every stage in a folder of its own; the last one, and where it is."""
    made: dict[str, Path] = {}
    for number, stage in enumerate(stages((ROOT / "Dockerfile").read_text(encoding="utf-8"))):
        root = folder / (stage.name or "image")
        unpack(stage.base, root)
        env: dict[str, str] = {}
        place = Path("/")
        for step in stage.steps:
            print(f"container: {number + 1}: {step.word} {step.text[:100]}")
            match step.word:
                case "WORKDIR":
                    place = Path(step.text)
                    (root / step.text.lstrip("/")).mkdir(parents=True, exist_ok=True)
                case "ENV":
                    env.update(pairs(step.text))
                case "COPY":
                    copy(step.text, root, place, made)
                case "RUN":
                    run(root, place, step.text, env)
        made[stage.name] = root
    return stage, root


def unpack(base: str, root: Path) -> None:
    """A fresh root, made by debootstrap once."""
    suite = BASES[base]
    archive = CACHE / f"{suite}.tar"
    if not archive.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as fresh:
            subprocess.run(
                ["debootstrap", "--variant=minbase", suite, fresh, MIRROR], check=True, stdout=subprocess.DEVNULL
            )
            for name in SLIM:
                shutil.rmtree(Path(fresh) / name, ignore_errors=True)
                (Path(fresh) / name).mkdir(parents=True)
            Path(fresh).chmod(0o755)  # it becomes the root folder of whoever runs there
            part = archive.with_suffix(".part")
            subprocess.run(["tar", "-C", fresh, "--numeric-owner", "-cf", part, "."], check=True)
            part.rename(archive)
    root.mkdir(parents=True)
    subprocess.run(["tar", "-C", root, "--numeric-owner", "-xf", archive], check=True)


def copy(text: str, root: Path, place: Path, made: Mapping[str, Path]) -> None:
    """COPY, from the repository or from another stage; what stands in .dockerignore is not there."""
    words = text.split()
    source = ROOT
    if words[0].startswith("--from="):
        source = made[words.pop(0).removeprefix("--from=")]
    *names, last = words
    target = root / str(place / last).lstrip("/")
    for name in names:
        found = source / name.lstrip("/")
        if source == ROOT and not is_sent(name):
            raise FileNotFoundError(f"{name} is copied, and .dockerignore keeps it out")
        if found.is_dir():
            ignore = shutil.ignore_patterns("__pycache__") if source == ROOT else None
            shutil.copytree(found, target, symlinks=True, ignore=ignore, dirs_exist_ok=True)
        else:
            shutil.copy2(found, target / found.name if last.endswith("/") else target)


def is_sent(name: str) -> bool:
    """Whether a name at the top reaches a builder, as .dockerignore has it: everything out, some of it in again."""
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    return f"!{name}" in rules


def run(root: Path, place: Path, command: str, env: Mapping[str, str]) -> None:
    """RUN, with the network of this machine, and with its certificates for as long as it takes."""
    passed = {name: os.environ[name] for name in NETWORK if name in os.environ}
    told = words({"PATH": PATH, "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive", **passed, **env})
    script = f"""
        set -eu
        mount -t proc proc {root}/proc
        mount --rbind /dev {root}/dev
        cp /etc/resolv.conf {root}/etc/resolv.conf
        if [ -e {BUNDLE} ] && [ -e {root}{BUNDLE} ]; then mount --bind {BUNDLE} {root}{BUNDLE}; fi
        exec chroot {root} env -i {told} sh -c {shlex.quote(f"cd {place} && {command}")}
    """
    subprocess.run(["unshare", "--mount", "--pid", "--fork", "sh", "-c", script], check=True, stdout=subprocess.DEVNULL)


def smoke(image: Stage, root: Path) -> None:
    """The command as an engine with --read-only --tmpfs /tmp runs it, and the doctor beside it."""
    secret = "0123456789abcdef0123456789abcdef"
    env = {**image.env, "RTC_EXPORTER_INGEST__TOKEN_SECRET_FILE": "/tmp/secret"}
    inside = f"chroot --userspec={image.user} {root} env -i {words(env)}"
    command, doctor = shlex.join([*image.entrypoint, *image.command]), shlex.join([*image.entrypoint, "doctor"])
    args = "--token-secret-file /tmp/secret --send --timeout 10"
    script = f"""
        set -eu
        ip link set lo up
        mount --bind {root} {root}
        mount -o remount,bind,ro {root}
        mount -t tmpfs tmp {root}/tmp
        mount -t proc proc {root}/proc
        mount --rbind /dev {root}/dev
        printf %s {secret} >{root}/tmp/secret
        {inside} sh -c 'touch /tmp/x; if touch /opt/x /etc/x 2>/dev/null; then exit 1; fi'
        {inside} python3 -c {shlex.quote(FROZEN.read_text(encoding="utf-8"))}
        {inside} {command} &
        served=$!
        for _ in $(seq 100); do
            {inside} python3 -c {shlex.quote(READY)} 2>/dev/null && break
            sleep 0.2
        done
        {inside} {doctor} {args}
        kill -TERM $served
        wait $served
    """
    subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "sh", "-c", script], check=True, timeout=END)


def words(env: Mapping[str, str]) -> str:
    """Variables, as ``env`` takes them."""
    return shlex.join(f"{name}={value}" for name, value in env.items())


def size(root: Path) -> int:
    """Bytes of all files."""
    return sum(path.lstat().st_size for path in files(root))


def tree(root: Path) -> str:
    """A hash of names, contents and modes: the same for the same files, whenever they were made."""
    result = hashlib.sha256()
    for path in files(root):
        name = path.relative_to(root)
        content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
        result.update(f"{name} {path.lstat().st_mode:o} {hashlib.sha256(content).hexdigest()}\n".encode())
    return result.hexdigest()


def files(root: Path) -> Iterator[Path]:
    """All files and links, in one order."""
    yield from (path for path in sorted(root.rglob("*")) if path.is_symlink() or path.is_file())


if __name__ == "__main__":
    sys.exit(main())
