"""Settings: where they come from, who wins, and what a wrong one says."""

from dataclasses import fields
from pathlib import Path

import pytest

from rtc_exporter.config import Bounds, Config, settings_table
from rtc_exporter.errors import ConfigError
from rtc_exporter.limits import Limits
from rtc_exporter.metric import Profile
from rtc_exporter.settings import Address

SECRET = "0123456789abcdef0123456789abcdef"


def test_defaults_are_safe() -> None:
    """Without any setting both listeners are on loopback, on different ports."""
    config = Config.load({}, {})

    assert config.ingest.listen == Address("127.0.0.1", 8080)
    assert config.admin.listen == Address("127.0.0.1", 9464)
    assert config.profile is Profile.STANDARD


def test_flags_win_over_variables_and_those_over_the_file(tmp_path: Path) -> None:
    """Each source overrides the one before it, setting by setting."""
    file = tmp_path / "config.toml"
    file.write_text("[metrics]\nprofile = 'core'\nbudget = 10\nfold_interval = 1\n")
    environ = {"RTC_EXPORTER_METRICS__PROFILE": "full", "RTC_EXPORTER_METRICS__BUDGET": "20"}

    config = Config.load({"metrics.budget": "30"}, environ, file)

    assert (config.metrics.fold_interval, config.metrics.profile, config.metrics.budget) == (1.0, "full", 30)
    origins = {name: origin for name, _, origin in config.effective()}
    assert origins["metrics.fold_interval"] == f"metrics.fold_interval in {file}"
    assert origins["metrics.profile"] == "RTC_EXPORTER_METRICS__PROFILE"
    assert origins["metrics.budget"] == "--metrics.budget"
    assert origins["log.level"] == "default"


def test_the_file_can_be_named_by_a_variable(tmp_path: Path) -> None:
    """RTC_EXPORTER_CONFIG is to the environment what --config is to the command line."""
    file = tmp_path / "config.toml"
    file.write_text("[participants]\npinned = ['a', 'b']\n")

    assert Config.load({}, {"RTC_EXPORTER_CONFIG": str(file)}).participants.pinned == ("a", "b")


VALUES = [
    ("ingest.listen", "[::1]:0", "[::1]:0"),
    ("ingest.listen", "localhost:8080", "localhost:8080"),
    ("ingest.allowed_origins", "https://a.example, http://b.example:8080", "https://a.example,http://b.example:8080"),
    ("participants.pinned", "", ""),
    ("limits.frame_bytes", "2MiB", "2MiB"),
    ("limits.frame_bytes", "1000", "1000B"),
    ("log.level", "DEBUG", "debug"),
    ("ingest.resume", "0", "0"),
    ("metrics.native_histograms", "true", "true"),
    ("traces.ratio", "0.25", "0.25"),
    ("traces.epoch", "none", "none"),
    ("quality.round_trip", "0.1, 0.2, 0.5", "0.1,0.2,0.5"),
    ("quality.jitter", "0.02,0.05", "0.02,0.05"),
]


@pytest.mark.parametrize(("name", "text", "shown"), VALUES)
def test_values_are_written_as_operators_write_them(name: str, text: str, shown: str) -> None:
    """Lists by commas, sizes with units, addresses with brackets; and they are shown in the same way."""
    row = next(row for row in settings_table() if row.name == name)

    effective = {name: value for name, value, _ in Config.load({}, {row.variable: text}).effective()}

    assert effective[name] == shown


MISTAKES = [
    (
        {"--links.grafana": "javascript:alert(1)"},
        {},
        "--links.grafana is 'javascript:alert(1)', wanted an address with",
    ),
    ({"--links.trace": "https://t.example/"}, {}, "wanted an address with http:// or https://, and {trace_id} in it"),
    ({"--history.memory": "0"}, {}, "--history.memory is '0', wanted bytes"),
    ({"--history.sessions": "0"}, {}, "--history.sessions is '0', wanted a whole number"),
    ({"--history.age": "-1"}, {}, "--history.age is '-1', wanted seconds"),
    ({"--history.enabled": "perhaps"}, {}, "--history.enabled is 'perhaps', wanted true or false"),
    ({"--ingest.lisen": "x"}, {}, "unknown setting --ingest.lisen, did you mean --ingest.listen?"),
    ({}, {"RTC_EXPORTER_PRT": "x"}, "unknown setting RTC_EXPORTER_PRT"),
    (
        {},
        {"RTC_EXPORTER_INGEST__LISTN": "x"},
        "unknown setting RTC_EXPORTER_INGEST__LISTN, did you mean RTC_EXPORTER_INGEST__LISTEN?",
    ),
    ({}, {"RTC_EXPORTER_INGEST": '{"listen": ":1"}'}, "unknown setting RTC_EXPORTER_INGEST"),
    ({"ingest.listen": "8080"}, {}, "--ingest.listen is '8080', wanted host:port, [address]:port or :port"),
    ({"ingest.listen": "::1:80"}, {}, "--ingest.listen is '::1:80', wanted host:port"),
    ({"ingest.listen": "a:70000"}, {}, "--ingest.listen is 'a:70000', wanted host:port"),
    ({}, {"RTC_EXPORTER_METRICS__PROFILE": "best"}, "RTC_EXPORTER_METRICS__PROFILE is 'best', wanted core, standard"),
    ({"metrics.budget": "many"}, {}, "--metrics.budget is 'many', wanted a whole number, 1 or more"),
    ({"metrics.budget": "0"}, {}, "--metrics.budget is '0', wanted a whole number, 1 or more"),
    ({"--limits.id-length": "129"}, {}, "--limits.id-length is '129', wanted a whole number from 1 to 128"),
    ({"ingest.resume": "nan"}, {}, "--ingest.resume is 'nan', wanted seconds, 0 or more"),
    ({"limits.frames_per_second": "0"}, {}, "--limits.frames-per-second is '0', wanted a number over 0"),
    ({"limits.dump_bytes": "big"}, {}, "--limits.dump-bytes is 'big', wanted bytes, such as"),
    ({"ingest.allowed_origins": "https://a.example/"}, {}, "wanted origins such as https://app.example"),
    ({"ingest.allowed_origins": "*"}, {}, "wanted origins such as https://app.example"),
    ({"traces.ratio": "1.5"}, {}, "--traces.ratio is '1.5', wanted a number from 0 to 1"),
    ({"traces.epoch": "week"}, {}, "--traces.epoch is 'week', wanted day or none"),
    ({"traces.budget": "0"}, {}, "--traces.budget is '0', wanted a whole number, 1 or more"),
    ({"metrics.native_histograms": "perhaps"}, {}, "is 'perhaps', wanted true or false"),
    ({"quality.freeze": "much"}, {}, "--quality.freeze is 'much', wanted two or three numbers, such as"),
    ({"quality.freeze": "0.1"}, {}, "--quality.freeze is '0.1', wanted two or three numbers, such as"),
    (
        {},
        {"RTC_EXPORTER_QUALITY__FREEZE": "0.3,0.1"},
        "RTC_EXPORTER_QUALITY__FREEZE: freeze is (0.3, 0.1, None), wanted bounds of good, fair and poor: each more",
    ),
    ({"claims.session": ""}, {}, "--claims.session is '', wanted a text that is not empty"),
    (
        {"ingest.listen": "127.0.0.1:9", "admin.listen": "127.0.0.1:9"},
        {},
        "--admin.listen is 127.0.0.1:9: ingest.listen and admin.listen must differ",
    ),
]


@pytest.mark.parametrize(("args", "environ", "text"), MISTAKES)
def test_a_mistake_is_named_in_the_spelling_of_its_author(
    args: dict[str, str], environ: dict[str, str], text: str
) -> None:
    """The message says which setting, what was got and what was wanted."""
    with pytest.raises(ConfigError) as error:
        Config.load(args, environ)

    assert text in str(error.value)


FILES = [
    ("[ingest]\nlissen = ':1'\n", "unknown setting ingest.lissen, did you mean ingest.listen?"),
    ("[ingst]\nlisten = ':1'\n", "unknown setting ingst.listen, did you mean ingest.listen?"),
    ("listen = ':1'\n", "unknown setting listen"),
    ("[metrics]\nbudget = 'x'\n", "metrics.budget in"),
    ("[metrics]\nbudget = true\nprofile = 1\n", "is 1, wanted core, standard or full"),
    ("[metrics\n", "is not TOML"),
]


@pytest.mark.parametrize(("text", "message"), FILES)
def test_a_mistake_in_the_file_is_named_with_the_file(tmp_path: Path, text: str, message: str) -> None:
    """Unknown keys, wrong values and broken TOML all refuse the start."""
    file = tmp_path / "config.toml"
    file.write_text(text)

    with pytest.raises(ConfigError) as error:
        Config.load({}, {}, file)

    assert message in str(error.value)
    assert str(file) in str(error.value)


def test_a_file_that_is_missing_refuses_the_start(tmp_path: Path) -> None:
    """A typo in the path must not run with the defaults."""
    with pytest.raises(ConfigError, match="which is not a file"):
        Config.load({}, {}, tmp_path / "none.toml")


def test_without_a_secret_only_loopback_is_allowed() -> None:
    """The message names both settings that could be changed."""
    with pytest.raises(ConfigError) as error:
        Config.load({"ingest.listen": ":8080"}, {})

    assert "--ingest.listen is 0.0.0.0:8080" in str(error.value)
    assert "ingest.token_secret" in str(error.value)
    assert Config.load({"ingest.listen": ":8080", "ingest.token_secret": SECRET}, {}).ingest.listen.port == 8080
    assert Config.load({"ingest.listen": "[::1]:8080"}, {}).ingest.listen.is_loopback


def test_the_secret_can_come_from_a_file(tmp_path: Path) -> None:
    """The line end that editors add is no part of it."""
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")

    config = Config.load({"ingest.token_secret_file": str(file)}, {})

    assert config.ingest.token_secret.get_secret_value() == SECRET


SECRETS = [
    ({"ingest.token_secret": "short-canary"}, "--ingest.token-secret is too short, wanted at least 32 characters"),
    ({"ingest.token_secret_file": "/none"}, "--ingest.token-secret-file is '/none', which cannot be read"),
    ({"ingest.token_secret": SECRET, "ingest.token_secret_file": "/none"}, "are both set, wanted one of them"),
]


@pytest.mark.parametrize(("args", "text"), SECRETS)
def test_a_secret_is_never_shown(args: dict[str, str], text: str) -> None:
    """Neither in messages nor in the effective settings."""
    with pytest.raises(ConfigError) as error:
        Config.load(args, {})

    assert text in str(error.value)
    assert "canary" not in str(error.value)
    assert SECRET not in str(error.value)


def test_effective_settings_mask_secrets() -> None:
    """What ``check`` prints can be pasted anywhere."""
    config = Config.load({"ingest.token_secret": SECRET}, {})

    assert ("ingest.token_secret", "***", "--ingest.token-secret") in config.effective()
    assert SECRET not in repr(config)


def test_the_limits_of_the_core_are_all_settings() -> None:
    """Same names, same defaults."""
    assert set(Bounds.model_fields) == {field.name for field in fields(Limits)}
    assert Config.load({}, {}).bounds == Limits()


def test_every_setting_has_a_meaning_and_one_name_in_three_spellings() -> None:
    """The table is what flags, README and chart are made from."""
    for row in settings_table():
        assert row.meaning.endswith(".")
        assert row.flag == "--" + row.name.replace("_", "-")
        assert row.variable == "RTC_EXPORTER_" + row.name.replace(".", "__").upper()
        assert row.section


def test_variables_of_others_are_left_alone() -> None:
    """Only our prefix is ours."""
    Config.load({}, {"PATH": "/bin", "OTEL_SERVICE_NAME": "x", "rtc_exporter_x": "y"})
