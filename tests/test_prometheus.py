"""The exposition, byte by byte, and as Prometheus' own tools read it."""

import asyncio
import gzip
import subprocess
from collections.abc import AsyncIterator, Callable, Iterable
from math import inf, nan
from pathlib import Path

import prometheus_client
import pytest
from prometheus_client import Metric as Parsed
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from rtc_exporter import catalog
from rtc_exporter.app.admin import gzipped
from rtc_exporter.export.prometheus import (
    OPENMETRICS,
    PROTOBUF,
    TEXT,
    Exposition,
    History,
    choose,
    process_metrics,
    render,
)
from rtc_exporter.metric import Kind, Metric, Profile, Tier
from rtc_exporter.series import Counter, Family, Histogram, SeriesStore, Slot
from tests.peers import peer

BOTH = pytest.mark.parametrize("exposition", [TEXT, OPENMETRICS], ids=lambda exposition: exposition.name)

IO = Metric("t.io", Kind.COUNTER, "By", ("user_agent.name", "b"), (), 'Bytes, \\ and "more"\nin two lines.')
ACTIVE = Metric("t.active", Kind.GAUGE, "{thing}", (), (), "Things.")
SHARE = Metric("t.share", Kind.GAUGE, "1", ("a",), (), "A share.")
DELAY = Metric("t.delay", Kind.HISTOGRAM, "s", ("a",), (), "Delay.", (0.25, 1.0, 1e6))
BARE = Metric("t.level", Kind.HISTOGRAM, "1", (), (), "Level.", (0.5,))
INFO = Metric("t.info", Kind.INFO, "", ("a",), (), "Labels.")
EMPTY = Metric("t.empty", Kind.COUNTER, "{thing}", ("a",), (), "Nothing yet.")
METRICS = (IO, ACTIVE, SHARE, DELAY, BARE, INFO, EMPTY)

EXPECTED_TEXT = r"""# HELP t_io_bytes_total Bytes, \\ and "more"\nin two lines.
# TYPE t_io_bytes_total counter
t_io_bytes_total{user_agent_name="Chrome",b="x"} 12.0
t_io_bytes_total{user_agent_name="Chrome"} 0.5
t_io_bytes_total{otel_metric_overflow="true"} 3.0
# HELP t_active Things.
# TYPE t_active gauge
t_active 2.0
# HELP t_share_ratio A share.
# TYPE t_share_ratio gauge
t_share_ratio{a="x"} 0.1
# HELP t_delay_seconds Delay.
# TYPE t_delay_seconds histogram
t_delay_seconds_bucket{a="x",le="0.25"} 1
t_delay_seconds_bucket{a="x",le="1.0"} 3
t_delay_seconds_bucket{a="x",le="1e+06"} 3
t_delay_seconds_bucket{a="x",le="+Inf"} 4
t_delay_seconds_sum{a="x"} 2000001.125
t_delay_seconds_count{a="x"} 4
# HELP t_level Level.
# TYPE t_level histogram
t_level_bucket{le="0.5"} 1
t_level_bucket{le="+Inf"} 1
t_level_sum 0.5
t_level_count 1
# HELP t_info Labels.
# TYPE t_info gauge
t_info{a="x"} 1.0
"""

EXPECTED_OPENMETRICS = r"""# HELP t_io_bytes Bytes, \\ and \"more\"\nin two lines.
# TYPE t_io_bytes counter
# UNIT t_io_bytes bytes
t_io_bytes_total{user_agent_name="Chrome",b="x"} 12.0 # {trace_id="4bf9",rtc_participant_id="p\"1"} 7.0 1700000000.125
t_io_bytes_total{user_agent_name="Chrome"} 0.5
t_io_bytes_total{otel_metric_overflow="true"} 3.0
# HELP t_active Things.
# TYPE t_active gauge
t_active 2.0
# HELP t_share_ratio A share.
# TYPE t_share_ratio gauge
# UNIT t_share_ratio ratio
t_share_ratio{a="x"} 0.1
# HELP t_delay_seconds Delay.
# TYPE t_delay_seconds histogram
# UNIT t_delay_seconds seconds
t_delay_seconds_bucket{a="x",le="0.25"} 1
t_delay_seconds_bucket{a="x",le="1.0"} 3 # {trace_id="4bf9"} 0.5 1700000001.000
t_delay_seconds_bucket{a="x",le="1e+06"} 3
t_delay_seconds_bucket{a="x",le="+Inf"} 4
t_delay_seconds_sum{a="x"} 2000001.125
t_delay_seconds_count{a="x"} 4
# HELP t_level Level.
# TYPE t_level histogram
t_level_bucket{le="0.5"} 1
t_level_bucket{le="+Inf"} 1
t_level_sum 0.5
t_level_count 1
# HELP t Labels.
# TYPE t info
t_info{a="x"} 1.0
"""


def small() -> SeriesStore:
    """A store with a series of each kind."""
    store = SeriesStore(METRICS, budget=2, now=0.0)
    store.add("t.io", ("Chrome", "x"), 12, 0.0)
    store.add("t.io", ("Chrome", ""), 0.5, 0.0)
    store.add("t.io", ("Firefox", ""), 3, 0.0)
    store.set("t.active", (), 2, 0.0)
    store.set("t.share", ("x",), 0.1, 0.0)
    for value in (0.125, 0.5, 0.5, 2e6):
        store.observe("t.delay", ("x",), value, 0.0)
    store.observe("t.level", (), 0.5, 0.0)
    store.set("t.info", ("x",), 1, 0.0)
    trace = ("trace_id", "4bf9")
    io, delay = slots(store, "t.io")[0], slots(store, "t.delay")[0]
    assert isinstance(io, Counter)
    assert isinstance(delay, Histogram)
    io.offer((trace, ("rtc.participant.id", 'p"1')), 7.0, 1.7e9 + 0.125)
    delay.offer((trace,), 0.5, 1.7e9 + 1)
    delay.offer((trace, ("rtc.participant.id", "p" * 110)), 3e6, 1.7e9)
    return store


def slots(store: SeriesStore, name: str) -> list[object]:
    """The slots of a family."""
    family = store.family(name)
    assert family is not None
    return list(family.slots())


def full(profile: Profile = Profile.FULL, native: bool = False) -> SeriesStore:
    """A store in which every row of the catalogue has two series, one with all attributes and one with none."""
    store = SeriesStore(catalog.METRICS, profile=profile, native=native, now=1.7e9)
    for family in store.families():
        number = len(family.metric.attributes)
        for values in {tuple(f"v{place}" for place in range(number)), ("",) * number}:
            fill(family.slot(values, 1.7e9))
    return store


def fill(slot: Slot) -> None:
    """Something in every bucket, and an exemplar."""
    trace = (("trace_id", "a" * 32),)
    if isinstance(slot, Histogram):
        for bound in (0.0, *slot.bounds, 1e12):
            slot.observe(bound, 2)
        slot.offer(trace, slot.bounds[0], 1.7e9)
    elif isinstance(slot, Counter):
        slot.add(1.5)
        slot.offer(trace, 1.0, 1.7e9)
    else:
        slot.set(1)


def text_of(families: Iterable[Family], exposition: Exposition) -> str:
    """The whole exposition."""
    return (b"".join(render(families, exposition)) + exposition.end).decode()


def parse(text: str, exposition: Exposition) -> dict[str, Parsed]:
    """What prometheus_client's parser of the format reads; an error when it cannot."""
    parser: Callable[[str], Iterable[Parsed]] = parse_openmetrics if exposition.openmetrics else parse_text
    return {family.name: family for family in parser(text)}


def test_text_is_exactly_this() -> None:
    """Text 0.0.4 of a small store."""
    assert text_of(small().families(), TEXT) == EXPECTED_TEXT


def test_openmetrics_is_exactly_this() -> None:
    """OpenMetrics 1.0.0 of the same store, with exemplars where they are short enough."""
    assert text_of(small().families(), OPENMETRICS) == EXPECTED_OPENMETRICS + "# EOF\n"


def test_rendering_again_says_the_same() -> None:
    """Labels are rendered once and kept; values are not."""
    store = small()
    for _ in range(2):
        assert text_of(store.families(), TEXT) == EXPECTED_TEXT
    store.set("t.active", (), 3, 0.0)

    assert text_of(store.families(), TEXT) == EXPECTED_TEXT.replace("t_active 2.0", "t_active 3.0")


@BOTH
def test_an_empty_store_is_an_empty_exposition(exposition: Exposition) -> None:
    """No header without a sample."""
    assert text_of(SeriesStore(METRICS, now=0.0).families(Tier.COHORT), exposition) == exposition.end.decode()


@BOTH
def test_the_parsers_read_the_whole_catalogue(exposition: Exposition) -> None:
    """Every row of the catalogue, by name and kind, with its buckets adding up."""
    store = full()
    found = parse(text_of(store.families(), exposition), exposition)

    assert len(found) == len(catalog.METRICS)
    for metric in catalog.METRICS:
        kind = metric.kind.value if exposition.openmetrics or metric.kind is not Kind.INFO else "gauge"
        name = metric.prometheus.removesuffix("_total") if metric.kind is Kind.COUNTER else metric.prometheus
        name = name.removesuffix("_info") if kind == "info" else name
        family = found[name]
        assert family.type == kind
        assert family.documentation == metric.help
        if metric.kind is Kind.HISTOGRAM:
            last = [sample.value for sample in family.samples if sample.labels.get("le") == "+Inf"]
            counts = [sample.value for sample in family.samples if sample.name.endswith("_count")]
            assert set(last) == set(counts) == {2.0 * (len(metric.buckets) + 2)}


def test_both_formats_hold_the_same_series() -> None:
    """Names, labels and values: a server that changes its mind starts no new series."""
    store = full()
    series = [
        {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in found.values()
            for sample in family.samples
        }
        for found in (parse(text_of(store.families(), form), form) for form in (TEXT, OPENMETRICS))
    ]

    assert series[0] == series[1]


def test_bounds_are_spelled_as_prometheus_client_spells_them() -> None:
    """So that a family keeps its series ids whichever program writes it."""
    buckets = sorted({bound for metric in catalog.METRICS for bound in metric.buckets})
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.Histogram("t", "T.", buckets=buckets, registry=registry)
    theirs = parse(prometheus_client.generate_latest(registry).decode(), TEXT)["t"]
    store = SeriesStore([Metric("t", Kind.HISTOGRAM, "", (), (), "T.", tuple(buckets))], now=0.0)
    store.observe("t", (), 0, 0.0)
    ours = parse(text_of(store.families(), TEXT), TEXT)["t"]

    assert [s.labels for s in ours.samples if "le" in s.labels] == [
        s.labels for s in theirs.samples if "le" in s.labels
    ]


def test_exemplars_reach_the_parser() -> None:
    """Counters and buckets carry them in OpenMetrics, each bucket its own."""
    found = parse(text_of(full().families(), OPENMETRICS), OPENMETRICS)
    (counter, *_), buckets = (
        found["rtc_exporter_events_unknown"].samples,
        found["rtc_exporter_report_delay_seconds"].samples,
    )

    assert counter.exemplar is not None
    assert (counter.exemplar.labels, counter.exemplar.value) == ({"trace_id": "a" * 32}, 1.0)
    assert [sample.labels["le"] for sample in buckets if sample.exemplar] == ["0.05"]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ('quote"', 'quote"'),
        ("back\\slash", "back\\slash"),
        ("\\n is no line break", "\\n is no line break"),
        ("two\nlines", "two\nlines"),
        ("ends with \\", "ends with \\"),
        ('{le="1"} 5 # {a="b"}', '{le="1"} 5 # {a="b"}'),
        ("ünï 🎥", "ünï 🎥"),
        ("nul\x00", "nul\ufffd"),
        ("tab\t and return\r", "tab\ufffd and return\ufffd"),
        ("half \ud83d of it", "half \ufffd of it"),
        ("line\u2028separator\x85", "line\u2028separator\x85"),
        ("x" * 10_000, "x" * 10_000),
    ],
)
@BOTH
def test_a_label_value_comes_back_as_it_was(exposition: Exposition, value: str, read: str) -> None:
    """Whatever it is, the exposition stays readable."""
    store = SeriesStore(METRICS, now=0.0)
    store.set("t.share", (value,), 1, 0.0)
    store.observe("t.delay", (value,), 1, 0.0)
    found = parse(text_of(store.families(), exposition), exposition)

    assert {sample.labels["a"] for family in found.values() for sample in family.samples} == {read}


@pytest.mark.parametrize("value", [0.1, 1e-300, 1 / 3, 2.0**53, 1e22, -5.5, inf, -inf, nan])
@BOTH
def test_values_are_exact(exposition: Exposition, value: float) -> None:
    """What is read is what was held, to the last bit."""
    store = SeriesStore(METRICS, now=0.0)
    store.set("t.active", (), value, 0.0)
    (sample,) = parse(text_of(store.families(), exposition), exposition)["t_active"].samples

    assert sample.value == value or (value != value and sample.value != sample.value)


@pytest.mark.parametrize("lines", [1, 7, 100, 2000])
@BOTH
def test_chunks_make_no_difference(exposition: Exposition, lines: int) -> None:
    """However it is cut, it is the same text, and no chunk is much longer than asked for."""
    store = full()
    chunks = list(render(store.families(), exposition, lines))

    assert b"".join(chunks) == b"".join(render(store.families(), exposition, 10**9))
    longest = max(len(metric.buckets) for metric in catalog.METRICS) + 3
    samples = [sum(not line.startswith(b"#") for line in chunk.splitlines()) for chunk in chunks]
    assert max(samples) < lines + longest


@BOTH
def test_series_may_come_and_go_between_chunks(exposition: Exposition) -> None:
    """The caller lets others run between two chunks; the text stays readable and holds nothing twice."""
    store = full()
    live = store.family("rtc.participant.jitter")
    assert live is not None
    for number in range(50):
        live.slot(("s", f"p{number}", "audio"), 0.0)
    chunks = []
    for turn, chunk in enumerate(render(store.families(), exposition, 10)):
        chunks.append(chunk)
        store.remove("rtc.participant.jitter", ("s", f"p{turn % 50}", "audio"))
        store.set("rtc.participant.jitter", ("s", f"new {turn}", "audio"), 1, 0.0)
        store.add("rtc.inbound.packets", ("", "", f"codec {turn}", "", ""), 1, 0.0)
        store.expire(1.7e9 + turn * 86400.0)
    found = parse((b"".join(chunks) + exposition.end).decode(), exposition)

    names = [(sample.name, *sorted(sample.labels.items())) for family in found.values() for sample in family.samples]
    assert len(names) == len(set(names))


@BOTH
def test_what_is_about_the_process_fits_in(exposition: Exposition) -> None:
    """prometheus_client's part stands beside ours, under one end."""
    text = (b"".join(render(full().families(), exposition)) + process_metrics(exposition.openmetrics)).decode()
    found = parse(text + exposition.end.decode(), exposition)

    assert {
        "process_cpu_seconds",
        "python_info",
        "python_gc_collections",
        "rtc_participant_jitter_seconds",
    } <= found.keys()


# What asks, with its Accept header, and what it gets.
ACCEPT: dict[str, tuple[str | None, Exposition]] = {
    "nothing": (None, TEXT),
    "an empty header": ("", TEXT),
    "curl": ("*/*", TEXT),
    "Firefox": ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", TEXT),
    "Chrome": (
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
        "application/signed-exchange;v=b3;q=0.7",
        TEXT,
    ),
    "Prometheus 2.42": (
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
        "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        OPENMETRICS,
    ),
    "Prometheus 2.42 with native histograms": (
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
        "application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,"
        "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        PROTOBUF,
    ),
    "Prometheus 3 with native histograms": (
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
        "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
        "text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
        PROTOBUF,
    ),
    "Prometheus 3 that prefers OpenMetrics to protobuf": (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.3,*/*;q=0.2",
        OPENMETRICS,
    ),
    "protobuf with spaces, quotes and capitals": (
        'application/vnd.google.protobuf; Proto="io.prometheus.client.MetricFamily"; encoding="delimited"; q=0.3',
        PROTOBUF,
    ),
    "protobuf as text": (
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
        TEXT,
    ),
    "protobuf of another message": ("application/vnd.google.protobuf;proto=a.b;encoding=delimited,*/*;q=0.1", TEXT),
    "protobuf of no message": ("application/vnd.google.protobuf", TEXT),
    "protobuf refused": (
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0,text/plain",
        TEXT,
    ),
    "a draw of protobuf and OpenMetrics": (
        "application/openmetrics-text;version=1.0.0,"
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
        PROTOBUF,
    ),
    "text rather than protobuf": (
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.5,text/plain",
        TEXT,
    ),
    "Prometheus 3": (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
        "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        OPENMETRICS,
    ),
    "Prometheus 3 that prefers text": (
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,"
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.2",
        TEXT,
    ),
    "an old Prometheus": ("application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", TEXT),
    "OpenMetrics of any version": ("application/openmetrics-text", OPENMETRICS),
    "OpenMetrics 2.0 alone": ("application/openmetrics-text;version=2.0.0", TEXT),
    "OpenMetrics in capitals and quotes": ('Application/OpenMetrics-Text ; Version="1.0.0" ; Q=0.5', OPENMETRICS),
    "a draw": ("text/plain;q=0.5,application/openmetrics-text;q=0.5", OPENMETRICS),
    "OpenMetrics refused": ("application/openmetrics-text;version=1.0.0;q=0", TEXT),
    "anything rather than OpenMetrics": ("application/openmetrics-text;q=0.1,*/*", TEXT),
    "OpenMetrics, and text at need": ("text/plain;q=0.1,*/*;q=0.9,application/openmetrics-text;q=0.5", OPENMETRICS),
    "only JSON": ("application/json", TEXT),
    "garbage": (";;;,=,q=,\x00\u20ac text/plain application/openmetrics", TEXT),
    "a weight that is none": ("application/openmetrics-text;q=much", TEXT),
    "weights out of range": ("application/openmetrics-text;q=nan,application/openmetrics-text;q=1e9,a/b;q=-1", TEXT),
}


@pytest.mark.parametrize("case", ACCEPT)
def test_the_accept_header_decides(case: str) -> None:
    """By weight; text for whoever cannot say."""
    accept, exposition = ACCEPT[case]

    assert choose(accept) == exposition


@pytest.mark.parametrize(
    ("exposition", "content_type"),
    [
        (TEXT, "text/plain; version=0.0.4; charset=utf-8"),
        (OPENMETRICS, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        (
            PROTOBUF,
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
        ),
    ],
)
def test_the_content_type_says_what_it_is(exposition: Exposition, content_type: str) -> None:
    """As Prometheus looks for it."""
    assert exposition.content_type == content_type


def check(text: bytes) -> str:
    """What promtool has to say about an exposition."""
    done = subprocess.run(
        [peer("promtool"), "check", "metrics"], input=text, capture_output=True, check=False, timeout=60
    )
    return (done.stdout + done.stderr).decode()


@pytest.mark.parametrize("profile", Profile)
def test_promtool_has_nothing_to_say(profile: Profile) -> None:
    """Names, units, types and help of every row are as the linter of Prometheus wants them."""
    store = full(profile)

    assert check(b"".join(render(store.families(), TEXT))) == ""
    assert "counter metrics should have" in check(b"# HELP t A name that is none.\n# TYPE t counter\nt 1\n")


def test_history_holds_the_samples_of_a_series_together() -> None:
    """Two moments of a store, as the format wants them."""
    store, history = SeriesStore((SHARE, DELAY), now=0.0), History()
    for time in (1.7e9, 1.7e9 + 15.25):
        for name in ("x", "y"):
            store.set("t.share", (name,), time - 1.7e9, time)
        history.add(store.families(), time)
    text = b"".join(history.render()).decode()

    assert text == (
        "# HELP t_share_ratio A share.\n# TYPE t_share_ratio gauge\n# UNIT t_share_ratio ratio\n"
        't_share_ratio{a="x"} 0.0 1700000000.000\nt_share_ratio{a="x"} 15.25 1700000015.250\n'
        't_share_ratio{a="y"} 0.0 1700000000.000\nt_share_ratio{a="y"} 15.25 1700000015.250\n'
        "# EOF\n"
    )


def test_history_becomes_blocks_of_a_database(tmp_path: Path) -> None:
    """promtool takes in every row of the catalogue over an hour, and holds every sample."""
    store, history = full(), History()
    packets = ("app", "audio", "opus", "Chrome", "Linux")
    for minute in range(0, 60, 10):
        store.add("rtc.inbound.packets", packets, 50, 1.7e9)
        history.add(store.families(), 1.7e9 + minute * 60)
    path, data = tmp_path / "history", tmp_path / "data"
    path.write_bytes(b"".join(history.render()))
    tool = [peer("promtool"), "tsdb"]
    subprocess.run(
        [*tool, "create-blocks-from", "openmetrics", path, data], capture_output=True, check=True, timeout=120
    )
    (data / "wal").mkdir()  # without one, promtool takes it for no database
    dump = subprocess.run([*tool, "dump", data], capture_output=True, check=True, timeout=120).stdout.decode()

    written = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert len(dump.splitlines()) == len(written)
    assert [
        line.split()[-2:]
        for line in dump.splitlines()
        if '__name__="rtc_inbound_packets_total"' in line and "opus" in line
    ] == [[str(50 * (turn + 1)), str(1_700_000_000_000 + turn * 600_000)] for turn in range(6)]


def test_who_waits_has_a_turn_between_packed_chunks() -> None:
    """All chunks are there when somebody else has asked for the same: packing them in one go would stop the loop."""

    async def ready() -> AsyncIterator[bytes]:
        for number in range(5):
            yield b"x" * number

    async def run() -> tuple[bytes, int]:
        turns, packed = 0, b""

        async def wait() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        waiting = asyncio.create_task(wait())
        async for part in gzipped(ready()):
            packed += part
        waiting.cancel()
        return packed, turns

    packed, turns = asyncio.run(run())
    assert gzip.decompress(packed) == b"x" * 10
    assert turns >= 5
