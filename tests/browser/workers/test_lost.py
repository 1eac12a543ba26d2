"""While Redis or the stream is away the page says so, and no line comes twice when it is back."""

from __future__ import annotations

from tests.browser.page import Page
from tests.browser.workers.view import lines_of, tells
from tests.stack import DONE_SECONDS, Stack
from tests.started import eventually


def test_figures_are_stale_while_redis_is_away_and_no_line_comes_twice(page: Page, stack: Stack) -> None:
    task_id = stack.trigger_done(5, 0)
    # Fanned out, five steps, and done: each process writes its own, so the last may not come last.
    eventually(lambda: len(lines_of(page, task_id)) == 7, DONE_SECONDS, what="not all lines come")
    before = lines_of(page, task_id)

    stack.server.end()

    eventually(
        lambda: "Redis cannot be reached" in page.text("#notice"), DONE_SECONDS, what="no notice shows"
    )
    assert "stale" in str(page.find("body").get_attribute("class"))
    stack.server.start()
    eventually(lambda: page.text("#notice") == "", DONE_SECONDS, what="the notice stays")
    later = stack.trigger_done(5, 0)
    eventually(lambda: tells(page, f"{later} is done"), 2 * DONE_SECONDS, what="it is not live again")
    assert lines_of(page, task_id) == before
    assert not page.was_reloaded()
    assert page.complaints() == []


def test_a_page_opened_while_redis_is_away_claims_no_empty_log(page: Page, stack: Stack) -> None:
    stack.server.end()

    page.open("/workers")

    eventually(lambda: "Redis cannot be reached" in page.text("#notice"), what="no notice shows")
    eventually(lambda: page.is_there("#live:not([hidden])"), what="its script does not run")
    assert page.text("#no-line") == ""


def test_a_stream_that_is_cut_is_taken_up_again_without_a_line_twice(page: Page, stack: Stack) -> None:
    task_id = stack.trigger_done(5, 0)
    eventually(lambda: len(lines_of(page, task_id)) == 7, DONE_SECONDS, what="not all lines come")

    page.browser.execute_cdp_cmd("Network.enable", {})
    cut = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    page.browser.execute_script("document.dispatchEvent(new Event('visibilitychange'))")  # a new stream
    page.browser.execute_cdp_cmd("Network.emulateNetworkConditions", cut)
    page.browser.execute_script("document.dispatchEvent(new Event('visibilitychange'))")
    eventually(lambda: "Connection lost" in page.text("#notice"), DONE_SECONDS, what="no notice shows")
    page.browser.execute_cdp_cmd(
        "Network.emulateNetworkConditions",
        cut | {"offline": False, "downloadThroughput": -1, "uploadThroughput": -1},
    )
    later = stack.trigger_done(5, 0)

    eventually(lambda: tells(page, f"{later} is done"), DONE_SECONDS, what="it is not live again")
    assert page.text("#notice") == ""
    assert len(lines_of(page, task_id)) == 7
    assert not page.was_reloaded()
