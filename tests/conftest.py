"""What tests of several modules are given."""

from collections.abc import Iterator

import pytest

from tests.chromium import Chromium, chromium


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """One real browser for all tests; each has a page of its own."""
    with chromium(tmp_path_factory.mktemp("site")) as started:
        yield started
