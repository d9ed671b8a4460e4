"""What tests of several modules are given."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.chromium import Chromium, chromium

# How fast a machine is, is no matter of tests.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """One real browser for all tests; each has a page of its own."""
    with chromium(tmp_path_factory.mktemp("site")) as started:
        yield started
