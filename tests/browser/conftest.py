"""One browser for all tests here, and the page of trigger_app in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from donebit.demo.ports import free_server_port
from tests.browser.chromium import chromium
from tests.browser.guarded import GUARDED
from tests.browser.page import Page
from tests.stack import START_SECONDS, Stack, ask
from tests.started import eventually


@pytest.fixture(scope="package")  # what a page shows last would go on until all other tests have ended
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as chrome:
        yield chrome


@pytest.fixture
def page(browser: Chrome, stack: Stack) -> Page:
    """A new tab, in which a test opens one of trigger_app's pages."""
    open_new_tab(browser)
    browser.set_window_size(1200, 900)
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    page = Page(browser, stack.trigger)
    page.complaints()  # what an earlier test left there
    return page


@pytest.fixture(scope="module")
def guarded(running_stack: Stack) -> Iterator[str]:
    """The address of a trigger_app that asks for a token."""
    port = free_server_port()
    command = next(program.argv for program in running_stack.programs() if program.name == "trigger")
    started = running_stack.started("guarded", command, TRIGGER_PORT=str(port), **GUARDED)
    address = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: ask("GET", f"{address}/health").status == 200, START_SECONDS)
        yield address
    finally:
        started.end()


def open_new_tab(browser: Chrome) -> None:
    """Close every tab but a new one.

    Whatever a test emulates, such as no network, no script or another screen, belongs to its tab: even a test
    that fails midway leaves nothing to the next.
    """
    left_over = browser.window_handles
    browser.switch_to.new_window("tab")
    fresh = browser.current_window_handle
    for handle in left_over:
        browser.switch_to.window(handle)
        browser.close()
    browser.switch_to.window(fresh)
