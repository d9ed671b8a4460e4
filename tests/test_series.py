"""The series store: what is counted, what is bounded, and what is forgotten."""

from collections.abc import Callable
from math import inf, log2, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtc_exporter import catalog
from rtc_exporter.metric import Kind, Metric, Profile, Tier
from rtc_exporter.series import Counter, Exemplar, Family, Gauge, Histogram, NativeHistogram, SeriesStore
from rtc_exporter.slots import ZERO_THRESHOLD

DAY = 86400.0

PACKETS = Metric("t.packets", Kind.COUNTER, "{packet}", ("a", "b"), (), "Packets.")
ACTIVE = Metric("t.active", Kind.GAUGE, "{thing}", ("a",), (), "Things.")
DELAY = Metric("t.delay", Kind.HISTOGRAM, "s", ("a",), (), "Delay.", (0.1, 0.5, 1.0))
RARE = Metric("t.rare", Kind.COUNTER, "{fault}", ("a",), (), "Faults.", zeros=(("x",), ("y",)))
FULL = Metric("t.full", Kind.COUNTER, "{thing}", (), (), "Much.", profile=Profile.FULL)
LIVE = Metric("t.live", Kind.GAUGE, "s", ("a",), (), "One of many.", tier=Tier.PARTICIPANT)
OWN = tuple(metric for metric in catalog.METRICS if metric.name.startswith("rtc.exporter.series"))
METRICS = (PACKETS, ACTIVE, DELAY, RARE, FULL, LIVE, *OWN)


def make(budget: int = 2000, total: int = 50_000, profile: Profile = Profile.STANDARD) -> SeriesStore:
    """A small store that begins at time 0."""
    return SeriesStore(METRICS, profile=profile, budget=budget, total=total, idle=DAY, now=0.0)


def family(store: SeriesStore, name: str) -> Family:
    """A family that is there."""
    found = store.family(name)
    assert found is not None
    return found


def value(store: SeriesStore, name: str, *values: str) -> float | None:
    """The value of a counter or gauge; None when there is no such series."""
    slot = family(store, name).series.get(values)
    assert not isinstance(slot, Histogram)
    return None if slot is None else slot.value


@pytest.mark.parametrize(
    ("amounts", "total"),
    [((1, 2.5), 3.5), ((0,), 0.0), ((5, -1), 5.0), ((5, nan), 5.0), ((5, inf), 5.0), ((5, -inf), 5.0)],
)
def test_a_counter_only_grows(amounts: tuple[float, ...], total: float) -> None:
    """What is negative or no number does not touch it."""
    counter = Counter((), 0.0)
    for amount in amounts:
        counter.add(amount)

    assert counter.value == total


def test_a_gauge_holds_floats() -> None:
    """Whatever comes in is written alike when it goes out."""
    gauge = Gauge((), 0.0)
    for number in (3, True, -0.0):
        gauge.set(number)
        assert type(gauge.value) is float
    gauge.set(3)
    gauge.add(-1)

    assert repr(gauge.value) == "2.0"


@pytest.mark.parametrize(
    ("observed", "bucket"),
    [(-1.0, 0), (0.0, 0), (0.1, 0), (0.100001, 1), (0.5, 1), (1.0, 2), (1.0001, 3), (1e9, 3)],
)
def test_a_bound_belongs_to_its_bucket(observed: float, bucket: int) -> None:
    """A value equal to an upper bound counts under it, as ``le`` says."""
    histogram = Histogram((), 0.0, DELAY.buckets)
    histogram.observe(observed)

    assert histogram.counts == [int(index == bucket) for index in range(4)]


def test_a_histogram_adds_up() -> None:
    """The buckets sum to the count, and a value can count several times."""
    histogram = Histogram((), 0.0, DELAY.buckets)
    histogram.observe(0.25)
    histogram.observe(0.75, 3)

    assert histogram.counts == [0, 1, 3, 0]
    assert (histogram.count, histogram.sum) == (4, 2.5)
    assert sum(histogram.counts) == histogram.count


@pytest.mark.parametrize("kind", [Histogram, NativeHistogram])
@pytest.mark.parametrize("observed", [nan, inf, -inf])
def test_a_histogram_leaves_out_what_is_no_number(observed: float, kind: type[Histogram]) -> None:
    """One bad value would spoil the sum for ever."""
    histogram = kind((), 0.0, DELAY.buckets)
    histogram.observe(observed)

    assert (histogram.count, histogram.sum) == (0, 0.0)
    assert not isinstance(histogram, NativeHistogram) or (histogram.buckets, histogram.zeros) == ({}, 0)


# Bucket k of schema 3 ends at 2**(k/8): 1.0905 is 2**(1/8), 0.9170 is 2**(-1/8).
@pytest.mark.parametrize(
    ("observed", "buckets", "zeros"),
    [
        (1.0, {0: 1}, 0),
        (1.0001, {1: 1}, 0),
        (1.0905, {1: 1}, 0),
        (1.0906, {2: 1}, 0),
        (0.9171, {0: 1}, 0),
        (0.9169, {-1: 1}, 0),
        (2.0, {8: 1}, 0),
        (1024.0, {80: 1}, 0),
        (2**-20, {-160: 1}, 0),
        (ZERO_THRESHOLD * 1.0001, {-239: 1}, 0),
        (ZERO_THRESHOLD, {}, 1),
        (5e-324, {}, 1),
        (0.0, {}, 1),
        (-0.0, {}, 1),
        (-7.5, {}, 1),
        (1.7e308, {8192: 1}, 0),
        (2**53, {424: 1}, 0),
    ],
)
def test_a_value_has_its_exponential_bucket(observed: float, buckets: dict[int, int], zeros: int) -> None:
    """The index is Prometheus': an upper bound belongs to its bucket; what is not over zero is counted as zero."""
    histogram = NativeHistogram((), 0.0, DELAY.buckets)
    histogram.observe(observed)

    assert (histogram.schema, histogram.buckets, histogram.zeros) == (3, buckets, zeros)


def test_a_native_histogram_is_a_histogram() -> None:
    """It has the same buckets with bounds besides, and a value can count several times."""
    plain, native = Histogram((), 0.0, DELAY.buckets), NativeHistogram((), 0.0, DELAY.buckets)
    for histogram in (plain, native):
        for times, observed in enumerate((0.0, 0.3, 0.3, 0.7, 99.0), 1):
            histogram.observe(observed, times)

    assert (native.counts, native.sum, native.count) == (plain.counts, plain.sum, plain.count)
    assert (native.buckets, native.zeros) == ({-13: 5, -4: 4, 54: 5}, 1)


def test_resolution_halves_when_there_are_too_many_buckets() -> None:
    """160 buckets stay; one more, and pairs become one: k goes to half of it, rounded up."""
    histogram = NativeHistogram((), 0.0, DELAY.buckets)
    for index in range(-20, 140):
        histogram.observe(2 ** ((index - 0.5) / 8))
    assert (histogram.schema, len(histogram.buckets)) == (3, 160)

    histogram.observe(2 ** (139.5 / 8))
    assert histogram.schema == 2
    assert histogram.buckets == {-10: 1, **dict.fromkeys(range(-9, 70), 2), 70: 2}

    before = dict(histogram.buckets)
    histogram.observe(2**0.1)
    assert histogram.buckets == {**before, 1: before[1] + 1}


def test_resolution_falls_as_far_as_it_must() -> None:
    """Every size of number that there is fits in; no format has less than schema -4."""
    histogram = NativeHistogram((), 0.0, DELAY.buckets)
    for exponent in range(-1074, 1024):
        histogram.observe(2.0**exponent)

    assert histogram.schema == -3
    assert histogram.zeros == 1074 - 29
    assert sorted(histogram.buckets) == list(range(-3, 129))


VALUES = st.floats(allow_nan=True, allow_infinity=True) | st.floats(1e-6, 1e6) | st.integers(0, 2**60)


@given(st.lists(st.tuples(VALUES, st.integers(1, 1000)), max_size=600))
def test_exponential_buckets_add_up_exactly(observed: list[tuple[float, int]]) -> None:
    """Whatever comes, all is in one bucket or the other, and each value is between the bounds of its own."""
    histogram = NativeHistogram((), 0.0, DELAY.buckets)
    for number, times in observed:
        histogram.observe(number, times)

    assert sum(histogram.buckets.values()) + histogram.zeros == histogram.count == sum(histogram.counts)
    assert len(histogram.buckets) <= 160
    assert -4 <= histogram.schema <= 3
    positive = sorted(number for number, _ in observed if ZERO_THRESHOLD < number < inf)
    if positive:
        width = 2.0**-histogram.schema
        for number, index in ((positive[0], min(histogram.buckets)), (positive[-1], max(histogram.buckets))):
            assert (index - 1) * width - 1e-9 <= log2(number) <= index * width + 1e-9


@pytest.mark.parametrize(("native", "kind"), [(False, Histogram), (True, NativeHistogram)])
def test_the_store_makes_the_histograms_that_are_wanted(native: bool, kind: type[Histogram]) -> None:
    """All of a store are of one kind, the one for what is over the budget included."""
    store = SeriesStore(METRICS, native=native, budget=1, now=0.0)
    for name in ("x", "y"):
        store.observe("t.delay", (name,), 0.5, 0.0)

    assert [type(slot) for slot in family(store, "t.delay").slots()] == [kind, kind]


#: Exemplars that are offered, as (trace, value, time) -> the traces of the four buckets, and that of a counter.
OFFERS: dict[str, tuple[list[tuple[str, float, float]], list[str | None], str | None]] = {
    "none": ([], [], None),
    "one": ([("a", 0.3, 5.0)], [None, "a", None, None], "a"),
    "a young one stays": ([("a", 0.3, 5.0), ("b", 0.4, 14.9)], [None, "a", None, None], "a"),
    "an old one goes": ([("a", 0.3, 5.0), ("b", 0.4, 15.0)], [None, "b", None, None], "b"),
    "buckets do not mind each other": ([("a", 0.3, 5.0), ("b", 9, 6.0)], [None, "a", None, "b"], "a"),
    "a bound belongs to its bucket": ([("a", 0.1, 5.0), ("b", 1.0, 5.0)], ["a", None, "b", None], "a"),
    "a clock that was set back": ([("a", 0.3, 5000.0), ("b", 0.3, 5.0)], [None, "b", None, None], "b"),
    "what is no number": ([("a", nan, 5.0), ("b", inf, 5.0), ("c", -inf, 5.0)], [], None),
    "what is no increase": ([("a", 0.0, 5.0)], ["a", None, None, None], None),
}


@pytest.mark.parametrize("kind", [Histogram, NativeHistogram])
@pytest.mark.parametrize("case", OFFERS)
def test_a_bucket_keeps_an_exemplar_for_ten_seconds(case: str, kind: type[Histogram]) -> None:
    """So does a counter; there is no list before there is an exemplar."""
    offers, in_buckets, in_counter = OFFERS[case]
    histogram, counter = kind((), 0.0, DELAY.buckets), Counter((), 0.0)
    for trace, offered, time in offers:
        histogram.offer((("trace_id", trace),), offered, time)
        counter.offer((("trace_id", trace),), offered, time)

    assert [exemplar and exemplar.labels[0][1] for exemplar in histogram.exemplars or ()] == in_buckets
    assert (counter.exemplar and counter.exemplar.labels[0][1]) == in_counter


def test_an_exemplar_says_what_was_offered() -> None:
    """Its labels, value and time; the store offers what it counts, and only counters and histograms keep it."""
    store, labels = make(), (("trace_id", "4bf9"), ("rtc.participant.id", "p"))
    store.add("t.packets", ("x", ""), 1, 7.5, labels)
    store.add("t.packets", ("y", ""), 1, 7.5)
    store.add("t.active", ("x",), 1, 7.5, labels)
    store.observe("t.delay", ("x",), 0.75, 7.5, exemplar=labels)

    packets, other = family(store, "t.packets").slots()
    (delay,) = family(store, "t.delay").slots()
    assert isinstance(packets, Counter)
    assert isinstance(other, Counter)
    assert isinstance(delay, Histogram)
    assert packets.exemplar == Exemplar(labels, 1, 7.5)
    assert other.exemplar is None
    assert delay.exemplars == [None, None, Exemplar(labels, 0.75, 7.5), None]


def test_a_slot_is_the_same_for_the_same_values() -> None:
    """Who keeps a slot and who asks by name count into one series."""
    store = make()
    slot = family(store, "t.packets").slot(("x", ""), 5.0)
    assert isinstance(slot, Counter)
    slot.add(2)
    store.add("t.packets", ("x", ""), 3, 9.0)

    assert slot.value == 5.0
    assert slot.start == 5.0
    assert slot.values == ("x", "")


def test_values_that_do_not_fit_are_a_slip_of_ours() -> None:
    """As many values as attributes."""
    with pytest.raises(ValueError, match=r"t\.packets has the attributes"):
        family(make(), "t.packets").slot(("x",), 0.0)


def test_zeros_exist_from_the_start_and_stay() -> None:
    """A first fault must be an increase, so the series is there before it, and after any silence."""
    store = make()
    store.add("t.rare", ("z",), 1, 0.0)
    assert [value(store, "t.rare", name) for name in "xyz"] == [0.0, 0.0, 1.0]

    for day in range(5):
        store.expire(day * DAY)

    assert [value(store, "t.rare", name) for name in "xyz"] == [0.0, 0.0, None]


def test_adding_nothing_lets_a_series_exist() -> None:
    """A cohort's counters can be there at 0 before anything happens."""
    store = make()
    store.add("t.packets", ("x", "y"), 0, 0.0)

    assert value(store, "t.packets", "x", "y") == 0.0


def test_a_profile_leaves_families_out() -> None:
    """What is not published is ignored; what is in no catalogue is a slip of ours."""
    store = make()
    assert store.family("t.full") is None
    store.add("t.full", (), 1, 0.0)
    store.gauge("t.active", ("x",), 0.0).add(1)
    assert make(profile=Profile.FULL).family("t.full") is not None
    assert SeriesStore(METRICS, profile=Profile.CORE, now=0.0).family("rtc.exporter.series") is not None

    with pytest.raises(KeyError, match=r"t\.ful is not in the catalogue"):
        store.add("t.ful", (), 1, 0.0)


def test_a_gauge_that_is_not_published_can_be_counted_all_the_same() -> None:
    """Who counts up and down need not know the profile."""
    store = SeriesStore(METRICS, profile=Profile.CORE, now=0.0)
    assert store.family("t.active") is None

    store.gauge("t.active", ("x",), 0.0).add(1)
    store.set("t.active", ("x",), 1, 0.0)
    store.observe("t.delay", ("x",), 1, 0.0)

    assert store.size == 0


@pytest.mark.parametrize(
    "misuse",
    [
        lambda store: store.add("t.delay", ("x",), 1, 0.0),
        lambda store: store.set("t.packets", ("x", "y"), 1, 0.0),
        lambda store: store.observe("t.packets", ("x", "y"), 1, 0.0),
    ],
)
def test_a_wrong_kind_is_a_slip_of_ours(misuse: Callable[[SeriesStore], None]) -> None:
    """A histogram is not added to, and a counter not observed."""
    with pytest.raises(TypeError, match=r" is (a|no) (histogram|gauge)"):
        misuse(make())


def test_overflow_keeps_the_total_right() -> None:
    """Past the budget, label sets share one series and nothing is lost from the sum."""
    store = make(budget=2)
    for number in range(5):
        store.add("t.packets", (f"x{number}", "y"), 10, 0.0)
        store.observe("t.delay", (f"x{number}",), 0.2, 0.0)

    packets, delay = family(store, "t.packets"), family(store, "t.delay")
    assert sum(slot.value for slot in packets.slots() if isinstance(slot, Counter)) == 50
    assert sum(slot.count for slot in delay.slots() if isinstance(slot, Histogram)) == 5
    assert packets.size == 3
    assert packets.limited == 3
    assert packets.overflow is not None
    assert packets.overflow.values == ()


def test_the_budget_counts_live_label_sets() -> None:
    """A label set that went makes room for another."""
    store = make(budget=1)
    for name in ("x", "y"):
        store.set("t.active", (name,), 1, 0.0)
    store.remove("t.active", ("x",))
    store.set("t.active", ("y",), 7, 0.0)

    assert value(store, "t.active", "y") == 7.0


def test_a_total_bounds_all_cohorts_together() -> None:
    """A client that makes values up cannot fill every family; other tiers have bounds of their own."""
    store = make(budget=10, total=6)
    for number in range(10):
        store.add("t.packets", (f"x{number}", "y"), 1, 0.0)
        store.observe("t.delay", (f"x{number}",), 1, 0.0)
        store.set("t.live", (f"x{number}",), 1, 0.0)

    cohorts = store.families(Tier.COHORT)
    # two zeros, four series, two of overflow
    assert sum(found.size for found in cohorts) == 6 + 2
    assert family(store, "t.live").size == 10


def test_a_million_label_sets_stay_within_the_budget() -> None:
    """What comes in is all there in the totals, and the excess is counted (a smaller million)."""
    store, number = make(budget=100), 20_000
    for index in range(number):
        store.add("t.packets", (str(index), "y"), 1, 0.0)

    packets = family(store, "t.packets")
    assert packets.size == 101
    assert packets.limited == number - 100
    assert sum(slot.value for slot in packets.slots() if isinstance(slot, Counter)) == number


def test_removing_forgets_and_says_so() -> None:
    """The generation grows, so that who keeps slots looks them up again; what comes back starts anew."""
    store = make()
    store.add("t.packets", ("x", "y"), 5, 0.0)
    before = store.generation
    store.remove("t.packets", ("x", "y"))

    assert store.generation > before
    assert value(store, "t.packets", "x", "y") is None

    slot = family(store, "t.packets").slot(("x", "y"), 7.0)
    assert isinstance(slot, Counter)
    assert (slot.value, slot.start) == (0.0, 7.0)


def test_removing_what_is_not_there_changes_nothing() -> None:
    """It may be gone already, or not be published."""
    store = make()
    store.remove("t.packets", ("x", "y"))
    store.remove("t.full", ())

    assert store.generation == 0


def test_a_participant_that_leaves_disturbs_nobody() -> None:
    """Series of participants come and go all the time, and nobody but their owner keeps them."""
    store = make()
    store.set("t.live", ("x",), 1, 0.0)
    store.remove("t.live", ("x",))

    assert store.generation == 0
    assert store.size == 2


def test_what_nothing_changes_goes_after_a_day() -> None:
    """Counters and histograms that stand still go; the generation says so."""
    store = make()
    store.add("t.packets", ("old", ""), 1, 0.0)
    store.observe("t.delay", ("old",), 1, 0.0)
    for hour in range(1, 24):
        store.add("t.packets", ("new", ""), 1, hour * 3600.0)
        assert store.expire(hour * 3600.0) == 0
    generation = store.generation

    assert store.expire(DAY + 3600.0) == 2
    assert store.generation > generation
    assert list(family(store, "t.packets").series) == [("new", "")]
    assert not family(store, "t.delay").series


def test_a_series_that_moves_between_sweeps_stays() -> None:
    """A sweep compares with the one before: one increase a day is enough."""
    store = make()
    for day in range(1, 6):
        store.add("t.packets", ("x", ""), 1, day * DAY - 1)
        assert store.expire(day * DAY) == 0


def test_a_gauge_says_something_while_it_is_not_0() -> None:
    """A participant that stays for two days is still one participant."""
    store = make()
    gauge = store.gauge("t.active", ("x",), 0.0)
    gauge.add(1)
    store.set("t.active", ("empty",), 0, 0.0)
    for day in range(4):
        store.expire(day * DAY)
    assert list(family(store, "t.active").series) == [("x",)]

    gauge.add(-1)
    store.expire(4 * DAY)
    store.expire(5 * DAY)
    assert not family(store, "t.active").series


def test_the_overflow_series_expires_like_others() -> None:
    """Once nothing is over the budget any more, it goes."""
    store = make(budget=1)
    store.add("t.packets", ("a", ""), 1, 0.0)
    store.add("t.packets", ("b", ""), 1, 0.0)
    for day in range(3):
        store.add("t.packets", ("a", ""), 1, day * DAY)
        store.expire(day * DAY)

    assert family(store, "t.packets").overflow is None
    assert family(store, "t.packets").expired == 1


def test_series_of_participants_and_of_ours_do_not_expire() -> None:
    """A participant without loss has a gauge at 0 for as long as it is there."""
    store = make()
    store.set("t.live", ("x",), 0, 0.0)
    for day in range(4):
        store.expire(day * DAY)

    assert value(store, "t.live", "x") == 0.0


def test_the_store_counts_itself() -> None:
    """Series held, folded and removed, from a family's first series on, so that the first limit is an increase."""
    store = make(budget=1)
    store.add("t.packets", ("a", ""), 1, 0.0)
    store.families(Tier.SELF)
    assert value(store, "rtc.exporter.series.limited", "t_packets_total") == 0.0
    assert value(store, "rtc.exporter.series", "t_active") is None

    store.add("t.packets", ("b", ""), 1, 0.0)
    store.remove("t.packets", ("a", ""))
    store.families()

    assert value(store, "rtc.exporter.series", "t_packets_total") == 1.0
    assert value(store, "rtc.exporter.series.limited", "t_packets_total") == 1.0
    assert value(store, "rtc.exporter.series.expired", "t_packets_total") == 1.0


def test_families_come_by_tier() -> None:
    """In the order of the catalogue; all of them together are the tiers together."""
    store = SeriesStore(catalog.METRICS, profile=Profile.FULL, now=0.0)
    tiers = [found.metric.name for tier in Tier for found in store.families(tier)]

    assert sorted(tiers) == sorted(found.metric.name for found in store.families())
    assert [found.metric for found in store.families()] == list(catalog.METRICS)
