"""The view of the workers, just opened."""

from __future__ import annotations

import pytest

from tests.browser.page import Page


@pytest.fixture
def page(page: Page) -> Page:
    page.open("/workers")
    page.mark()
    return page
