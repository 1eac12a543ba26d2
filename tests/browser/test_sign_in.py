"""The page of a service with an API_TOKEN: a browser signs in once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import Keys

from donebit.demo.ports import free_server_port
from tests.browser.page import Page
from tests.browser.test_accessibility import WIDTHS, violations
from tests.stack import DONE_SECONDS, START_SECONDS, Stack, ask
from tests.started import eventually

TOKEN = "a token of the tests"


@pytest.fixture(scope="module")
def guarded(running_stack: Stack) -> Iterator[str]:
    """The address of a trigger_app that asks for a token."""
    port = free_server_port()
    command = next(program.argv for program in running_stack.programs() if program.name == "trigger")
    started = running_stack.started("guarded", command, TRIGGER_PORT=str(port), API_TOKEN=TOKEN)
    address = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: ask("GET", f"{address}/health").status == 200, START_SECONDS)
        yield address
    finally:
        started.end()


def sign_in(page: Page, token: str) -> None:
    page.find("[name=token]").send_keys(token, Keys.ENTER)


@pytest.mark.usefixtures("stack")
def test_whoever_signs_in_has_the_page_live(page: Page, guarded: str) -> None:
    page.address = guarded
    page.open()
    assert page.text("h1") == "Sign in"

    sign_in(page, TOKEN)

    eventually(lambda: page.browser.current_url == f"{guarded}/", what="the token is not taken")
    page.fill("done", count=20, sleep_ms=50)
    page.submit("done")
    task_id = page.started("done")
    eventually(lambda: page.state(task_id) == "done", DONE_SECONDS, what="the page does not move")
    assert page.complaints() == []


def test_who_follows_a_link_signs_in_and_is_led_on_to_it(page: Page, stack: Stack, guarded: str) -> None:
    task_id = stack.create(10)
    page.address = guarded
    page.open(f"/tasks/{task_id}")

    sign_in(page, TOKEN)

    eventually(lambda: page.text("h1") == f"Task {task_id}", what="it does not lead on")
    page.find("[data-ask=cancel]").click()
    page.find("#ask-cancel .grave").click()
    eventually(lambda: page.text(".facts .state") == "cancelled", what="it is not cancelled")
    assert page.complaints() == []


@pytest.mark.parametrize("path", ["/distinct", "/workers", "/tasks/some", "/tasks/some/delete"])
def test_nobody_sees_a_page_who_has_not_signed_in(page: Page, guarded: str, path: str) -> None:
    page.address = guarded

    page.open(path)

    assert page.text("h1") == "Sign in"


def test_a_wrong_token_is_told_and_opens_nothing(page: Page, guarded: str) -> None:
    page.address = guarded
    page.open()

    sign_in(page, "another")

    eventually(lambda: page.text("#refused") == "Wrong token.")
    page.open()
    assert page.text("h1") == "Sign in"


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("refused", [False, True])
def test_the_sign_in_has_no_barrier(page: Page, guarded: str, *, refused: bool, dark: bool) -> None:
    page.address = guarded
    page.look(1280, dark=dark)
    page.open()
    if refused:
        sign_in(page, "another")
        eventually(lambda: page.text("#refused"), what="it is not refused")

    found = violations(page)

    assert found == []
    assert page.focused() == "token"
    assert all("401" in complaint for complaint in page.complaints())  # the browser's own word of it


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("width", WIDTHS)
def test_the_sign_in_fits_its_window(page: Page, guarded: str, width: int) -> None:
    page.address = guarded
    page.look(width)

    page.open()

    assert page.text("h1") == "Sign in"
    assert page.overflow_px() == 0


def test_without_the_token_nothing_but_the_sign_in_is_answered(guarded: str) -> None:
    asked = [
        ask(method, guarded + path).status
        for method, path in (("POST", "/trigger/done?count=1"), ("GET", "/events/done"), ("GET", "/metrics"))
    ]

    assert asked == [401, 401, 401]
