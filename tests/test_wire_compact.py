"""Deltas that are laid by and read together say what they say one by one."""

from collections import Counter
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtc_exporter.errors import ClientError
from rtc_exporter.model import ParticipantKey, PeerConnectionKey, Report
from rtc_exporter.wire.compact import LAID_BY, Base
from rtc_exporter.wire.rtcstats import Decoder
from tests import captures

START = 1760000000000.5
#: A stream out and one in, what the other side says of the former, a codec, and an object of no known type.
FIRST: dict[str, Any] = {
    "7": {"type": 2, "10": 7, "11": "video", "79": 1, "95": "none", "96": {"none": 1, "cpu": 0.5}},
    "15": {"type": 1, "10": 15, "11": "audio", "14": 1, "17": "track", "41": 100},
    "18": {"type": 3, "74": "7", "15": 0, "t": START - 400},
    "20": {"type": "codec", "6": "video/VP8"},
    "21": {"type": "a-thing", "14": 1},
    "t": START,
}
_NUMBERS = st.one_of(st.integers(0, 9), st.floats(0, 9))
_STRANGE: st.SearchStrategy[Any] = st.one_of(_NUMBERS, st.booleans(), st.text(max_size=3), st.just([{}]))
_RECORDS = st.dictionaries(st.sampled_from(("none", "cpu", "bandwidth", "x")), _NUMBERS, max_size=2)
_TIMES = st.sampled_from((START - 300, START, START + 2000, START + 3000))
_MEANT = {
    **dict.fromkeys(("10", "14", "15", "41", "79", "packetsSent"), _NUMBERS),
    **dict.fromkeys(("6", "95"), st.sampled_from(("none", "cpu"))),
    **dict.fromkeys(("96", "qualityLimitationDurations"), _RECORDS),
    **dict.fromkeys(("67", "9999"), _STRANGE),
    "type": st.sampled_from((1, 2, 3, "codec", 99)),
    "t": _TIMES,
}


def _deltas(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    changes = st.fixed_dictionaries({}, optional=members)
    return st.lists(
        st.dictionaries(st.sampled_from(("7", "15", "18", "20", "21", "99")), changes), min_size=1, max_size=LAID_BY
    )


def _frame(delta: object) -> str:
    return orjson.dumps(["g", "PC_0", delta, 1000]).decode()


def _both(first: dict[str, Any], deltas: Iterable[Any]) -> tuple[Base, Base]:
    """A base that has read them together, and one that has read each when it came."""
    together, alone = Base(), Base()
    together.merge(deepcopy(first))
    alone.merge(deepcopy(first))
    for delta in deltas:
        time = delta.get("t", START) / 1000
        together.lay_by(_frame(delta), time)
        alone.lay_by(_frame(delta), time)
        assert alone.stats is alone.stats
    return together, alone


def _assert_same(together: Base, alone: Base) -> None:
    assert together.stats == alone.stats
    assert (together.time, together.ids, together.is_trusted) == (alone.time, alone.ids, alone.is_trusted)
    assert [error.reason for error in together.refused] == [error.reason for error in alone.refused]
    # What holds until the next delta is gone with it in both.
    for base in (together, alone):
        base.lay_by(_frame({"15": {"14": 77}, "t": START + 90_000}), START / 1000 + 90)
    assert together.stats == alone.stats


@pytest.mark.parametrize(
    ("deltas", "expected"),
    [
        pytest.param(
            [{"15": {"14": 2, "41": 200}, "t": START + 1000}, {"15": {"14": 3}, "t": START + 2000}],
            {"15": {"packetsReceived": 3, "bytesReceived": 200}},
            id="the newest value counts, and what the newest does not name stays",
        ),
        pytest.param(
            [{"7": {"96": {"none": 2}}, "t": START + 1000}, {"7": {"96": {"cpu": 0.75}}, "t": START + 2000}],
            {"7": {"qualityLimitationDurations.none": 2, "qualityLimitationDurations.cpu": 0.75}},
            id="of a record each delta tells what has changed",
        ),
        pytest.param(
            [{"18": {"15": 1}, "t": START + 1000}, {"15": {"14": 3}, "t": START + 2000}],
            {"18": {"packetsLost": 1, "timestamp": (START + 1000) / 1000}},
            id="what has a clock of its own was heard with the delta that told of it",
        ),
        pytest.param(
            [{"18": {"15": 1, "t": START + 600}, "t": START + 1000}, {"18": {"15": 2}, "t": START + 2000}],
            {"18": {"packetsLost": 2, "timestamp": (START + 2000) / 1000}},
            id="and not when one before said",
        ),
        pytest.param(
            [{"15": {"14": 2, "t": START + 990}, "t": START + 1000}, {"7": {"79": 3}, "t": START + 2000}],
            {"15": {"packetsReceived": 2, "timestamp": None}},
            id="a time of its own holds until the next delta",
        ),
    ],
)
def test_deltas_read_together(deltas: list[dict[str, Any]], expected: dict[str, dict[str, Any]]) -> None:
    """A table of what could get lost."""
    together, alone = _both(FIRST, deltas)

    for id, members in expected.items():
        assert {name: together.stats[id].get(name) for name in members} == members
    _assert_same(together, alone)


@given(_deltas(**_MEANT), st.lists(_TIMES, min_size=LAID_BY, max_size=LAID_BY))
def test_any_deltas_read_together(deltas: list[dict[str, Any]], times: list[float]) -> None:
    """New objects, others under an old id, of unknown type; times of an object alone, and of each that is laid by."""
    # Of what has no records one that is told in two deltas is nobody's (``compact._RECORDED``).
    for changes in (changes for delta in deltas for id, changes in delta.items() if id != "7"):
        changes.pop("96", None)
        changes.pop("qualityLimitationDurations", None)
    _assert_same(
        *_both(FIRST, [{**delta, "t": time} for delta, time in zip(deltas, times[: len(deltas)], strict=True)])
    )


def test_what_was_laid_by_is_told_as_one_delta() -> None:
    """Where it changes what was there; and there is nothing to tell then."""
    base, _ = _both(FIRST, [{"15": {"14": 2, "41": 200}, "t": START + 1000}, {"15": {"14": 3}, "t": START + 2000}])

    assert base.unite() == {"15": {"14": 3, "41": 200}, "t": START + 2000}
    assert (base.laid_by, base.newest, base.unite()) == (0, "", {})


@pytest.mark.parametrize("change", [{"22": {"type": 1, "14": 1}}, {"21": {"14": 2}}])
def test_what_is_more_than_changes_is_not_told_as_one_delta(change: dict[str, Any]) -> None:
    """An object that is new, or of no known type."""
    base, _ = _both(FIRST, [{"15": {"14": 2}, "t": START + 1000}, {**change, "t": START + 2000}])

    assert base.unite() == {}
    assert base["15"]["packetsReceived"] == 2


@given(_deltas(**_MEANT), st.lists(_TIMES, min_size=LAID_BY, max_size=LAID_BY))
def test_what_is_told_as_one_delta_says_all(deltas: list[dict[str, Any]], times: list[float]) -> None:
    """Who has what there was before merges it, and has what there is."""
    deltas = [{**delta, "t": time} for delta, time in zip(deltas, times[: LAID_BY - 1], strict=False)]
    base, _ = _both(FIRST, deltas)
    if united := base.unite():
        other, _ = _both(FIRST, [orjson.loads(orjson.dumps(united))])
        other.number = base.number
        _assert_same(other, base)


@given(_deltas(**{**dict.fromkeys(_MEANT, _STRANGE), "t": _STRANGE}), _STRANGE)
def test_strange_values_read_together(deltas: list[dict[str, Any]], time: object) -> None:
    """A value that cannot be meant may hide one before it; nothing else happens."""
    base = Base()
    base.merge(deepcopy(FIRST))
    for delta in deltas:
        base.lay_by(_frame({**delta, "t": time}), START / 1000)

    assert base.stats.keys() >= {"7", "15", "18", "20"}
    assert all(isinstance(error, ClientError) for error in base.refused)
    assert all(type(value) in (str, int, float, bool) for members in base.stats.values() for value in members.values())


@pytest.mark.parametrize("name", captures.names())
def test_recorded_deltas_read_together(name: str) -> None:
    """All that browsers sent, read at each fifth report, and at each."""
    together, alone = (Decoder(ParticipantKey("s", "p")) for _ in range(2))
    numbers: Counter[PeerConnectionKey] = Counter()
    for time, text in captures.frames(name):
        for one, other in zip(together.receive(text, time), alone.receive(text, time), strict=True):
            if not isinstance(one, Report) or not isinstance(other, Report):
                assert one == other
                continue
            now = dict(other.stats)
            numbers[one.key] += 1
            if numbers[one.key] % 5 == 0 or one.removed:
                assert dict(one.stats) == now
                assert one[1:3] == other[1:3]


def test_most_recorded_calls_have_reports() -> None:
    """Those in which no camera was found or no path have none; the test above is about the others."""
    have = [name for name in captures.names() if any(text.startswith('["g"') for _, text in captures.frames(name))]
    assert len(have) >= len(captures.names()) - 3
