"""One task opened: its bits on the canvas, as workers report them."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pytest
from selenium.webdriver import Keys

from tests.browser.bitmap import BitMap
from tests.browser.page import Page
from tests.integration.rations import allow
from tests.stack import DONE_SECONDS, Stack, ask
from tests.started import eventually


def report(stack: Stack, task_id: str, *ranges: tuple[int, int]) -> None:
    answer = ask("POST", f"{stack.done}/tasks/{task_id}/steps", {"ranges": list(ranges)})
    assert answer.status == 200, answer


def give_up(stack: Stack, task_id: str, step: int, error: str) -> None:
    answer = ask("POST", f"{stack.done}/tasks/{task_id}/failures", {"step": step, "error": error})
    assert answer.status == 200, answer


def test_the_cells_of_a_triggered_task_fill_without_a_reload(
    page: Page, stack: Stack, tmp_path: Path
) -> None:
    params = {"folder": str(tmp_path)}
    task_id = stack.create(60, job="rationed", params=params, batch=1, stall_after=3600)
    cells = BitMap(page, task_id)
    page.mark()
    some = range(0, 60, 6)
    pictures: set[tuple[str | None, ...]] = set()

    def fills() -> bool:
        allow(tmp_path, 12 * len(pictures))
        picture = tuple(cells.colour(cell) for cell in some)
        if page.text(".facts .state") == "running":
            pictures.add(picture)
        return len(pictures) >= 4  # more than the one or two of a page that is opened

    eventually(fills, DONE_SECONDS, what="no cell fills while it runs")
    allow(tmp_path, 60)
    eventually(lambda: page.text(".facts .state") == "done", DONE_SECONDS, what="its end is not seen")
    eventually(lambda: len({cells.colour(cell) for cell in some}) == 1, what="a cell did not fill")
    assert page.text(".verdict b") == "61 = 61"
    assert not page.was_reloaded()
    assert page.complaints() == []


@pytest.mark.parametrize("count", [100, 10_000, 1_000_000])
def test_done_failed_and_missing_steps_and_the_end_marker_look_different(
    page: Page, stack: Stack, count: int
) -> None:
    task_id = stack.create(count)
    cells = BitMap(page, task_id)
    missing = cells.colour(0)

    report(stack, task_id, (0, 20))
    give_up(stack, task_id, 50, "no such picture")

    eventually(lambda: cells.colour(0) == cells.colour(19) != missing, what="nothing fills")
    eventually(lambda: cells.colour(50) not in (missing, cells.colour(0)), what="no failure shows")
    assert cells.steps_a_cell() == 1
    assert cells.colour(20) == cells.colour(count - 1) == missing
    shown = [cells.colour(cell) for cell in (0, 20, 50, count)]
    assert len(set(shown)) == 4
    assert page.complaints() == []


def test_each_of_many_steps_has_a_pixel_of_its_own_and_the_end_marker_too(page: Page, stack: Stack) -> None:
    count = 200_001
    task_id = stack.create(count)
    cells = BitMap(page, task_id)
    missing, end = cells.colour(0), cells.colour(count)

    # Within a byte, over the border of two, and whole bytes.
    report(stack, task_id, (1, 3), (7, 9), (24, 41), (count - 1, count))
    eventually(lambda: cells.colour(count - 1) != missing, what="nothing is drawn")
    done = cells.colour(count - 1)

    assert len({missing, end, done}) == 3
    drawn = [cell for cell in range(64) if cells.colour(cell) == done]
    assert drawn == [1, 2, 7, 8, *range(24, 41)]
    assert {cells.colour(cell) for cell in {*range(64)} - {*drawn}} == {missing}
    assert cells.colour(count) == end
    report(stack, task_id, (0, count))
    eventually(lambda: cells.colour(100) == done, what="not all is done")
    assert cells.colour(count) == end


def test_failed_steps_and_the_one_pointed_at_are_marked_among_many(page: Page, stack: Stack) -> None:
    task_id = stack.create(200_000)
    cells = BitMap(page, task_id)
    end_marker = cells.marked()

    give_up(stack, task_id, 100_000, "no")
    eventually(lambda: cells.marked() > end_marker > 0, what="the failed step is not marked")
    failed = cells.marked()
    cells.point_at(50_000)
    eventually(lambda: cells.marked() > failed, what="the step pointed at is not marked")
    pointed = cells.marked() - failed
    report(stack, task_id, (100_000, 100_001))

    eventually(lambda: cells.marked() == end_marker + pointed, what="the step that is done is still marked")


def test_beyond_a_million_steps_a_cells_shade_says_how_full_it_is(page: Page, stack: Stack) -> None:
    task_id = stack.create(2_000_000)
    cells = BitMap(page, task_id)
    steps = cells.steps_a_cell()
    empty = cells.colour(1)

    report(stack, task_id, (0, steps), (steps, steps + steps // 2))

    eventually(lambda: len({cells.colour(cell) for cell in (0, 1, 2)}) == 3, what="no shades")
    page.tab_to("cells")
    full = cells.reading()
    page.press(Keys.ARROW_RIGHT)
    assert full == f"Steps 0 to {steps - 1}: 100 % done"
    assert cells.reading() == f"Steps {steps} to {2 * steps - 1}: 50 % done"
    assert steps > 1
    assert cells.colour(2) == empty


def test_the_pointer_is_told_the_step_and_its_state(page: Page, stack: Stack) -> None:
    task_id = stack.create(40)
    cells = BitMap(page, task_id)
    report(stack, task_id, (3, 4))
    give_up(stack, task_id, 4, "no")

    for cell, words in ((3, "Step 3: done"), (4, "Step 4: failed"), (5, "Step 5: missing")):
        cells.point_at(cell)
        eventually(partial(reads, cells, words), what=words)

    cells.point_at(40)
    eventually(lambda: cells.reading() == "Bit 40: the end marker")


def test_a_step_that_gave_up_is_missing_again_when_its_task_is_resumed(page: Page, stack: Stack) -> None:
    task_id = stack.create(2)
    cells = BitMap(page, task_id)
    missing = cells.colour(0)
    give_up(stack, task_id, 0, "no")
    report(stack, task_id, (1, 2))
    eventually(lambda: cells.colour(0) not in (missing, cells.colour(1)), what="no failure shows")

    ask("POST", f"{stack.done}/tasks/{task_id}/resume")

    # The cells of the new run are laid out first, and filled in the frames after.
    eventually(lambda: cells.colour(0) == missing != cells.colour(1), what="it still shows as failed")


def reads(cells: BitMap, words: str) -> bool:
    return cells.reading() == words


def test_the_keyboard_moves_over_the_cells(page: Page, stack: Stack) -> None:
    cells = BitMap(page, stack.create(1000))
    page.tab_to("cells")
    columns = int(str(page.find("#cells").get_attribute("data-columns")))

    told = []
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ARROW_LEFT, Keys.END, Keys.HOME):
        page.press(key)
        told.append(cells.reading())

    assert told == [
        "Step 1: missing",
        f"Step {columns + 1}: missing",
        f"Step {columns}: missing",
        "Bit 1,000: the end marker",
        "Step 0: missing",
    ]
    assert page.find("#cells").get_attribute("aria-valuetext") == told[-1]


def test_the_cell_that_is_read_is_marked_while_the_map_has_the_focus(page: Page, stack: Stack) -> None:
    cells = BitMap(page, stack.create(1000))
    unmarked = cells.marked()

    page.tab_to("cells")
    eventually(lambda: cells.marked() > unmarked, what="nothing is marked")

    page.press(Keys.TAB)
    eventually(lambda: cells.marked() == unmarked, what="it is still marked")


def test_the_map_is_laid_out_anew_in_a_window_of_another_width(page: Page, stack: Stack) -> None:
    count = 10_000
    cells = BitMap(page, stack.create(count))
    missing, end = cells.colour(0), cells.colour(count)

    page.browser.set_window_size(600, 900)

    eventually(lambda: page.overflow_px() == 0, what="the map is wider than the window")
    eventually(lambda: (cells.colour(0), cells.colour(count)) == (missing, end), what="it is not drawn")


def test_the_rule_is_told_as_it_stands(page: Page, stack: Stack) -> None:
    task_id = stack.create(8)
    BitMap(page, task_id)

    report(stack, task_id, (0, 3), (5, 6))

    eventually(lambda: page.text("#first-gap") == "3" and page.text("#set-bits") == "5")
    assert page.text(".verdict b") == "3 ≠ 5"
    report(stack, task_id, (0, 8))
    eventually(lambda: page.text(".verdict b") == "9 = 9")
    assert "every step is done" in page.text(".verdict")


def test_failures_are_listed_with_their_errors_and_the_missing_as_ranges(page: Page, stack: Stack) -> None:
    task_id = stack.create(10)
    BitMap(page, task_id)

    give_up(stack, task_id, 4, "<b>no such picture</b>")
    report(stack, task_id, (0, 2))

    eventually(lambda: "<b>no such picture</b>" in page.text("#steps table"))
    eventually(lambda: page.text("#steps .ranges") == "Missing: 2\N{EN DASH}3, 5\N{EN DASH}9")


def test_a_stream_that_is_cut_is_told_and_comes_back_by_itself(page: Page, stack: Stack) -> None:
    task_id = stack.create(40)
    cells = BitMap(page, task_id)
    missing = cells.colour(0)
    report(stack, task_id, (1, 40))
    give_up(stack, task_id, 0, "no")
    eventually(lambda: cells.colour(0) not in (missing, cells.colour(1)), what="no failure shows")
    page.mark()

    os.killpg(stack.processes()["trigger"], signal.SIGKILL)

    eventually(lambda: "Connection lost" in page.text("#notice"), DONE_SECONDS, what="no notice shows")
    assert "stale" in str(page.find("body").get_attribute("class"))
    ask("POST", f"{stack.done}/tasks/{task_id}/resume")
    stack.start()
    eventually(lambda: cells.colour(0) == missing, DONE_SECONDS, what="the stream stays cut")
    eventually(lambda: page.text("#notice") == "", DONE_SECONDS, what="the notice stays")
    assert not page.was_reloaded()
    # The browser itself tells of the connections that it could not make; the page adds nothing to it.
    assert all("net::ERR" in complaint for complaint in page.complaints())


def test_a_page_comes_to_life_when_redis_is_back_without_complaints(page: Page, stack: Stack) -> None:
    task_id = stack.create(40)
    cells = BitMap(page, task_id)
    missing = cells.colour(0)
    stack.server.end()
    eventually(
        lambda: "Redis cannot be reached" in page.text("#notice"), DONE_SECONDS, what="no notice shows"
    )

    page.open(f"/tasks/{task_id}")

    eventually(
        lambda: "Redis cannot be reached" in page.text("#notice"), DONE_SECONDS, what="no notice shows"
    )
    stack.server.start()
    report(stack, task_id, (0, 1))
    eventually(lambda: cells.colour(0) not in (None, missing), DONE_SECONDS, what="the page stays as it was")
    eventually(lambda: page.text("#notice") == "", DONE_SECONDS, what="the notice stays")
    assert page.complaints() == []
