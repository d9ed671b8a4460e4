"""
What the Dockerfile says; ``python -m tools.container`` runs it, which takes root and minutes.
"""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from rtc_exporter.config import Config, settings_table
from tests.charts import BASE, of, render
from tools.container import BASES, is_sent
from tools.dockerfile import DockerfileError, Stage, expand, pairs, stages

ROOT = Path(__file__).parent.parent
STAGES = stages((ROOT / "Dockerfile").read_text(encoding="utf-8"))
IMAGE = STAGES[-1]
RUNS = [step.text for stage in STAGES for step in stage.steps if step.word == "RUN"]


def test_nothing_is_installed_that_is_not_pinned_by_a_hash() -> None:
    """Packages come with hashes and as wheels, but for one; the program itself is made of what was copied."""
    installs = [text for run in RUNS for text in run.split("&&") if re.search(r"\bpip\b.* (install|wheel) ", text)]

    assert len(installs) == 4
    for text in installs:
        is_hashed = "--require-hashes" in text and "--only-binary :all:" in text
        assert is_hashed or "--no-deps" in text


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-build.lock"])
def test_locks_have_a_version_and_hashes_for_everything(name: str) -> None:
    """And name no registry."""
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = re.split(r"(?m)^(?=[a-z0-9])", text)[1:]

    assert entries
    assert all(re.match(r"[a-z0-9._-]+==\S+ ", entry) and "--hash=sha256:" in entry for entry in entries)
    assert "://" not in re.sub(r"#.*", "", text)


def test_the_locks_hold_what_the_project_asks_for() -> None:
    """In versions that it allows."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = {
        "requirements.lock": told["project"]["dependencies"],
        "requirements-build.lock": told["build-system"]["requires"],
    }
    for name, requirements in wanted.items():
        locked = dict(re.findall(r"(?m)^([a-z0-9._-]+)==(\S+)", (ROOT / name).read_text(encoding="utf-8")))
        for text in requirements:
            requirement = Requirement(text)
            assert requirement.specifier.contains(locked[requirement.name.lower()]), f"{text} in {name}"


def test_the_image_runs_as_nobody_in_particular() -> None:
    """By number, since Kubernetes cannot tell of a name whether it is root's."""
    (deployment,) = of(render(BASE), "Deployment")
    context = deployment["spec"]["template"]["spec"]["securityContext"]

    assert IMAGE.user == f"{context['runAsUser']}:{context['runAsGroup']}" == "65532:65532"


def test_the_image_and_the_chart_agree() -> None:
    """On ports and on the command."""
    (deployment,) = of(render(BASE), "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    env = {told["name"]: told.get("value") for told in container["env"]}

    assert {told["containerPort"] for told in container["ports"]} == set(IMAGE.ports)
    assert tuple(container["args"]) == IMAGE.command == ("serve",)
    assert "command" not in container
    for name in ("RTC_EXPORTER_INGEST__LISTEN", "RTC_EXPORTER_ADMIN__LISTEN"):
        assert IMAGE.env[name] == env[name]


def test_the_variables_of_the_image_are_settings() -> None:
    """And do with a key what the image is for."""
    ours = {name: value for name, value in IMAGE.env.items() if name.startswith("RTC_EXPORTER_")}

    assert set(ours) <= {row.variable for row in settings_table()}
    config = Config.load({}, {**ours, "RTC_EXPORTER_INGEST__TOKEN_SECRET": "x" * 32})
    assert not config.ingest.listen.is_loopback


def test_what_is_copied_reaches_the_builder() -> None:
    """.dockerignore keeps everything else out, secrets and environments among it."""
    for stage in STAGES:
        for step in stage.steps:
            if step.word == "COPY" and not step.text.startswith("--from"):
                *names, _ = step.text.split()
                assert all(is_sent(name) and (ROOT / name).exists() for name in names)
    assert (ROOT / ".dockerignore").read_text(encoding="utf-8").split()[0] == "*"
    assert not is_sent(".git")


def test_every_stage_is_one_that_can_be_made_here() -> None:
    """The last has nothing of what it takes to build."""
    assert [(stage.base, stage.name) for stage in STAGES] == [(base, name) for base in BASES for name in ("build", "")]
    assert not [step.text for step in IMAGE.steps if "pip" in step.text or "venv" in step.text]


def test_a_dockerfile_is_read() -> None:
    """Comments, continued lines, arguments, quotes."""
    text = """
# A comment \\
ARG BASE=a:1
FROM ${BASE} AS one
ENV A=1 \\
    # in between
    B="two words"
RUN x && \\
    y
FROM a:1
COPY --from=one /x /y
USER 1:2
EXPOSE 1 2
LABEL a=b
ENTRYPOINT ["z"]
CMD ["--all"]
"""
    first, second = stages(text)

    assert (first.base, first.name, first.env) == ("a:1", "one", {"A": "1", "B": "two words"})
    assert [tuple(step) for step in first.steps] == [("ENV", 'A=1      B="two words"'), ("RUN", "x &&      y")]
    assert second == Stage(
        "a:1", "", [("COPY", "--from=one /x /y")], {}, {"a": "b"}, "1:2", (1, 2), ("z",), ("--all",)  # type: ignore[list-item]
    )  # fmt: skip
    assert expand("a${B}c", {"B": "b"}) == "abc"
    assert pairs("A=1 B='2 3'") == {"A": "1", "B": "2 3"}


def test_what_cannot_be_run_is_no_step_that_is_passed_over() -> None:
    """Unknown instructions are errors."""
    with pytest.raises(DockerfileError, match="HEALTHCHECK is an instruction that is not run here"):
        stages("FROM a\nHEALTHCHECK CMD x\n")
