"""What is to be read in the view of the workers, and what is done with it."""

from __future__ import annotations

from selenium.webdriver import Keys

from tests.browser.page import Page


def log_of(page: Page) -> list[str]:
    """The lines that are in the log, whether in sight or not."""
    script = "return [...document.querySelectorAll('#log .text')].map((line) => line.textContent)"
    return [str(text) for text in page.browser.execute_script(script)]


def lines_of(page: Page, task_id: str) -> list[str]:
    return [line for line in log_of(page) if task_id in line]


def tells(page: Page, text: str) -> bool:
    return any(text in line for line in log_of(page))


def card(page: Page, pid: int, part: str = "") -> str:
    return page.text(f".worker[data-worker*=':{pid}-'] {part}")


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
