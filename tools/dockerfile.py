"""
Reads a Dockerfile, as far as ours goes: what it has not is an error, so that no step is passed over unseen.

Reference: docs.docker.com/reference/dockerfile.
"""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Step(NamedTuple):
    """One instruction of a stage: ``RUN``, ``COPY``, ``WORKDIR`` or ``ENV``."""

    word: str
    text: str


@dataclass
class Stage:
    """From one FROM to the next; ``env`` and the rest are as they are at its end."""

    base: str
    name: str
    steps: list[Step] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    user: str = ""
    ports: tuple[int, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


class DockerfileError(ValueError):
    """An instruction that we cannot run."""


def stages(text: str) -> list[Stage]:
    """All stages; the last one is the image."""
    found: list[Stage] = []
    arguments: dict[str, str] = {}
    joined = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", text))
    for line in filter(None, map(str.strip, joined.splitlines())):
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        match word:
            case "ARG":
                name, _, value = rest.partition("=")
                arguments[name] = value
            case "FROM":
                base, _, name = expand(rest, arguments).partition(" AS ")
                found.append(Stage(base.strip(), name.strip()))
            case "RUN" | "COPY" | "WORKDIR":
                found[-1].steps.append(Step(word, rest))
            case "ENV":
                found[-1].env.update(pairs(rest))
                found[-1].steps.append(Step(word, rest))
            case "LABEL":
                found[-1].labels.update(pairs(rest))
            case "USER":
                found[-1].user = rest
            case "EXPOSE":
                found[-1].ports = tuple(map(int, rest.split()))
            case "ENTRYPOINT":
                found[-1].entrypoint = tuple(json.loads(rest))
            case "CMD":
                found[-1].command = tuple(json.loads(rest))
            case _:
                raise DockerfileError(f"{word} is an instruction that is not run here: {line}")
    return found


def expand(text: str, values: Mapping[str, str]) -> str:
    """``${NAME}`` -> its value."""
    return re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], text)


def pairs(text: str) -> dict[str, str]:
    """``A=1 B="two words"`` -> names and values."""
    return {name: value for name, _, value in (pair.partition("=") for pair in shlex.split(text))}
