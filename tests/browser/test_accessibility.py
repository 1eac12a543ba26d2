"""Every page as axe-core judges it, light and dark, and at the widths of a phone and of a wall screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Keys

from tests.browser.page import OVERFLOW, Page
from tests.browser.test_bitmap import give_up, report
from tests.stack import DONE_SECONDS, Stack, ask
from tests.started import eventually

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
RUN = """
const done = arguments[arguments.length - 1];
axe.run({ resultTypes: ["violations"] }).then(
  (found) => done(found.violations),
  (error) => done(String(error)),
);
"""
LINES = """
const shown = document.querySelector(arguments[0]);
return Math.round(shown.getBoundingClientRect().height / parseFloat(getComputedStyle(shown).lineHeight));
"""
TEXT_RIGHT = """
const range = document.createRange();
range.selectNodeContents(document.querySelector(arguments[0]));
return [range.getBoundingClientRect().right, document.querySelector(".scroll").getBoundingClientRect().right];
"""
LIVE = {"/": "#running *", "/distinct": "#distinct", "/workers": ".worker"}
WIDTHS = (360, 768, 1160, 1280, 2200)
NO_BARRIERS: dict[str, list[str]] = {"light": [], "dark": []}


def violations(page: Page) -> list[str]:
    """What is wrong, each with the place where it is."""
    page.browser.execute_script(AXE.read_text())
    found: list[dict[str, Any]] = page.browser.execute_async_script(RUN)
    assert isinstance(found, list), found
    return [f"{one['id']}: {node['html']}" for one in found for node in one["nodes"]]


def a_task(stack: Stack, kind: str) -> str:
    """One that runs, is large or larger, or has ended in this way."""
    task_id = stack.create({"large": 1_000_000, "larger": 2_000_000}.get(kind, 40), label="nightly")
    report(stack, task_id, (0, 20), (21, 39))
    if kind == "done":
        report(stack, task_id, (0, 40))
    if kind in ("failed", "large"):
        give_up(stack, task_id, 39, "a long error " * 20)
        give_up(stack, task_id, 20, "short")
    if kind == "cancelled":
        ask("POST", f"{stack.done}/tasks/{task_id}/cancel")
    return task_id


def open_live(page: Page, path: str) -> None:
    page.open(path)
    live = LIVE.get(path.partition("?")[0], "#cells[data-columns]")
    eventually(lambda: page.browser.find_elements("css selector", live), what="the page is not live")


def barriers(page: Page, width: int = 1280) -> dict[str, list[str]]:
    """What is wrong with the page that is open, in the light scheme and in the dark one."""
    found = {}
    for scheme in ("light", "dark"):
        page.look(width, dark=scheme == "dark")
        page.drawn()
        found[scheme] = violations(page)
    return found


@pytest.mark.parametrize(
    "path", ["/", "/distinct", "/workers", "/?state=failed&label=nightly", "/?state=done&label=none"]
)
def test_a_view_has_no_barrier_and_fits_every_window(page: Page, stack: Stack, path: str) -> None:
    for kind in ("running", "failed", "done"):
        a_task(stack, kind)
    page.look(WIDTHS[0])

    open_live(page, path)

    assert barriers(page) == NO_BARRIERS
    assert overflows(page) == {}
    assert page.complaints() == []


@pytest.mark.parametrize("kind", ["running", "large", "larger", "failed", "done", "cancelled"])
def test_an_opened_task_has_no_barrier_and_fits_every_window(page: Page, stack: Stack, kind: str) -> None:
    page.look(WIDTHS[0])

    open_live(page, f"/tasks/{a_task(stack, kind)}")

    assert barriers(page) == NO_BARRIERS
    assert overflows(page) == {}
    assert page.complaints() == []


@pytest.mark.parametrize("name", ["cancel", "delete", "extend"])
def test_a_question_has_no_barrier(page: Page, stack: Stack, name: str) -> None:
    open_live(page, f"/tasks/{a_task(stack, 'running')}")

    page.find(f"[data-ask={name}]").click()

    assert violations(page) == []


def test_a_problem_has_no_barrier(page: Page) -> None:
    page.open("/tasks/nobody")

    assert page.text("h1") == "Not Found"
    assert violations(page) == []


def overflows(page: Page) -> dict[int, int]:
    """By how many pixels the page that is open is wider than its window, by the widths where it is."""
    return {width: over for width in WIDTHS if (over := overflow_at(page, width))}


def overflow_at(page: Page, width: int) -> int:
    page.look(width)
    page.drawn()
    return page.overflow_px()


def test_a_field_for_a_date_fits_every_window(page: Page) -> None:
    open_live(page, "/")
    field = "<label><span>on</span> <input type=date></label>"

    page.browser.execute_script("document.querySelector('#params').innerHTML = arguments[0]", 3 * field)

    assert overflows(page) == {}


@pytest.mark.parametrize("path", ["/audit", "/jobs", "/jobs/demo", "/schedules"])
def test_a_list_fits_every_window(page: Page, stack: Stack, path: str) -> None:
    stack.create(3, job="demo", label="a-label-of-many-characters-that-does-not-break")
    page.look(WIDTHS[0])

    page.open(path)

    assert overflows(page) == {}
    assert violations(page) == []


def test_the_id_of_a_chord_takes_two_lines_of_the_list_at_most(page: Page, stack: Stack) -> None:
    stack.create(3, task_id="8477ae05-817c-4452-b9ee-e534a87c2b5d")

    for width in (1160, 1280, 2200):
        page.look(width)
        page.open()
        assert page.browser.execute_script(LINES, ".tasks .id") <= 2, width


def test_a_phone_shows_to_what_each_entry_of_the_audit_was_done(page: Page, stack: Stack) -> None:
    stack.create(3, job="demo")
    page.look(WIDTHS[0])

    page.open("/audit")

    right, edge = page.browser.execute_script(TEXT_RIGHT, "thead th:nth-child(4)")
    assert right <= edge


def test_a_wall_screen_has_larger_type(page: Page) -> None:
    page.open()
    sizes = []
    for width in (1280, 1920, 2560, 3840):
        page.look(width)
        sizes.append(float(page.find("html").value_of_css_property("font-size").removesuffix("px")))

    assert sizes == [16, 18, 20, 24]


def test_a_page_is_dark_for_eyes_that_like_it_so(page: Page) -> None:
    brightness = []
    for dark in (False, True):
        page.look(1280, dark=dark)
        page.open()
        colour = page.find("html").value_of_css_property("background-color")
        brightness.append(sum(int(part) for part in colour.partition("(")[2].rstrip(")").split(",")[:3]))

    light, dark_one = brightness
    assert light > 3 * 200
    assert dark_one < 3 * 60


def test_the_navigation_leads_to_each_view_and_says_where_one_is(page: Page) -> None:
    page.open()
    links = {
        a.text: str(a.get_attribute("href"))
        for a in page.browser.find_elements("css selector", "header nav a")
    }

    for title, address in links.items():
        page.browser.get(address)

        current = page.browser.find_elements("css selector", "[aria-current=page]")
        assert [one.text for one in current] == [title]
        assert page.complaints() == []
    assert set(links) == {"Tasks", "Jobs", "Schedules", "Users", "Workers", "History"}


def test_the_skip_link_is_the_first_stop_and_covers_nothing(page: Page) -> None:
    page.open()
    page.press(Keys.TAB)

    assert page.focused() == "Skip to content"
    skip, brand = page.find(".skip").rect, page.find(".brand").rect
    assert 0 <= skip["y"] <= skip["y"] + skip["height"] <= brand["y"]


@pytest.mark.parametrize("path", ["/jobs", "/jobs/demo"])
def test_the_pages_of_jobs_have_no_barrier_in_either_scheme(page: Page, stack: Stack, path: str) -> None:
    for _ in range(2):  # runs, of which there are bars
        task_id = stack.create(3, job="demo", params={"sleep_ms": 0, "fail_percent": 100})
    eventually(lambda: stack.task(task_id).announced_at, DONE_SECONDS, what="it was not announced")

    def has_bars() -> bool:  # the run is kept just after the announcement
        page.open(path)
        return page.is_there(".strip .f")

    eventually(has_bars, DONE_SECONDS, what="no bar of a run was shown")
    assert barriers(page) == NO_BARRIERS
    page.look(360, dark=False)
    assert page.browser.execute_script(OVERFLOW) <= 0
    assert page.complaints() == []
