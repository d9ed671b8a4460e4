"""
The architecture, as four tables and what they forbid.

A module imports from the floors below its own.  Rooms (packages) have doors; libraries have rooms; and what
touches the world stays in the shell, so that the core is told the time and handed the bytes.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "rtc_exporter"

#: Lowest floor first.  ``wire.*`` stands for the modules of a room that have no line of their own; the
#: modules of one room and floor may import one another, but not in a circle.
FLOORS = (
    (
        "errors",
        "model",
        "w3c",
        "metric",
        "outcomes",
        "limits",
        "attributes",
        "slots",
        "thresholds",
        "emodel",
        "rules.*",
    ),
    ("draw.*", "draw"),
    ("rules", "dialogue", "clientissues"),
    ("gaps",),
    ("catalog", "plans", "span", "spans"),
    ("wire.decoder",),
    ("wire.*",),
    ("wire",),
    ("calls", "present", "cadence", "delta", "series", "labels", "setup", "segments", "tracing", "turns"),
    ("formulas", "story", "phases", "choices"),
    ("conditions", "trends"),
    ("signals", "transitions"),
    ("quality", "conversation"),
    ("scores",),
    ("episodes", "probes"),
    ("silence", "marks", "ledger"),
    ("attribution", "detectors", "verdict", "gathering", "captures"),
    ("incidents",),
    ("sessions", "routes", "notes"),
    ("crowd", "listener", "samples"),
    ("meter", "events", "live", "summary", "drafts", "verdicts", "recorder"),
    ("tracer", "choices"),
    ("voice",),
    ("pipeline",),
    ("tenants",),
    ("snapshot",),
    ("export.*", "export", "conventions", "explain.*", "hearing"),
    ("history",),
    ("lookup",),
    # The shell: from here on the world may be touched.
    ("settings", "useragent", "otel", "tree", "logs", "clock", "webconfig", "geo", "privacy"),
    ("sections", "keys", "sources", "grades", "support", "engine"),
    ("config",),
    ("auth", "coverage", "pages.*", "pages"),
    ("app.*", "app", "importer", "player", "docs"),
    ("shards.*", "shards"),
    ("explain", "doctor.*", "doctor"),
    ("cli",),
    ("__main__",),
)
SHELL = next(number for number, floor in enumerate(FLOORS) if "settings" in floor)

#: Rooms with a door: who, besides the room itself, may come in.
DOORS = {
    "wire": {"app", "coverage", "importer", "docs"},
    "export": {"app", "importer", "shards"},
    "draw": {"explain", "pages"},
}

#: The libraries a module or room may use; who is not named has the standard library alone.
LIBRARIES = {
    "wire": {"orjson"},
    "export": {"opentelemetry", "prometheus_client"},
    "settings": {"pydantic", "pydantic_settings"},
    "sections": {"pydantic"},
    "grades": {"pydantic"},
    "support": {"pydantic"},
    "engine": {"pydantic", "pydantic_settings"},
    "config": {"pydantic", "pydantic_settings"},
    "webconfig": {"yaml"},
    "keys": {"jwt"},
    "sources": {"pydantic_settings"},
    "auth": {"jwt"},
    "useragent": {"ua_parser"},
    # google and grpc are what the messages and answers of OTLP are made of.
    "app": {
        "bcrypt", "google", "grpc", "multipart", "nats", "opentelemetry", "orjson", "requests", "starlette", "uvicorn",
        "uvloop", "websockets",
    },
    # httptools reads answers for it, as it reads requests for the server.
    "shards": {"httptools", "orjson", "starlette", "uvloop"},
    "importer": {"rich"},
    "explain": {"rich"},
    # It looks from outside, as clients, Prometheus and senders of OTLP do.
    "doctor": {"jwt", "opentelemetry", "prometheus_client", "requests", "rich", "websockets"},
    "player": {"jwt", "rich", "websockets"},
    "cli": {"rich"},
}  # fmt: skip

#: What touches the world.
WORLD = {
    "asyncio", "datetime", "http", "logging", "os", "pathlib", "random", "secrets", "shutil", "signal", "socket",
    "subprocess", "sys", "tempfile", "threading", "time", "urllib",
}  # fmt: skip

#: Lines of a module; one that needs more says two things.
LONGEST = 400


def name_of(path: Path) -> str:
    """``rtc_exporter/wire/decoder.py`` -> ``wire.decoder``; a package is named by its folder."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in PATHS.items()}
#: The package itself holds the version, which anybody may read.
MODULES = [name for name in PATHS if name]


def place(module: str) -> str:
    """The entry of ``FLOORS`` under which a module stands."""
    listed = {entry for floor in FLOORS for entry in floor}
    return module if module in listed else f"{room(module)}.*"


def floor(module: str) -> int:
    """How high a module stands."""
    for number, entries in enumerate(FLOORS):
        if place(module) in entries:
            return number
    raise LookupError(f"{module} stands on no floor: add it to FLOORS")


def room(module: str) -> str:
    """The first part of its name."""
    return module.partition(".")[0]


def imports(tree: ast.AST) -> Iterator[str]:
    """Full names of what is imported; names out of a module come with the module in front."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own(module: str) -> set[str]:
    """Modules of this project that a module imports."""
    names = (name.removeprefix("rtc_exporter.") for name in imports(TREES[module]) if name.startswith("rtc_exporter."))
    return {name if name in PATHS else name.rpartition(".")[0] for name in names} - {""}


def foreign(module: str) -> set[str]:
    """Top-level names of all other modules that it imports."""
    return {room(name) for name in imports(TREES[module])} - {"rtc_exporter"}


def test_every_module_stands_on_a_floor() -> None:
    """No module is unlisted, and no line is left of a module that is gone."""
    listed = {entry for floor in FLOORS for entry in floor}

    assert {place(name) for name in MODULES} - listed == set(), "add them to FLOORS"
    assert {entry for entry in listed if not entry.endswith("*")} - set(MODULES) == set(), "remove them from FLOORS"


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    """A module knows only what stands below it, and its neighbours in the same room."""
    for other in sorted(own(module)):
        neighbours = floor(other) == floor(module) and room(other) == room(module)
        assert floor(other) < floor(module) or neighbours, f"{module} reaches up or sideways to {other}"


def test_no_imports_go_in_a_circle() -> None:
    """Inside a room the order is free, but there is one."""
    left = {module: own(module) - {module} for module in MODULES}
    while ready := {module for module, needs in left.items() if not needs}:
        left = {module: needs - ready for module, needs in left.items() if module not in ready}

    assert left == {}, "these wait for one another"


@pytest.mark.parametrize("module", MODULES)
def test_rooms_are_entered_by_their_door(module: str) -> None:
    """The core depends on no format and no backend, not even by accident."""
    for other in sorted(own(module)):
        closed = room(other) in DOORS and room(other) != room(module)
        assert not closed or room(module) in DOORS[room(other)], f"{module} has no business in {other}"


@pytest.mark.parametrize("module", MODULES)
def test_libraries_stay_in_their_rooms(module: str) -> None:
    """A library is known where it is needed and nowhere else."""
    extra = foreign(module) - sys.stdlib_module_names - LIBRARIES.get(room(module), set())

    assert extra == set(), f"{module} may not use these libraries"


@pytest.mark.parametrize("module", MODULES)
def test_the_core_does_not_touch_the_world(module: str) -> None:
    """Below the shell there is no clock, no file, no socket, no log and no chance."""
    touched = foreign(module) & WORLD if floor(module) < SHELL else set()

    assert touched == set(), f"{module} is pure, so it may not import these"


@pytest.mark.parametrize("module", MODULES)
def test_imports_stand_at_the_top(module: str) -> None:
    """No import hides in a function or behind TYPE_CHECKING."""
    top = {id(node) for node in TREES[module].body}
    hidden = [
        node.lineno
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in top
    ]

    assert hidden == [], f"{module}: imports that are not at the top, by line"


@pytest.mark.parametrize("module", PATHS)
def test_a_module_is_short(module: str) -> None:
    """What needs more lines says two things and becomes two modules."""
    lines = len(PATHS[module].read_text(encoding="utf-8").splitlines())

    assert lines < LONGEST, f"{module} has {lines} lines"
