"""One browser for all tests, and the page of trigger_app in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.browser.chromium import chromium
from tests.browser.page import Page
from tests.stack import Stack


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as chrome:
        yield chrome


@pytest.fixture
def page(browser: Chrome, stack: Stack) -> Page:
    """The page of trigger_app, just opened."""
    browser.get("about:blank")
    browser.set_window_size(1200, 900)
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    page = Page(browser, stack.trigger)
    page.complaints()  # what an earlier test left there
    page.open()
    return page
