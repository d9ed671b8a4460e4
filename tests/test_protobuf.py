"""The protobuf exposition, as the protobuf library reads it with messages of its own."""

from collections.abc import Iterator
from math import inf, nan
from typing import Any, TypeAlias

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.unknown_fields import UnknownFieldSet
from hypothesis import given
from hypothesis import strategies as st

from rtc_exporter import catalog
from rtc_exporter.export import protobuf
from rtc_exporter.export.prometheus import OPENMETRICS, TEXT, process_metrics
from rtc_exporter.metric import Kind, Metric, Tier
from rtc_exporter.series import NativeHistogram, SeriesStore
from rtc_exporter.slots import ZERO_THRESHOLD
from tests.test_prometheus import METRICS, full, parse, small, text_of

#: prometheus/client_model, io/prometheus/client/metrics.proto: message -> "number type name", * for repeated.
#: What we do not write is there too: it must stay empty.
MODEL = {
    "LabelPair": "1 string name, 2 string value",
    "Gauge": "1 double value",
    "Counter": "1 double value, 2 Exemplar exemplar, 3 Timestamp created_timestamp",
    "Untyped": "1 double value",
    "Histogram": "1 uint64 sample_count, 2 double sample_sum, 3 Bucket* bucket, 4 double sample_count_float, "
    "5 sint32 schema, 6 double zero_threshold, 7 uint64 zero_count, 8 double zero_count_float, "
    "9 BucketSpan* negative_span, 10 sint64* negative_delta, 11 double* negative_count, "
    "12 BucketSpan* positive_span, 13 sint64* positive_delta, 14 double* positive_count, "
    "15 Timestamp created_timestamp, 16 Exemplar* exemplars",
    "Bucket": "1 uint64 cumulative_count, 2 double upper_bound, 3 Exemplar exemplar, 4 double cumulative_count_float",
    "BucketSpan": "1 sint32 offset, 2 uint32 length",
    "Exemplar": "1 LabelPair* label, 2 double value, 3 Timestamp timestamp",
    "Metric": "1 LabelPair* label, 2 Gauge gauge, 3 Counter counter, 5 Untyped untyped, 6 int64 timestamp_ms, "
    "7 Histogram histogram",
    "MetricFamily": "1 string name, 2 string help, 3 MetricType type, 4 Metric* metric, 5 string unit",
}
TYPES = ("COUNTER", "GAUGE", "SUMMARY", "UNTYPED", "HISTOGRAM", "GAUGE_HISTOGRAM")

Field = descriptor_pb2.FieldDescriptorProto


def _message_class() -> Any:
    """The class of MetricFamily, made from the table above."""
    file = descriptor_pb2.FileDescriptorProto(name="metrics.proto", package="io.prometheus.client", syntax="proto2")
    file.dependency.append("google/protobuf/timestamp.proto")
    file.enum_type.add(name="MetricType")
    for number, name in enumerate(TYPES):
        file.enum_type[0].value.add(name=name, number=number)
    for message, fields in MODEL.items():
        found = file.message_type.add(name=message)
        for line in fields.split(", "):
            number_text, type, name = line.split()
            label = Field.LABEL_REPEATED if type.endswith("*") else Field.LABEL_OPTIONAL
            field = found.field.add(name=name, number=int(number_text), label=label)
            type = type.rstrip("*")
            if type == "MetricType":
                field.type, field.type_name = Field.TYPE_ENUM, ".io.prometheus.client.MetricType"
            elif type[0].isupper():
                package = "google.protobuf" if type == "Timestamp" else "io.prometheus.client"
                field.type, field.type_name = Field.TYPE_MESSAGE, f".{package}.{type}"
            else:
                field.type = getattr(Field, f"TYPE_{type.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(Timestamp.DESCRIPTOR.file.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("io.prometheus.client.MetricFamily"))


MetricFamily = _message_class()

#: Name and labels of a series as Prometheus keeps it -> its value, and its exemplar's labels, value and time.
Series: TypeAlias = dict[tuple[Any, ...], tuple[float, Any]]


def read(data: bytes) -> dict[str, Any]:
    """The families of an exposition, by name; none comes twice, and nothing is in them that the model does not know."""
    found: dict[str, Any] = {}
    while data:
        length = shift = 0
        while True:
            byte, data = data[0], data[1:]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        assert length <= len(data)
        family = MetricFamily.FromString(data[:length])
        data = data[length:]
        assert family.name not in found
        assert_known(family)
        found[family.name] = family
    return found


def assert_known(message: Any) -> None:
    """No field is unknown, here or below."""
    assert len(UnknownFieldSet(message)) == 0
    for field, value in message.ListFields():
        if field.type == Field.TYPE_MESSAGE:
            for part in value if field.is_repeated else (value,):
                assert_known(part)


def families_of(store: SeriesStore) -> dict[str, Any]:
    """The exposition of a whole store, read."""
    return read(b"".join(protobuf.render(store.families())))


def series_of(families: dict[str, Any]) -> Series:
    """The series that Prometheus makes of them; of histograms those of the buckets with bounds."""
    found: Series = {}
    for name, family in families.items():
        for metric in family.metric:
            labels = sorted((pair.name, pair.value) for pair in metric.label)
            if metric.HasField("histogram"):
                histogram = metric.histogram
                found[f"{name}_count", *labels] = (histogram.sample_count, None)
                found[f"{name}_sum", *labels] = (histogram.sample_sum, None)
                for bucket in histogram.bucket:
                    key = sorted([*labels, ("le", bucket.upper_bound)])
                    found[f"{name}_bucket", *key] = (bucket.cumulative_count, exemplar_of(bucket))
            elif metric.HasField("counter"):
                found[name, *labels] = (metric.counter.value, exemplar_of(metric.counter))
            else:
                found[name, *labels] = (metric.gauge.value, None)
    return found


def exemplar_of(message: Any) -> Any:
    """Labels, value and time of the exemplar of a counter or bucket."""
    if not message.HasField("exemplar"):
        return None
    exemplar = message.exemplar
    stamp = exemplar.timestamp.seconds + exemplar.timestamp.nanos / 1e9
    return {pair.name: pair.value for pair in exemplar.label}, exemplar.value, stamp


def samples_of(text: str) -> Series:
    """The same of OpenMetrics."""
    found: Series = {}
    for family in parse(text, OPENMETRICS).values():
        for sample in family.samples:
            labels = [(name, float(value) if name == "le" else value) for name, value in sample.labels.items()]
            told = sample.exemplar
            exemplar = told and (told.labels, told.value, float(told.timestamp or 0))
            found[sample.name, *sorted(labels)] = (sample.value, exemplar)
    return found


def buckets_of(histogram: Any) -> dict[int, int]:
    """The positive exponential buckets, by index, as Prometheus reads spans and deltas."""
    found: dict[int, int] = {}
    deltas, index, count = iter(histogram.positive_delta), 0, 0
    for span in histogram.positive_span:
        index += span.offset
        for _ in range(span.length):
            count += next(deltas)
            found[index] = count
            index += 1
    assert list(deltas) == []
    return found


#: What is in ``small()``, beginning at time 0.
EXPECTED = r"""
name: "t_io_bytes_total" help: "Bytes, \\ and \"more\"\nin two lines." type: COUNTER unit: "bytes"
metric {
  label { name: "user_agent_name" value: "Chrome" } label { name: "b" value: "x" }
  counter {
    value: 12 created_timestamp {}
    exemplar {
      label { name: "trace_id" value: "4bf9" } label { name: "rtc_participant_id" value: "p\"1" }
      value: 7 timestamp { seconds: 1700000000 nanos: 125000000 }
    }
  }
}
metric { label { name: "user_agent_name" value: "Chrome" } counter { value: 0.5 created_timestamp {} } }
metric { label { name: "otel_metric_overflow" value: "true" } counter { value: 3 created_timestamp {} } }
---
name: "t_active" help: "Things." type: GAUGE metric { gauge { value: 2 } }
---
name: "t_share_ratio" help: "A share." type: GAUGE unit: "ratio"
metric { label { name: "a" value: "x" } gauge { value: 0.1 } }
---
name: "t_delay_seconds" help: "Delay." type: HISTOGRAM unit: "seconds"
metric {
  label { name: "a" value: "x" }
  histogram {
    sample_count: 4 sample_sum: 2000001.125 created_timestamp {}
    bucket { cumulative_count: 1 upper_bound: 0.25 }
    bucket {
      cumulative_count: 3 upper_bound: 1
      exemplar {
        label { name: "trace_id" value: "4bf9" } value: 0.5 timestamp { seconds: 1700000001 }
      }
    }
    bucket { cumulative_count: 3 upper_bound: 1e6 }
    bucket { cumulative_count: 4 upper_bound: inf }
  }
}
---
name: "t_level" help: "Level." type: HISTOGRAM
metric {
  histogram {
    sample_count: 1 sample_sum: 0.5 created_timestamp {}
    bucket { cumulative_count: 1 upper_bound: 0.5 }
    bucket { cumulative_count: 1 upper_bound: inf }
  }
}
---
name: "t_info" help: "Labels." type: GAUGE metric { label { name: "a" value: "x" } gauge { value: 1 } }
"""


def plain(message: Any) -> Any:
    """Without the zeros that one writes and the other leaves out: a second or nanosecond of a time, a count."""
    return text_format.MessageToString(message).replace("seconds: 0\n", "").replace("nanos: 0\n", "").split()


def test_a_store_is_exactly_this() -> None:
    """All kinds, labels left out, exemplars where they are short enough, and the series of what is over the budget."""
    found = families_of(small())
    expected = [text_format.Parse(part, MetricFamily()) for part in EXPECTED.split("---")]

    assert list(found) == [family.name for family in expected]
    assert [plain(family) for family in found.values()] == [plain(family) for family in expected]


def test_a_message_is_these_bytes() -> None:
    """Length, name, help, type, and one metric: a label, and a counter with its value and when it began."""
    store = SeriesStore([Metric("t.x", Kind.COUNTER, "{x}", ("a",), (), "X.")], now=0.0)
    store.add("t.x", ("v" * 130,), 1.5, 1.25)
    head = b"\n\x09t_x_total" + b"\x12\x02X." + b"\x18\x00"
    label = b"\n\x88\x01" + b"\n\x01a" + b"\x12\x82\x01" + b"v" * 130
    counter = b"\x1a\x12" + b"\x09\x00\x00\x00\x00\x00\x00\xf8\x3f" + b"\x1a\x07" + b"\x08\x01\x10\x80\xe5\x9a\x77"

    assert b"".join(protobuf.render(store.families())) == (
        b"\xb3\x01" + head + b"\x22\x9f\x01" + label + counter  # 179 bytes, of which the metric has 159
    )


@pytest.mark.parametrize("native", [False, True])
def test_protobuf_holds_what_openmetrics_holds(native: bool) -> None:
    """Every row of the catalogue: the same series, values and exemplars, whichever a server asks for."""
    store = full(native=native)
    found = families_of(store)

    assert series_of(found) == samples_of(text_of(store.families(), OPENMETRICS))
    assert set(found) == {metric.prometheus for metric in catalog.METRICS}
    assert {(metric.kind.value, TYPES[found[metric.prometheus].type].lower()) for metric in catalog.METRICS} == {
        ("counter", "counter"),
        ("gauge", "gauge"),
        ("histogram", "histogram"),
        ("info", "gauge"),
    }
    assert all(found[metric.prometheus].help == metric.help for metric in catalog.METRICS)


def test_units_are_those_of_openmetrics() -> None:
    """Prometheus refuses a unit that the name does not end in."""
    units = {
        name.removesuffix("_total").removesuffix("_info"): family.unit for name, family in families_of(full()).items()
    }
    parsed = parse(text_of(full().families(), OPENMETRICS), OPENMETRICS)

    assert units == {name: family.unit for name, family in parsed.items()}


def test_counters_and_histograms_say_when_they_began() -> None:
    """To the millisecond; gauges do not begin."""
    store = SeriesStore(METRICS, now=0.0)
    store.add("t.io", ("x", ""), 1, 1_700_000_000.1234)
    store.observe("t.level", (), 1, 1_700_000_001.9996)
    found = families_of(store)
    counter, level = found["t_io_bytes_total"].metric[0].counter, found["t_level"].metric[0].histogram

    assert (counter.created_timestamp.seconds, counter.created_timestamp.nanos) == (1_700_000_000, 123_000_000)
    assert (level.created_timestamp.seconds, level.created_timestamp.nanos) == (1_700_000_002, 0)


def test_native_buckets_are_spans_and_deltas() -> None:
    """Buckets that touch are one span; the first span begins at its index, each other one after a gap."""
    store = SeriesStore([Metric("t.x", Kind.HISTOGRAM, "", (), (), "X.", (1.0,))], native=True, now=0.0)
    for value, times in ((0.0, 2), (0.5, 3), (0.51, 1), (1.0, 300), (1e6, 1)):
        store.observe("t.x", (), value, 0.0, times)
    histogram = families_of(store)["t_x"].metric[0].histogram

    assert (histogram.schema, histogram.zero_threshold, histogram.zero_count) == (3, ZERO_THRESHOLD, 2)
    assert [(span.offset, span.length) for span in histogram.positive_span] == [(-8, 2), (6, 1), (159, 1)]
    assert list(histogram.positive_delta) == [3, -2, 299, -299]
    assert buckets_of(histogram) == {-8: 3, -7: 1, 0: 300, 160: 1}
    assert [bucket.cumulative_count for bucket in histogram.bucket] == [306, 307]


@pytest.mark.parametrize("native", [False, True])
def test_a_histogram_without_values_says_of_what_kind_it_is(native: bool) -> None:
    """A native one has an empty span, so that Prometheus makes no series of buckets of it."""
    store = SeriesStore([Metric("t.x", Kind.HISTOGRAM, "", (), (), "X.", (1.0,))], native=native, now=0.0)
    store.histogram("t.x", (), 0.0)
    histogram = families_of(store)["t_x"].metric[0].histogram

    assert [(span.offset, span.length) for span in histogram.positive_span] == [(0, 0)] * native
    assert histogram.HasField("schema") == histogram.HasField("zero_threshold") == native
    assert [bucket.cumulative_count for bucket in histogram.bucket] == [0, 0]


@given(st.lists(st.tuples(st.floats(-1.0, 1e12), st.integers(1, 2**40)), max_size=300))
def test_native_buckets_come_back_as_they_were(observed: list[tuple[float, int]]) -> None:
    """At whatever resolution, and however large the counts."""
    store = SeriesStore([Metric("t.x", Kind.HISTOGRAM, "", (), (), "X.", (1.0,))], native=True, now=0.0)
    slot = store.histogram("t.x", (), 0.0)
    assert isinstance(slot, NativeHistogram)
    for value, times in observed:
        slot.observe(value, times)
    histogram = families_of(store)["t_x"].metric[0].histogram

    assert buckets_of(histogram) == slot.buckets
    assert (histogram.schema, histogram.zero_count) == (slot.schema, slot.zeros)
    assert sum(buckets_of(histogram).values()) + histogram.zero_count == histogram.sample_count


def test_exemplars_of_a_native_histogram_come_in_order_of_time() -> None:
    """Each is in its bucket as well; Prometheus takes no older one after a newer one, and none without a time."""
    store = SeriesStore([Metric("t.x", Kind.HISTOGRAM, "", (), (), "X.", (1.0, 2.0))], native=True, now=0.0)
    long = (("trace_id", "t"), ("rtc.participant.id", "p" * 110))
    for value, time, labels in ((0.5, 30.0, ()), (1.5, 10.5, ()), (9.0, 20.0, long)):
        store.observe("t.x", (), value, time, exemplar=labels or (("trace_id", f"at {time}"),))
    histogram = families_of(store)["t_x"].metric[0].histogram

    assert [
        (exemplar.label[0].value, exemplar.value, exemplar.timestamp.seconds, exemplar.timestamp.nanos)
        for exemplar in histogram.exemplars
    ] == [("at 10.5", 1.5, 10, 500_000_000), ("at 30.0", 0.5, 30, 0)]
    assert [exemplar_of(bucket) for bucket in histogram.bucket] == [
        ({"trace_id": "at 30.0"}, 0.5, 30.0),
        ({"trace_id": "at 10.5"}, 1.5, 10.5),
        None,
    ]


@pytest.mark.parametrize(
    ("value", "read_as"),
    [
        ('quote" and \\', 'quote" and \\'),
        ("two\nlines", "two\nlines"),
        ("ünï 🎥", "ünï 🎥"),
        ("nul\x00, tab\t", "nul\ufffd, tab\ufffd"),
        ("half \ud83d of it", "half \ufffd of it"),
        ("x" * 10_000, "x" * 10_000),
    ],
)
def test_a_label_value_comes_back_as_it_was(value: str, read_as: str) -> None:
    """What the text formats cannot say is replaced in the same way, so that a series is the same in all of them."""
    store = SeriesStore(METRICS, now=0.0)
    store.set("t.share", (value,), 1, 0.0)
    store.add("t.io", ("", ""), 1, 0.0, (("trace_id", value),) if len(value) < 100 else None)
    found = families_of(store)

    assert found["t_share_ratio"].metric[0].label[0].value == read_as
    if len(value) < 100:
        assert found["t_io_bytes_total"].metric[0].counter.exemplar.label[0].value == read_as


@pytest.mark.parametrize("value", [0.1, 1e-300, 2.0**53, -5.5, inf, -inf, nan])
def test_values_are_exact(value: float) -> None:
    """To the last bit."""
    store = SeriesStore(METRICS, now=0.0)
    store.set("t.active", (), value, 0.0)
    found = families_of(store)["t_active"].metric[0].gauge.value

    assert found == value or (found != found and value != value)


def test_rendering_again_says_the_same() -> None:
    """Labels are packed once and kept, beside those of the text; values are not."""
    store = small()
    before = families_of(store)
    text_of(store.families(), TEXT)
    assert families_of(store) == before
    store.set("t.active", (), 3, 0.0)

    assert families_of(store)["t_active"].metric[0].gauge.value == 3


def test_an_empty_store_is_an_empty_exposition() -> None:
    """No family without a metric."""
    assert list(protobuf.render(SeriesStore(METRICS, now=0.0).families(Tier.COHORT))) == []


@pytest.mark.parametrize("lines", [1, 7, 100, 2000])
@pytest.mark.parametrize("native", [False, True])
def test_chunks_make_no_difference(native: bool, lines: int) -> None:
    """However it is cut, it is the same exposition."""
    store = full(native=native)

    assert b"".join(protobuf.render(store.families(), lines)) == b"".join(protobuf.render(store.families(), 10**9))


def test_others_have_a_turn_within_a_family() -> None:
    """A family's length comes before it, so chunks are empty until it is all there; none is long."""
    store = SeriesStore(METRICS, now=0.0)
    for number in range(1010):
        store.set("t.share", (f"{number:04}",), number, 0.0)
    chunks = list(protobuf.render(store.families(Tier.COHORT), 100))
    each = len(b'"\x14\n\t\n\x01a\x12\x040000\x12\t\t') + 8

    assert [len(chunk) > 0 for chunk in chunks] == [False] * 10 + [True] * 12
    assert [len(chunk) for chunk in chunks[11:-1]] == [100 * each] * 10
    assert len(read(b"".join(chunks))["t_share_ratio"].metric) == 1010


def changing(store: SeriesStore) -> Iterator[bytes]:
    """A rendering during which series come and go."""
    for turn, chunk in enumerate(protobuf.render(store.families(), 10)):
        yield chunk
        store.remove("rtc.participant.jitter", ("s", f"p{turn % 50}", "audio"))
        store.set("rtc.participant.jitter", ("s", f"new {turn}", "audio"), 1, 0.0)
        store.add("rtc.inbound.packets", ("", "", f"codec {turn}", "", ""), 1, 0.0)
        store.observe("rtc.inbound.jitter", ("", "", f"codec {turn % 5}", "", ""), turn, 0.0)
        store.expire(1.7e9 + turn * 86400.0)


def test_series_may_come_and_go_between_chunks() -> None:
    """The exposition stays readable, and holds nothing twice."""
    store = full(native=True)
    live = store.family("rtc.participant.jitter")
    assert live is not None
    for number in range(50):
        live.slot(("s", f"p{number}", "audio"), 0.0)

    for name, family in read(b"".join(changing(store))).items():
        labels = [str(metric.label) for metric in family.metric]
        assert len(labels) == len(set(labels)), name


def test_what_is_about_the_process_is_there_too() -> None:
    """What prometheus_client's collectors say, by the names and kinds that the text has."""
    found = read(protobuf.process_metrics())
    text = parse(process_metrics(False).decode(), TEXT)

    assert {name: TYPES[family.type].lower() for name, family in found.items()} == {
        family.samples[0].name: family.type for family in text.values()
    }
    assert {name: len(family.metric) for name, family in found.items()} == {
        family.samples[0].name: len(family.samples) for family in text.values()
    }
    assert found["process_start_time_seconds"].metric[0].gauge.value > 1.7e9
    assert found["process_cpu_seconds_total"].metric[0].counter.value > 0
    assert {pair.name for pair in found["python_info"].metric[0].label} >= {"implementation", "version"}
