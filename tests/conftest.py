"""What tests of several modules are given, and the order in which modules are begun."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.chromium import Chromium, chromium

# How fast a machine is, is no matter of tests.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

#: Modules that take longest, longest first: begun last, they would keep one worker long after the others have ended.
SLOWEST = (
    "test_dashboards_live", "test_simulated_store", "test_alerts", "test_chart", "test_browser", "test_shards",
    "test_jetstream", "test_browser_clients", "test_history", "test_prometheus_server", "test_sessions",
    "test_delta_simulator", "test_sessions_browser", "test_wire_garbage", "test_compose", "test_engine",
)  # fmt: skip
#: Workers beyond one for each core: many tests wait for other programs most of their time.
MORE = 2


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """One real browser for all tests; each has a page of its own."""
    with chromium(tmp_path_factory.mktemp("site")) as started:
        yield started


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest modules come first, all others in the order of their names."""
    place = {name: number for number, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


def pytest_xdist_auto_num_workers() -> int:
    """How many workers ``-n auto`` stands for."""
    return len(os.sched_getaffinity(0)) + MORE
