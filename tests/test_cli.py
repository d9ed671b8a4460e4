"""The command line."""

import json
from pathlib import Path

import pytest

from rtc_exporter import __version__
from rtc_exporter.catalog import METRICS
from rtc_exporter.cli import COMMANDS, main
from rtc_exporter.config import settings_table
from rtc_exporter.metric import Profile


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for row in settings_table():
        monkeypatch.delenv(row.variable, raising=False)
    monkeypatch.delenv("RTC_EXPORTER_CONFIG", raising=False)


def text_of(arguments: list[str], capsys: pytest.CaptureFixture[str], status: int = 0) -> str:
    """What a command prints to stdout; it must end with this status."""
    try:
        result = main(arguments)
    except SystemExit as exc:
        result = int(exc.code or 0)
    assert result == status
    return capsys.readouterr().out


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, for bug reports."""
    assert text_of(["--version"], capsys) == f"rtc-exporter {__version__}\n"


def test_help_has_commands_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """What somebody sees first."""
    text = text_of(["--help"], capsys)

    assert "examples:" in text
    for name in COMMANDS:
        assert f"    {name} " in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """argparse formats it without stumbling over a percent sign."""
    assert "usage:" in text_of([name, "--help"], capsys)


def test_help_of_serve_has_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    """In all its spellings, with its default."""
    text = " ".join(text_of(["serve", "--help"], capsys).split())

    for row in settings_table():
        assert row.flag in text
        assert row.variable in text
        if row.default:
            assert f"Default: {row.default}." in text


MISTAKES = [
    ["serve", "--ingest.lissen", ":80"],
    ["serve", "--ingest.listen"],
    ["serve", "--ingest.listen", ":80"],
    ["serve", "--ingest.listen", "nonsense"],
    ["serve", "--config", "/none.toml"],
    ["check", "--metrics.profile", "best"],
    ["nonsense"],
    [],
]


@pytest.mark.parametrize("arguments", MISTAKES)
def test_a_mistake_ends_with_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One message on stderr, no trace, and no port was opened."""
    text_of(arguments, capsys, status=2)


def test_an_unknown_variable_refuses_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A setting that is misspelt would otherwise be silently off."""
    monkeypatch.setenv("RTC_EXPORTER_METRICS__PROFIL", "full")

    assert main(["check"]) == 2
    assert "did you mean RTC_EXPORTER_METRICS__PROFILE?" in capsys.readouterr().err


def test_check_shows_what_a_configuration_amounts_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every setting with its value and where that is from; secrets masked."""
    file = tmp_path / "config.toml"
    file.write_text(f"[ingest]\ntoken_secret = '{'canary' * 8}'\n")

    lines = text_of(["check", "--config", str(file), "--metrics.profile", "core"], capsys).splitlines()

    words = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
    assert words["metrics.profile"] == ["core", "--metrics.profile"]
    assert words["ingest.token_secret"][:2] == ["***", "ingest.token_secret"]
    assert words["ingest.listen"] == ["127.0.0.1:8080", "default"]
    assert "canary" not in " ".join(lines)


def test_metrics_lists_the_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    """All of it, or what a profile publishes; as a table or as JSON."""
    table = text_of(["metrics"], capsys)
    rows = json.loads(text_of(["metrics", "--json", "--profile", "core"], capsys))

    assert all(metric.prometheus in table for metric in METRICS)
    assert [row["name"] for row in rows] == [metric.name for metric in METRICS if metric.profile is Profile.CORE]
