"""A page that is open while its session ends."""

from __future__ import annotations

from tests.browser.guarded import TOKEN, sign_in
from tests.browser.page import Page
from tests.stack import Stack
from tests.started import eventually

# Have the page open its stream again, as it does when it has been out of sight.
ANEW = 'document.dispatchEvent(new Event("visibilitychange"))'


def test_an_open_page_says_that_its_session_has_ended(page: Page, stack: Stack, guarded: str) -> None:
    task_id = stack.create(3)
    page.address = guarded
    page.open(f"/tasks/{task_id}")
    sign_in(page, TOKEN)
    eventually(lambda: page.find("#cells").get_attribute("data-columns"), what="the page is not live")

    page.browser.delete_all_cookies()
    page.browser.execute_script(ANEW)
    page.find("form[action$='/pause'] button").click()

    words = "You are signed out. Load this page again to sign in."
    eventually(lambda: page.text("#said") == words, what="the button says nothing of it")
    eventually(lambda: page.text("#notice") == words, what="the page says nothing of it")
    assert stack.task(task_id).paused is False
    page.browser.refresh()
    sign_in(page, TOKEN)
    eventually(lambda: page.text("h1") == f"Task {task_id}", what="it does not lead back")
