"""The tables in the code and the pages agree, every row is well formed, and every reference resolves."""

import argparse
import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtc_exporter import __version__, config, docs, errors, signals, w3c, wire
from rtc_exporter.attributes import ATTRIBUTES
from rtc_exporter.catalog import FORMAT_NAMES, METRICS
from rtc_exporter.errors import ClientError, ConfigError, Reason
from rtc_exporter.labels import RULES
from rtc_exporter.metric import FOLDS, Kind, Metric, Source, Tier

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "rtc_exporter"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = docs.pages(ROOT)

#: UCUM units that a metric may have; annotations in braces may be anything.
UNIT = re.compile(r"s|By|By/s|1|\{[a-zA-Z_]+\}(/s)?")
#: The errors whose first argument is the reason.
CLIENT_ERRORS = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, ClientError)
}  # fmt: skip

every_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)


# ── pages


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_of_a_page_are_current(page: Path) -> None:
    """What is generated is as the code makes it now."""
    text = page.read_text(encoding="utf-8")

    assert docs.render(text) == text, "run: rtc-exporter docs --write"


def test_every_table_is_on_a_page() -> None:
    """No table is made for nobody."""
    shown = {found[2] for page in PAGES for found in docs.BLOCK.finditer(page.read_text(encoding="utf-8"))}

    assert shown == set(docs.TABLES)


def test_an_unknown_table_is_an_error() -> None:
    """A misspelt block does not stay empty unseen."""
    with pytest.raises(ConfigError, match="metricks"):
        docs.render("<!-- table:metricks -->\n<!-- /table -->")


def test_docs_writes_what_it_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--check fails for a page that is behind, --write mends it, and --check is content."""
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- table:reasons -->\nold\n<!-- /table -->\nafter\n", encoding="utf-8")

    def run(option: str) -> int:
        parser = argparse.ArgumentParser()
        docs.add_arguments(parser)
        return docs.run(parser.parse_args([option, "--root", str(tmp_path)]))

    assert run("--check") == 1
    assert "behind the code" in capsys.readouterr().err
    assert run("--write") == 0
    assert run("--check") == 0
    assert page.read_text(encoding="utf-8").startswith("before\n<!-- table:reasons -->\n| Reason |")
    assert page.read_text(encoding="utf-8").endswith("<!-- /table -->\nafter\n")


@pytest.mark.parametrize("page", [*PAGES, *ROOT.glob("[A-Z]*.md")], ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """A link names a file that is there, and a heading that it has."""
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)", page.read_text(encoding="utf-8")):
        path = page.parent / target if target else page
        assert path.is_file(), f"{page.name} links to {target}, which is not there"
        headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in anchors, f"{page.name} links to #{anchor}, which {path.name} has not"


def published() -> set[str]:
    """Every series name that a query may use."""
    names: set[str] = set()
    for metric in METRICS:
        suffixes = ("_bucket", "_sum", "_count") if metric.kind is Kind.HISTOGRAM else ("",)
        names |= {metric.prometheus + suffix for suffix in suffixes} | {metric.prometheus}
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_metric_a_page_names_is_published(page: Path) -> None:
    """Queries in prose do not fall behind the catalogue."""
    labels = {label for metric in METRICS for label in metric.labels}
    text = page.read_text(encoding="utf-8").replace("rtc_exporter/", "")
    named = set(re.findall(r"\brtc_[a-z0-9_]+", text)) - labels

    assert named - published() == set()


def test_every_setting_a_page_names_exists() -> None:
    """Prose about a setting outlives no renaming."""
    rows = config.settings_table()
    sections = "|".join({row.name.partition(".")[0] for row in rows})
    named = set(re.findall(rf"`((?:{sections})\.[a-z_]+)", README))

    assert named - {row.name for row in rows} == set()
    assert set(re.findall(r"RTC_EXPORTER_\w+__\w+", README)) - {row.variable for row in rows} == set()


def test_the_version_is_the_newest_of_the_changelog() -> None:
    """Package and changelog name the same version."""
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert headings[0] == __version__


def test_the_package_takes_its_version_from_the_code() -> None:
    """There is one place to change it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "rtc_exporter/__init__.py"


# ── reasons


def test_every_reason_is_explained() -> None:
    """Whoever sees a reason in a graph finds it in the README."""
    assert set(docs.REASONS) == set(Reason)
    assert [reason for reason in Reason if f"| `{reason}` |" not in README] == []


def refusals() -> Iterator[tuple[str, ast.Call]]:
    """Every place in the code where an error about a client is made."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CLIENT_ERRORS:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_every_refusal_gives_a_reason_of_the_set() -> None:
    """Reasons are label values: each error about a client names a constant."""
    wrong = [
        where
        for where, call in refusals()
        if not (call.args and ast.unparse(call.args[0]) in {f"Reason.{reason.name}" for reason in Reason})
    ]

    assert wrong == [], "make these with a constant of Reason"


def test_every_reason_is_used() -> None:
    """No reason is left that nothing is refused for."""
    used = {ast.unparse(call.args[0]) for _, call in refusals() if call.args}

    assert {f"Reason.{reason.name}" for reason in Reason} - used == set()


# ── metrics


def test_names_are_unique() -> None:
    """No two rows have one name, in either form."""
    for names in ([metric.name for metric in METRICS], [metric.prometheus for metric in METRICS]):
        assert sorted(names) == sorted(set(names))


@every_metric
def test_a_unit_is_ucum(metric: Metric) -> None:
    """Units are those that OpenTelemetry translates; info metrics have none."""
    assert (metric.unit == "") if metric.kind is Kind.INFO else UNIT.fullmatch(metric.unit)


@every_metric
def test_a_row_is_well_formed(metric: Metric) -> None:
    """Names, labels, buckets, help and fold are of the right shape."""
    assert re.fullmatch(r"rtc(\.[a-z][a-z0-9_]*)+", metric.name)
    assert re.fullmatch(r"[a-z][a-z0-9_]*", metric.prometheus)
    assert len(set(metric.labels)) == len(metric.labels)
    assert metric.help.endswith(".")
    assert metric.fold in FOLDS
    assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert all(len(labels) == len(metric.attributes) for labels in metric.zeros)
    assert metric.prometheus.endswith("_total") == (metric.kind is Kind.COUNTER)


@every_metric
def test_only_live_participants_have_ids(metric: Metric) -> None:
    """Session and participant are labels of the participant tier alone."""
    has_ids = bool({"session.id", "rtc.participant.id"} & set(metric.attributes))

    assert has_ids == (metric.tier is Tier.PARTICIPANT)


@every_metric
def test_every_source_resolves(metric: Metric) -> None:
    """A member is one that the W3C table keeps as a number; a signal has a row."""
    for source in metric.sources:
        assert resolves(source), f"{metric.name} reads {source}, which nothing provides"
        assert {name for name, _ in source.attributes} <= set(metric.attributes)


def resolves(source: Source) -> bool:
    """Whether somebody provides what the source names."""
    numbers = w3c.STATS[source.stats].numbers
    rows = {(signal.stats, signal.name) for signal in signals.SIGNALS}
    if source.member:
        return source.member in numbers
    return (source.stats, source.signal) in rows and (not source.times or source.times in numbers)


def test_every_signal_is_published() -> None:
    """No signal is computed that no metric reads."""
    read = {(source.stats, source.signal) for metric in METRICS for source in metric.sources if source.signal}

    assert {(signal.stats, signal.name) for signal in signals.SIGNALS} - read == set()


def test_every_attribute_is_documented() -> None:
    """The table of attributes is the set that the catalogue uses."""
    used = {name for metric in METRICS for name in metric.attributes}

    assert set(ATTRIBUTES) == used


def test_every_client_value_is_admitted_by_a_rule() -> None:
    """An attribute of a cohort or participant series has a row in the label rules; ids are admitted as they are."""
    used = {name for metric in METRICS if metric.tier is not Tier.SELF for name in metric.attributes}

    assert used - set(RULES) - {"session.id", "rtc.participant.id"} == set()


def test_the_catalogue_knows_the_formats() -> None:
    """The names that exist at 0 from the start are those of the formats."""
    assert set(FORMAT_NAMES) == {form.name for form in wire.FORMATS}
