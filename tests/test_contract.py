"""The tables in the code and the pages agree, every row is well formed, and every reference resolves."""

import argparse
import ast
import hashlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtc_exporter import __version__, config, docs, errors, rules, signals, span, spans, w3c, wire
from rtc_exporter.attributes import ATTRIBUTES, TENANT
from rtc_exporter.catalog import FORMAT_NAMES, METRICS
from rtc_exporter.errors import ClientError, ConfigError, Reason
from rtc_exporter.labels import RULES
from rtc_exporter.metric import FOLDS, Kind, Metric, Source, Tier, label
from rtc_exporter.routes import COMBINE
from rtc_exporter.spans import EVENTS, SPAN_ATTRIBUTES, SPANS, SpanType
from tests.boards import BOARDS, panels
from tests.conftest import SLOWEST
from tests.traced import carried

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

#: Every name that a table explains.
NAMES = {
    *(metric.name for metric in METRICS), *spans.BY_NAME, *spans.MEASURES, *EVENTS, *ATTRIBUTES, *SPAN_ATTRIBUTES,
}  # fmt: skip

#: What a token says and nothing publishes.
UNPUBLISHED = {"rtc.client.session.id"}

every_span = pytest.mark.parametrize("row", SPANS, ids=lambda row: row.name)
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
        if not anchor:
            continue  # it may be a picture
        headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert anchor in anchors, f"{page.name} links to #{anchor}, which {path.name} has not"


def published() -> set[str]:
    """Every series name that a query may use."""
    names: set[str] = set()
    for metric in METRICS:
        suffixes = ("_bucket", "_sum", "_count") if metric.kind is Kind.HISTOGRAM else ("",)
        names |= {metric.prometheus + suffix for suffix in suffixes} | {metric.prometheus}
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_metric_a_page_names_is_published(page: Path) -> None:
    """Queries in prose do not fall behind the catalogue; what rules record has colons, and a test of its own."""
    labels = {label(TENANT), *(name for metric in METRICS for name in metric.labels)}
    text = page.read_text(encoding="utf-8").replace("rtc_exporter/", "")
    named = set(re.findall(r"\brtc_[a-z0-9_]+(?![a-z0-9_:])", text)) - labels

    assert named - published() == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_span_and_attribute_a_page_names_exists(page: Path) -> None:
    """Prose and drawings, outside of what is generated, have no name of our namespace that no table has."""
    text = docs.BLOCK.sub("", page.read_text(encoding="utf-8"))
    named = set(re.findall(r"(?<![\w./])rtc\.[a-z0-9_]+(?:\.[a-z0-9_]+)*(?![\w.]*[/*])", text)) - {"rtc.example.com"}

    assert named - NAMES == set()


#: A search in TraceQL.
SEARCH = re.compile(r"^\{ (?:span\.|name |status |duration ).* \}", re.MULTILINE)


def test_searches_for_spans_name_what_spans_have() -> None:
    """Those of pages and of dashboards: each finds spans that there are, by attributes that these carry."""
    texts = [*(page.read_text(encoding="utf-8") for page in PAGES)]
    texts += [
        target.get("query", "")
        for board in BOARDS.values()
        for panel in panels(board)
        for target in panel.get("targets", ())
    ]
    found = {search for text in texts for search in SEARCH.findall(text)}

    assert len(found) >= 7
    for search in sorted(found):
        wanted = re.findall(r'name =~? "([^"]+)"', search) or [".*"]
        rows = [row for row in SPANS if re.fullmatch(wanted[0], row.name)]
        told = set(re.findall(r"span\.([a-z0-9_.]+)", search))
        assert any(told <= {*spans.COMMON, *row.attributes} for row in rows), search


def test_the_example_of_a_trace_id_is_right() -> None:
    """Who follows the page finds the trace that the exporter sends."""
    page = (ROOT / "docs" / "conventions.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^printf '([^']*)' \| sha256sum \| cut -c 1-32$", page, re.MULTILINE)

    assert hashlib.sha256(text.encode()).hexdigest()[:32] == span.trace_id("", "standup", "20777").hex()


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


# ── names


def names_in_code() -> Iterator[tuple[str, str]]:
    """Every text in the code that is nothing but a name of our namespace."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and re.fullmatch(r"rtc(\.[a-z0-9_]+)+", str(node.value)):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", str(node.value)


def test_every_name_in_the_code_is_in_a_table() -> None:
    """What is published under our namespace is told about somewhere."""
    wrong = [f"{where}: {name}" for where, name in names_in_code() if name not in NAMES | UNPUBLISHED]

    assert wrong == []


# ── metrics


def test_names_are_unique() -> None:
    """No two rows have one name, in either form."""
    for names in ([metric.name for metric in METRICS], [metric.prometheus for metric in METRICS]):
        assert sorted(names) == sorted(set(names))


@every_metric
def test_a_unit_is_ucum(metric: Metric) -> None:
    """Units are those that OpenTelemetry translates; info metrics have none."""
    assert (metric.unit == "") if metric.kind is Kind.INFO else UNIT.fullmatch(metric.unit)


def test_every_way_to_make_one_gauge_of_several_streams_is_known() -> None:
    """Those that rows may name are those that there are."""
    assert set(COMBINE) == set(FOLDS)


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
    """No signal is computed that no metric reads, and no rule about what is wrong."""
    read = {(source.stats, source.signal) for metric in METRICS for source in metric.sources if source.signal}
    read |= {(rule.stats, rule.signal) for rule in rules.RULES}

    assert {(signal.stats, signal.name) for signal in signals.SIGNALS} - read == set()


def test_every_attribute_is_documented() -> None:
    """The table of attributes is the set that the catalogue uses."""
    used = {name for metric in METRICS for name in metric.attributes}

    assert set(ATTRIBUTES) == used


def test_every_client_value_is_admitted_by_a_rule() -> None:
    """An attribute of a cohort or participant series has a row in the label rules; ids are admitted as they are."""
    used = {name for metric in METRICS if metric.tier is not Tier.SELF for name in metric.attributes}

    assert used - set(RULES) - {"session.id", "rtc.participant.id"} == set()


# ── spans


def test_spans_are_unique() -> None:
    """No two rows are of one span."""
    assert sorted(spans.BY_NAME) == sorted(row.name for row in SPANS)


def test_parents_stand_before_their_children() -> None:
    """There is one root, and every other span hangs on one that the table has above it."""
    names = [row.name for row in SPANS]

    assert [row.name for row in SPANS if not row.parent] == [spans.SESSION]
    for row in SPANS[1:]:
        assert row.parent in names[: names.index(row.name)], f"{row.name} hangs on {row.parent}"


@every_span
def test_a_span_is_told_in_words(row: SpanType) -> None:
    """Its name is of our namespace, what it means is a sentence, and when it leaves is the end of one."""
    assert re.fullmatch(r"rtc(\.[a-z]+(_[a-z]+)*)+", row.name)
    assert row.help.endswith(".")
    assert row.when
    assert not row.when.endswith(".")


@every_span
def test_a_span_carries_what_is_known(row: SpanType) -> None:
    """Each attribute is explained and there once, and each event has a row."""
    assert [name for name in carried(row) if not spans.is_known(name)] == []
    assert sorted(set(carried(row))) == sorted(carried(row))
    assert set(row.events) - set(EVENTS) == set()


def test_only_sessions_have_no_participant() -> None:
    """Every other span can be found by its participant."""
    nameless = {row.name for row in SPANS if "rtc.participant.id" not in carried(row)}

    assert nameless == {spans.SESSION, spans.SESSION_SUMMARY}


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_told_in_words_and_used(name: str) -> None:
    """What it means is a sentence, what it carries is explained, and some span has it."""
    meaning, attributes = EVENTS[name]

    assert meaning.endswith(".")
    assert [attribute for attribute in attributes if not spans.is_known(attribute)] == []
    assert any(name in row.events for row in SPANS)


def test_an_attribute_means_one_thing() -> None:
    """What metrics have is explained with them alone; nothing is explained that nobody carries."""
    assert set(SPAN_ATTRIBUTES) & set(ATTRIBUTES) == set()
    assert set(SPAN_ATTRIBUTES) - spans.names() == set()


@pytest.mark.parametrize("name", SPAN_ATTRIBUTES)
def test_an_attribute_of_spans_is_well_formed(name: str) -> None:
    """It has a type of OTLP, a sentence, and an example of that type: one of its values, where those are known."""
    row = SPAN_ATTRIBUTES[name]
    shapes = {"string": ".+", "int": r"\d+", "double": r"\d+\.\d+", "boolean": "true|false"}

    assert row.help.endswith(".")
    assert re.fullmatch(shapes[row.type], row.example)
    assert not row.values or (row.type == "string" and row.example in row.values)


def test_the_catalogue_knows_the_formats() -> None:
    """The names that exist at 0 from the start are those of the formats."""
    assert set(FORMAT_NAMES) == {form.name for form in wire.FORMATS}


def test_modules_that_are_begun_first_are_there() -> None:
    """A module that was renamed is begun last, and everybody waits for it."""
    assert [name for name in SLOWEST if not (ROOT / "tests" / f"{name}.py").exists()] == []
