"""A browser for the tests of pages; they are skipped where there is none."""

import pytest
from browser import PROGRAM, Browser


@pytest.fixture(scope="module")
def browser():
    if PROGRAM is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with Browser() as found:
        yield found
