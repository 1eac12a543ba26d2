"""The page of a service with an API_TOKEN: a browser signs in once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from donebit.access import tokens
from donebit.access.roles import Role
from tests.browser.chromium import OTHER_NAME
from tests.browser.guarded import TOKEN, sign_in
from tests.browser.page import Page
from tests.browser.test_accessibility import (
    NO_BARRIERS,
    WIDTHS,
    barriers,
    overflow_at,
    overflows,
    violations,
)
from tests.browser.test_bitmap import report
from tests.stack import DONE_SECONDS, Stack, ask
from tests.started import eventually


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("name", ["127.0.0.1", OTHER_NAME])
def test_whoever_signs_in_has_the_page_live(page: Page, guarded: str, name: str) -> None:
    page.address = guarded.replace("127.0.0.1", name)
    page.open()
    assert page.text("h1") == "Sign in"

    sign_in(page, TOKEN)

    eventually(lambda: page.browser.current_url == f"{page.address}/", what="the token is not taken")
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


def test_each_button_of_a_task_works_for_who_has_signed_in(page: Page, stack: Stack, guarded: str) -> None:
    task_id = stack.create(3, open=True)
    page.address = guarded
    page.open(f"/tasks/{task_id}")
    sign_in(page, TOKEN)
    eventually(lambda: page.find("#cells").get_attribute("data-columns"), what="the page is not live")

    def press(button: str, state: str) -> None:
        page.find(f"form[action$='/{button}'] button").click()
        eventually(lambda: page.text(".facts .state") == state, what=f"{button} does nothing")

    press("pause", "paused, open")
    press("resume", "running, open")
    press("close", "running")
    report(stack, task_id, (0, 3))
    eventually(lambda: page.text(".facts .state") == "done", what="it is not done")
    page.find("form[action$='/again'] button").click()

    eventually(lambda: f"/tasks/{task_id}." in page.browser.current_url, what="it is not run again")
    assert page.text(".facts .state").startswith("running")
    assert page.complaints() == []


def test_the_forms_work_on_another_name_without_script(page: Page, stack: Stack, guarded: str) -> None:
    task_id = stack.create(10)
    page.address = guarded.replace("127.0.0.1", OTHER_NAME)
    page.open(f"/tasks/{task_id}/cancel")
    sign_in(page, TOKEN)
    eventually(lambda: page.is_there(".grave"), what="it does not lead on")

    with page.without_script():
        page.open(f"/tasks/{task_id}/cancel")
        page.find(".grave").click()

    eventually(lambda: page.text(".facts .state") == "cancelled", what="it is not cancelled")


ANOTHER_PAGE = """<!doctype html><title>trying</title><script type="module">
const image = (policy) => new Promise((settled) => {
  const image = new Image();
  image.onload = image.onerror = settled;
  image.referrerPolicy = policy;
  image.src = "ADDRESS/trigger/done?count=1&sleep_ms=0";
});
const post = () => fetch("ADDRESS/trigger/done?count=1&sleep_ms=0",
  { method: "POST", mode: "no-cors", credentials: "include" }).catch(() => 0);
await Promise.all([image("no-referrer"), image("unsafe-url"), post()]);
document.title = "tried";
</script>"""


@pytest.mark.parametrize("name", ["127.0.0.1", OTHER_NAME])
def test_a_page_on_another_port_of_the_same_host_starts_nothing(
    page: Page, stack: Stack, guarded: str, name: str
) -> None:
    page.address = guarded.replace("127.0.0.1", name)
    page.open()
    sign_in(page, TOKEN)
    eventually(lambda: page.browser.current_url == f"{page.address}/", what="the token is not taken")
    before = stack.store.task_index.sizes()[1]

    try_from_another_port(page, name)

    assert stack.store.task_index.sizes()[1] == before


def test_a_page_on_another_port_starts_nothing_where_no_token_is_set(page: Page, stack: Stack) -> None:
    before = stack.store.task_index.sizes()[1]

    try_from_another_port(page, "127.0.0.1")

    assert stack.store.task_index.sizes()[1] == before


def try_from_another_port(page: Page, name: str) -> None:
    """Have another page of the host ask for tasks, as images and as a request."""
    with serving(ANOTHER_PAGE.replace("ADDRESS", page.address)) as port:
        page.browser.get(f"http://{name}:{port}/")
        eventually(lambda: page.browser.title == "tried", what="the page has not tried")
    page.complaints()  # that each is refused


@contextmanager
def serving(page: str) -> Iterator[int]:
    """Serve a page on a port of its own."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def test_who_may_only_read_sees_no_buttons(page: Page, stack: Stack, guarded: str) -> None:
    task_id = stack.create(10)
    page.address = guarded
    page.open()
    sign_in(page, tokens.create(stack.store, f"reader-{task_id}", Role.READ)[1])
    eventually(lambda: page.text("h1") == "Tasks", what="the token is not taken")

    assert page.text("#start") == ""
    page.open(f"/tasks/{task_id}")
    assert page.text(".buttons") == ""
    page.open(f"/tasks/{task_id}/cancel")
    page.find(".grave").click()
    eventually(lambda: "403" in page.text("h1") or "Forbidden" in page.text("main"))
    assert stack.task(task_id).state == "running"


def test_signing_out_leads_to_the_sign_in(page: Page, stack: Stack, guarded: str) -> None:
    stack.create(1)
    page.address = guarded
    page.open()
    sign_in(page, TOKEN)
    eventually(lambda: page.is_there("#sign-out"), what="the token is not taken")

    page.find("#sign-out button").click()

    eventually(lambda: page.text("h1") == "Sign in", what="it does not lead to the sign-in")
    page.open("/workers")
    assert page.text("h1") == "Sign in"


@pytest.mark.usefixtures("stack")
def test_the_page_of_who_has_signed_in_fits_and_has_no_barrier(page: Page, guarded: str) -> None:
    page.address = guarded
    page.look(WIDTHS[0])
    page.open()
    sign_in(page, TOKEN)
    eventually(lambda: page.is_there("#sign-out"), what="the token is not taken")

    for width in WIDTHS:
        assert overflow_at(page, width) == 0
        assert violations(page) == []


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
@pytest.mark.parametrize("refused", [False, True])
def test_the_sign_in_has_no_barrier_and_fits_every_window(page: Page, guarded: str, *, refused: bool) -> None:
    page.address = guarded
    page.look(WIDTHS[0])
    page.open()
    if refused:
        sign_in(page, "another")
        eventually(lambda: page.text("#refused"), what="it is not refused")

    assert page.text("h1") == "Sign in"
    assert barriers(page) == NO_BARRIERS
    assert overflows(page) == {}
    assert page.focused() == "token"
    assert all("401" in complaint for complaint in page.complaints())  # the browser's own word of it


def test_without_the_token_nothing_but_the_sign_in_is_answered(guarded: str) -> None:
    asked = [
        ask(method, guarded + path).status
        for method, path in (("POST", "/trigger/done?count=1"), ("GET", "/events/done"), ("GET", "/metrics"))
    ]

    assert asked == [401, 401, 401]


def test_a_page_over_plain_http_says_why_it_cannot_notify(page: Page, guarded: str, stack: Stack) -> None:
    page.address = guarded.replace("127.0.0.1", OTHER_NAME)
    task_id = stack.create(3)
    page.open(f"/tasks/{task_id}")
    sign_in(page, TOKEN)
    eventually(lambda: page.is_there("#notify:not([hidden])"), what="there is no button")

    page.find("#notify button").click()

    eventually(
        lambda: "notifications only of pages over HTTPS" in page.text("#notify .said"),
        what="it does not say why",
    )
    assert page.complaints() == []
