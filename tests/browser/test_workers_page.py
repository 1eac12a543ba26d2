"""The view of the workers in a real browser: live, filtered, honest about who is gone and what is stale."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, Keys

from tests.browser.page import Page
from tests.stack import DONE_SECONDS, START_SECONDS, Stack
from tests.started import eventually

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 3, "mobile": False}


@pytest.fixture
def page(browser: Chrome, stack: Stack) -> Page:
    browser.get("about:blank")
    browser.set_window_size(1200, 900)
    page = Page(browser, stack.trigger)
    page.complaints()
    page.open("/workers")
    page.mark()
    return page


def log_of(page: Page) -> list[str]:
    """The lines that are in the log, whether in sight or not."""
    script = "return [...document.querySelectorAll('#log .text')].map((line) => line.textContent)"
    return [str(text) for text in page.browser.execute_script(script)]


def lines_of(page: Page, task_id: str) -> list[str]:
    return [line for line in log_of(page) if task_id in line]


def tells(page: Page, text: str) -> bool:
    return any(text in line for line in log_of(page))


def card(page: Page, pid: int, part: str = "") -> str:
    return page.text(f".worker[data-worker$=':{pid}'] {part}")


def busy(page: Page) -> set[str]:
    script = "return [...document.querySelectorAll('.processes .task')].map((link) => link.textContent)"
    return {str(task) for task in page.browser.execute_script(script)}


def filter_by(page: Page, task_id: str) -> None:
    field = page.find("#filter [name=task]")
    field.clear()
    field.send_keys(task_id, Keys.ENTER)


def scroll(page: Page, to: str) -> None:
    page.browser.execute_script(f"const log = document.querySelector('#log'); log.scrollTop = {to}")


def gap_px(page: Page) -> int:
    """How far the log is scrolled from its end."""
    script = "const l = document.querySelector('#log'); return l.scrollHeight - l.scrollTop - l.clientHeight"
    return int(page.browser.execute_script(script))


def test_the_lines_of_a_task_appear_as_its_worker_writes_them(page: Page, stack: Stack) -> None:
    task_id = stack.trigger_done(8, 20)

    eventually(lambda: tells(page, f"task {task_id} is done: 8 steps"), DONE_SECONDS, what="no line appears")

    lines = [line for line in log_of(page) if task_id in line]
    assert sorted(lines) == sorted(stack.log_of(task_id))
    assert not page.was_reloaded()
    assert page.complaints() == []


def test_what_runs_is_shown_with_its_steps_and_its_worker(page: Page, stack: Stack) -> None:
    task_id = stack.create_endless()
    pid = stack.worker.process.pid

    eventually(lambda: task_id in busy(page), DONE_SECONDS, what="nobody is at it")

    assert "alive" in card(page, pid, ".state")
    eventually(lambda: re.search(r"steps \d+\D\d+", card(page, pid, ".processes")), what="no steps are named")
    eventually(lambda: "at work" in page.text("#processes"), what="nobody is counted")
    eventually(
        lambda: page.text("#waiting").replace(",", "").isdigit() and page.text("#waiting") != "0",
        what="no message waits",
    )
    eventually(lambda: page.text("#rate") != "0", DONE_SECONDS, what="no throughput is shown")
    points = str(page.find("#spark").get_attribute("points")).split()
    assert len(points) == 60
    assert len({point.split(",")[1] for point in points}) > 1
    assert page.complaints() == []


def test_the_log_is_filtered_by_task_and_the_address_says_so(page: Page, stack: Stack) -> None:
    mine, other = stack.trigger_done(4, 0), stack.trigger_done(4, 0)
    eventually(lambda: tells(page, f"{mine} is done") and tells(page, f"{other} is done"), DONE_SECONDS)

    filter_by(page, mine)

    eventually(lambda: len(log_of(page)) == 6, DONE_SECONDS, what="not all of its lines are shown")
    assert all(mine in line for line in log_of(page))
    assert page.browser.current_url.endswith(f"/workers?task={mine}")
    assert page.find("#open").get_attribute("href") == f"{page.address}/tasks/{mine}"
    page.browser.back()
    eventually(lambda: tells(page, other), DONE_SECONDS, what="the others do not come back")
    assert not page.was_reloaded()
    assert page.complaints() == []


def test_a_filtered_log_goes_on_live(page: Page, stack: Stack) -> None:
    filter_by(page, "to-come")
    eventually(lambda: "No line about task to-come" in page.text("#no-line"), what="it does not say so")

    stack.create(3, job="demo", params={"sleep_ms": 0}, task_id="to-come")
    stack.trigger_done(3, 0)

    eventually(lambda: tells(page, "to-come is done"), DONE_SECONDS, what="no line appears")
    assert all("to-come" in line for line in log_of(page))
    assert page.text("#no-line") == ""
    assert page.complaints() == []


@pytest.mark.parametrize("pasted", ["http://127.0.0.1/tasks/a", "..", "50 %"])
def test_whatever_is_pasted_as_a_task_the_page_stays_live(page: Page, pasted: str) -> None:
    filter_by(page, pasted)

    eventually(lambda: f"No line about task {pasted}" in page.text("#no-line"), what="it does not say so")
    eventually(lambda: page.text("#live") == "live", what="it is not live")
    assert page.complaints() == []


def test_a_filtered_log_can_be_linked_to_and_needs_no_script(page: Page, stack: Stack) -> None:
    task_id = stack.trigger_done(3, 0)
    eventually(lambda: tells(page, f"{task_id} is done"), DONE_SECONDS)
    page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.open(f"/workers?task={task_id}")

        assert len(page.browser.find_elements("css selector", "#log li")) == 5
        assert page.find("#filter [name=task]").get_attribute("value") == task_id
        assert str(stack.worker.process.pid) in page.text("#workers")
        filter_by(page, "nobody")
        eventually(lambda: "No line about task nobody" in page.text("#no-line"))
    finally:
        page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_click_on_what_runs_shows_its_lines_alone(page: Page, stack: Stack) -> None:
    other, task_id = stack.trigger_done(3, 0), stack.create_endless()
    eventually(lambda: task_id in busy(page) and tells(page, other), DONE_SECONDS)

    page.browser.execute_script("document.querySelector('.processes .task').click()")

    eventually(lambda: log_of(page) and all(task_id in line for line in log_of(page)), DONE_SECONDS)
    assert not page.was_reloaded()


def test_trouble_can_be_seen_alone(page: Page, stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "block-1").touch()
    task_id = stack.create(2, job="blocked", params={"folder": str(tmp_path)})
    eventually(lambda: tells(page, f"task {task_id} is failed"), DONE_SECONDS, what="its end is not shown")

    page.find("#trouble").send_keys(Keys.SPACE)

    shown = page.text("#log")
    assert "Traceback" in shown
    assert "has given up after 2 attempts" in shown
    assert f"task {task_id} is failed" not in shown


def test_who_reads_back_in_the_log_is_left_there_and_told_of_newer_lines(page: Page, stack: Stack) -> None:
    stack.trigger_done(60, 0)
    eventually(lambda: len(log_of(page)) > 60 and gap_px(page) < 8, DONE_SECONDS, what="it is not at its end")

    scroll(page, "0")
    eventually(lambda: gap_px(page) > 100)
    task_id = stack.trigger_done(5, 0)
    eventually(lambda: tells(page, f"{task_id} is done"), DONE_SECONDS)

    eventually(
        lambda: re.fullmatch(r"\d+ newer lines? below", page.text("#newer")), what="it does not say so"
    )
    assert page.browser.execute_script("return document.querySelector('#log').scrollTop") == 0
    page.find("#newer").send_keys(Keys.ENTER)
    eventually(lambda: gap_px(page) < 8 and page.text("#newer") == "", what="it does not go to the end")


def test_a_killed_worker_is_shown_as_lost_and_its_successor_as_alive(page: Page, stack: Stack) -> None:
    killed = stack.worker.process.pid
    eventually(lambda: "alive" in card(page, killed, ".state"), START_SECONDS, what="it is not shown")

    stack.kill_worker()

    eventually(lambda: "lost" in card(page, killed, ".state"), DONE_SECONDS, what="it is shown as alive")
    eventually(lambda: page.text("#alive") == "0", what="it is still counted")
    stack.start()
    successor = stack.worker.process.pid
    eventually(
        lambda: "alive" in card(page, successor, ".state"), START_SECONDS, what="the new one is not shown"
    )
    assert "lost" in card(page, killed, ".state")
    assert page.text("#alive") == "1"
    assert not page.was_reloaded()
    assert page.complaints() == []


def test_without_a_worker_the_page_says_how_to_start_one(page: Page, stack: Stack) -> None:
    os.kill(stack.worker.process.pid, signal.SIGTERM)
    stack.worker.process.wait(DONE_SECONDS)
    stack.server.client.delete("pulse:workers")

    page.open("/workers")

    assert "celery --app done_app.worker worker" in page.text("#no-worker")
    assert page.text("#workers") == ""
    stack.start()
    eventually(lambda: page.text("#no-worker") == "", START_SECONDS, what="it is still said")


def test_figures_are_marked_stale_while_redis_is_away_and_no_line_comes_twice(
    page: Page, stack: Stack
) -> None:
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


def test_a_stream_that_is_cut_is_taken_up_again_without_a_line_twice(page: Page, stack: Stack) -> None:
    task_id = stack.trigger_done(5, 0)
    eventually(lambda: tells(page, f"{task_id} is done"), DONE_SECONDS)

    page.browser.execute_cdp_cmd("Network.enable", {})
    cut = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    page.browser.execute_script("document.dispatchEvent(new Event('visibilitychange'))")  # a new stream
    page.browser.execute_cdp_cmd("Network.emulateNetworkConditions", cut)
    page.browser.execute_script("document.dispatchEvent(new Event('visibilitychange'))")
    eventually(lambda: "connection is lost" in page.text("#notice"), DONE_SECONDS, what="no notice shows")
    page.browser.execute_cdp_cmd(
        "Network.emulateNetworkConditions",
        cut | {"offline": False, "downloadThroughput": -1, "uploadThroughput": -1},
    )
    later = stack.trigger_done(5, 0)

    eventually(lambda: tells(page, f"{later} is done"), DONE_SECONDS, what="it is not live again")
    assert page.text("#notice") == ""
    assert len(lines_of(page, task_id)) == 7
    assert not page.was_reloaded()


def test_a_phone_shows_all_of_it_without_scrolling_sideways(page: Page, stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "block-1").touch()
    stack.create(
        2,
        job="blocked",
        params={"folder": str(tmp_path)},
        task_id="a-worker-of-one-hundred-characters-" + 65 * "x",
    )
    endless = stack.create_endless()
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    try:
        eventually(lambda: endless in busy(page) and tells(page, "has given up"), DONE_SECONDS)

        assert page.browser.execute_script("return window.innerWidth") == 360
        assert page.overflow_px() == 0
        within = "const l = document.querySelector('#log'); return l.scrollWidth - l.clientWidth"
        assert page.browser.execute_script(within) == 0
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_what_a_line_says_is_text_and_never_markup(page: Page, stack: Stack) -> None:
    word = "<img src=x onerror=alert(1)><b>bold</b> & 'quoted'"
    task_id = stack.create(1, job="talkative", params={"word": word})

    eventually(lambda: tells(page, word), DONE_SECONDS, what="the line is not shown as it is")
    page.open(f"/workers?task={task_id}")

    eventually(lambda: tells(page, word), DONE_SECONDS, what="the line is not shown as it is")
    assert page.browser.find_elements("css selector", "#log img, #log b") == []
    assert page.complaints() == []


def test_every_part_can_be_reached_by_keyboard(page: Page, stack: Stack) -> None:
    task_id = stack.trigger_done(3, 0)
    eventually(lambda: tells(page, task_id), DONE_SECONDS)
    page.find("#filter [name=task]").click()

    reached = []
    for _ in range(3):
        page.browser.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(
            page.browser.execute_script("const it = document.activeElement; return it.id || it.localName")
        )

    assert reached == ["button", "trouble", "log"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_shut_out(page: Page, stack: Stack, tmp_path: Path, scheme: str) -> None:
    (tmp_path / "block-1").touch()
    stack.create(2, job="blocked", params={"folder": str(tmp_path)}, task_id=f"seen-{scheme}")
    endless = stack.create_endless()
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    try:
        eventually(lambda: endless in busy(page) and tells(page, "has given up"), DONE_SECONDS)
        page.browser.execute_script(AXE.read_text())
        found = page.browser.execute_async_script("axe.run().then((it) => arguments[0](it.violations))")
    finally:
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    assert [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found] == []
