"""The series store: what is counted, what is bounded, and what is forgotten."""

from collections.abc import Callable
from math import inf, nan

import pytest

from rtc_exporter import catalog
from rtc_exporter.metric import Kind, Metric, Profile, Tier
from rtc_exporter.series import Counter, Exemplar, Family, Gauge, Histogram, SeriesStore

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


@pytest.mark.parametrize("observed", [nan, inf, -inf])
def test_a_histogram_leaves_out_what_is_no_number(observed: float) -> None:
    """One bad value would spoil the sum for ever."""
    histogram = Histogram((), 0.0, DELAY.buckets)
    histogram.observe(observed)

    assert (histogram.count, histogram.sum) == (0, 0.0)


def test_exemplars_cost_nothing_until_there_is_one() -> None:
    """A histogram keeps the newest of each bucket, a counter the newest."""
    histogram, counter = Histogram((), 0.0, DELAY.buckets), Counter((), 0.0)
    assert [histogram.exemplars, counter.exemplar] == [None, None]

    old, new = Exemplar((("trace_id", "1"),), 0.3, 1.0), Exemplar((("trace_id", "2"),), 0.4, 2.0)
    for exemplar in (old, new):
        histogram.exemplify(exemplar)
        counter.exemplify(exemplar)

    assert histogram.exemplars == [None, new, None, None]
    assert counter.exemplar == new


def test_a_slot_is_the_same_for_the_same_values() -> None:
    """Who keeps a slot and who asks by name count into one series."""
    store = make()
    slot = family(store, "t.packets").slot(("x", ""), 5.0)
    assert isinstance(slot, Counter)
    slot.add(2)
    store.add("t.packets", ("x", ""), 3, 9.0)

    assert slot.value == 5.0
    assert slot.start == 5.0
    assert family(store, "t.packets").attributes_of(slot) == [("a", "x")]


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
    assert packets.attributes_of(packets.overflow) == [("otel.metric.overflow", "true")]


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
