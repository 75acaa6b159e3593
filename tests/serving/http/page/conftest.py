"""A browser for the page."""

from collections.abc import Iterator

import pytest

from ....analysis.report.browser import CHROMIUM, Page


@pytest.fixture(scope="session")
def browser() -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH (Debian's package: chromium)")
    page = Page()
    yield page
    page.close()
