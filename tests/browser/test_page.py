"""The first page in a real browser: it starts tasks, and it moves by itself."""

from __future__ import annotations

from functools import partial

from selenium.webdriver import Keys

from tests.browser.page import Page
from tests.stack import DONE_SECONDS, Stack, ask
from tests.started import eventually

# Notes how far the bar of each task is whenever one moves.
RECORDER = """
window.bars = {};
const note = () => {
  for (const row of document.querySelectorAll("#tasks li[data-id]:has(progress)"))
    (bars[row.dataset.id] ??= []).push(row.querySelector("progress").value);
};
const changes = { subtree: true, childList: true, attributes: true };
new MutationObserver(note).observe(document.querySelector("#tasks"), changes);
"""


def test_a_task_started_with_the_form_moves_to_its_end_without_a_reload(page: Page) -> None:
    page.open()
    page.mark()
    page.browser.execute_script(RECORDER)
    page.fill("done", count=60, sleep_ms=150)

    page.submit("done")

    task_id = page.started("done")
    eventually(lambda: page.state(task_id) == "done", DONE_SECONDS)
    bars = page.browser.execute_script("return window.bars[arguments[0]] ?? []", task_id)
    assert any(0 < steps < 60 for steps in bars), "the bar did not move, or jumped"
    assert bars == sorted(bars)
    assert page.text(f"#tasks li[data-id='{task_id}'] .steps") == "60 of 60"
    assert not page.was_reloaded()
    assert page.complaints() == []


def test_the_distinct_count_moves_after_simulated_visits(page: Page, stack: Stack) -> None:
    page.open("/distinct")
    ask("DELETE", f"{stack.distinct}/distinct")
    eventually(lambda: page.text("#distinct") == "0", what="the page still shows the old count")
    page.mark()
    page.fill("distinct", count=20)

    page.submit("distinct")

    task_id = page.started("distinct")
    eventually(lambda: stack.task(task_id).ended, DONE_SECONDS)
    distinct = ask("GET", f"{stack.distinct}/distinct").said["distinct"]
    assert 5 <= distinct <= 20
    eventually(lambda: page.text("#distinct") == page.text("#today") == str(distinct))
    assert not page.was_reloaded()
    assert page.complaints() == []


def test_enter_starts_a_task_and_the_fields_follow_one_another(page: Page) -> None:
    page.open()
    page.fill("done", count=7)
    page.press(Keys.TAB)
    job = page.focused()
    page.press(Keys.TAB)

    assert (job, page.focused()) == ("job", "param.sleep_ms")
    page.press(Keys.HOME, Keys.DELETE * 9, "0", Keys.ENTER)

    task_id = page.started("done")
    eventually(lambda: page.state(task_id) == "done", DONE_SECONDS)
    assert page.text(f"#tasks li[data-id='{task_id}'] .steps") == "7 of 7"


def test_a_count_that_is_refused_is_told_on_the_page(page: Page) -> None:
    page.open()
    page.browser.execute_script("document.querySelector('#start form').noValidate = true")
    page.fill("done", count=99_999_999)

    page.submit("done")

    eventually(lambda: page.said("done"), what="the page says nothing")
    assert page.said("done") == "count is 99999999; it must be 0 to 10000000"
    assert page.complaints() == []


def test_the_browser_itself_holds_a_count_to_its_bounds(page: Page) -> None:
    page.open()
    page.fill("done", count=-1)

    page.submit("done")

    assert page.find("#start [name=count]:invalid").get_attribute("value") == "-1"
    assert page.said("done") == ""


def test_a_notice_shows_while_redis_is_away_and_goes_when_it_is_back(page: Page, stack: Stack) -> None:
    page.open()
    page.mark()
    assert page.text("#notice") == ""

    stack.server.end()

    eventually(
        lambda: "Redis cannot be reached" in page.text("#notice"), DONE_SECONDS, what="no notice shows"
    )
    assert "stale" in str(page.find("body").get_attribute("class"))
    stack.server.start()
    eventually(lambda: page.text("#notice") == "", DONE_SECONDS, what="the notice stays")
    assert "stale" not in str(page.find("body").get_attribute("class"))
    assert not page.was_reloaded()
    assert page.complaints() == []


def test_a_stream_that_falls_silent_is_marked_and_opened_anew(page: Page, stack: Stack) -> None:
    task_id = stack.trigger_done(2, 0)
    stack.await_told(task_id)
    page.open(f"/tasks/{task_id}")  # of which there is no news
    eventually(lambda: page.text("#live") == "live", what="it is not live")
    clock_ahead = """
    window.told = [];
    window.ahead = 0;
    const live = document.querySelector("#live");
    const tell = () => told.push(live.textContent.trim());
    new MutationObserver(tell).observe(live, { childList: true, subtree: true });
    const now = Date.now;
    Date.now = () => now() + ahead;
    """

    page.browser.execute_script(clock_ahead)

    # Again and again: a sign of life may come before the page has looked, and is of the moved clock then.
    a_minute_later = "if (!told.length) ahead += 60000; return told.slice(0, 2)"
    eventually(
        lambda: page.browser.execute_script(a_minute_later) == ["not live", "live"], what="it is not marked"
    )
    assert page.text("#notice") == ""
    assert page.complaints() == []


def test_a_page_opened_while_redis_is_away_says_so_and_comes_to_life(page: Page, stack: Stack) -> None:
    task_id = stack.trigger_done(10, 0)
    stack.await_told(task_id)
    stack.server.end()

    page.open()

    eventually(
        lambda: "Redis cannot be reached" in page.text("#notice"), DONE_SECONDS, what="no notice shows"
    )
    assert page.text(".empty") == ""  # nothing is known of the tasks, not even that there are none
    stack.server.start()
    eventually(lambda: page.state(task_id) == "done", DONE_SECONDS, what="the page stays as it was")
    eventually(lambda: page.text("#notice") == "", DONE_SECONDS, what="the notice stays")


def test_the_page_shows_its_tasks_without_any_script(page: Page, stack: Stack) -> None:
    task_id = stack.trigger_done(10, 0)
    stack.await_told(task_id)

    with page.without_script():
        page.open()

        assert page.state(task_id) == "done"


def test_a_phone_shows_the_page_without_scrolling_sideways(page: Page, stack: Stack) -> None:
    stack.create(10_000_000, task_id="a-name-of-one-hundred-characters-" + 66 * "x", label="y" * 100)
    page.look(360)

    page.open()

    eventually(lambda: page.text("#tasks .id").startswith("a-name"), what="the task is not shown")
    assert page.browser.execute_script("return window.innerWidth") == 360
    assert page.overflow_px() == 0
    rows = "return new Set([...document.querySelector('#filter').elements].map((one) => one.offsetTop)).size"
    assert page.browser.execute_script(rows) == 3  # of six fields


def test_the_page_loads_from_nowhere_but_its_own_service(page: Page) -> None:
    page.open()
    script = "return performance.getEntriesByType('resource').map((entry) => entry.name)"

    loaded = page.browser.execute_script(script)

    assert loaded
    assert all(str(name).startswith(page.address) for name in loaded)


def test_pages_that_were_left_take_no_connection_from_the_next_one(page: Page, stack: Stack) -> None:
    page.open()
    for _ in range(8):  # a browser opens six to one service
        page.browser.get("about:blank")
        page.open()
        task_id = stack.create(3)
        eventually(partial(is_shown, page, task_id), what="the page is not live")


def is_shown(page: Page, task_id: str) -> bool:
    return page.state(task_id) == "running"


def test_a_page_that_is_gone_back_to_is_live_again(page: Page, stack: Stack) -> None:
    page.open()
    page.browser.get("about:blank")
    page.browser.back()

    task_id = stack.trigger_done(10, 0)

    eventually(lambda: page.state(task_id) == "done", DONE_SECONDS, what="the page stays as it was")
    assert page.complaints() == []
