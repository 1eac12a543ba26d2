"""The page as a person sees it: forms, bars, figures, and what the browser complains of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.command import Command
from selenium.webdriver.remote.webelement import WebElement

from tests.started import eventually

REPLACED = "does not belong to the document"
FORMS = {"done": "#start", "distinct": "#simulate"}

# Two frames: what reacts to a new size has reacted then, and is drawn. Colours fade after that. Each further
# frame is asked for: the browser draws none for what fades out of sight, and never says that it has faded.
DRAWN = """
const done = arguments[arguments.length - 1];
const ends = (one) => one.effect.getComputedTiming().endTime !== Infinity;
const fades = () => document.getAnimations().some((one) => ends(one) && one.playState === "running");
const look = () => (fades() ? requestAnimationFrame(look) : done());
requestAnimationFrame(() => requestAnimationFrame(look));
"""
OVERFLOW = """
const within = document.querySelectorAll("main :is(.tasks li, .tiles > div, article)");
const boxes = [document.documentElement, ...within];
return Math.max(...boxes.map((box) => box.scrollWidth - box.clientWidth));
"""


class Page:
    def __init__(self, browser: Chrome, address: str) -> None:
        self.browser = browser
        self.address = address

    def open(self, path: str = "/") -> None:
        self.browser.get(self.address + path)

    def find(self, selector: str) -> WebElement:
        """The first such element, once it is there: what a click leads to may come after the next look."""
        eventually(lambda: self.is_there(selector), what=f"there is no {selector}")
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def is_there(self, selector: str) -> bool:
        return bool(self.browser.find_elements(By.CSS_SELECTOR, selector))

    def text(self, selector: str) -> str:
        """What is to be read there now; empty where there is nothing, or nothing is shown."""
        for _ in range(3):
            try:
                found = self.browser.find_elements(By.CSS_SELECTOR, selector)
                return found[0].text if found else ""
            except StaleElementReferenceException:  # the row was drawn anew in between
                continue
            except WebDriverException as error:  # as is what chromedriver has not noticed yet
                if REPLACED not in str(error):
                    raise
        return ""

    def fill(self, form: str, **values: object) -> None:
        for name, value in values.items():
            field = self.find(f"{FORMS[form]} [name$={name}]")
            field.clear()
            field.send_keys(str(value))

    def submit(self, form: str) -> None:
        self.find(f"{FORMS[form]} form button").click()

    def said(self, form: str) -> str:
        """What the page tells below this form."""
        return self.text(f"{FORMS[form]} .said")

    def started(self, form: str) -> str:
        """The id of the task that this form has just started."""
        eventually(lambda: self.said(form), what="the page says nothing")
        words = self.said(form).split()
        assert words[:2] == ["Started", "task"]
        return words[2].removesuffix(".")

    def state(self, task_id: str) -> str:
        return self.text(f"#tasks li[data-id='{task_id}'] .state")

    def bar(self, task_id: str) -> int:
        """How far its bar is, in steps; 0 where there is none."""
        script = "return document.querySelector(`#tasks li[data-id='${arguments[0]}'] progress`)?.value ?? 0"
        return int(self.browser.execute_script(script, task_id))

    def mark(self) -> None:
        """Leave something in the window that a reload would lose."""
        self.browser.execute_script("window.unloaded = 'not yet'")

    def was_reloaded(self) -> bool:
        return bool(self.browser.execute_script("return window.unloaded !== 'not yet'"))

    def complaints(self) -> list[str]:
        """The warnings and errors of the browser's console since the last look."""
        logged = self.browser.execute(Command.GET_LOG, {"type": "browser"})["value"]
        return [str(entry["message"]) for entry in logged if entry["level"] in ("WARNING", "SEVERE")]

    def overflow_px(self) -> int:
        """By how much the page is wider than its window, or one of its rows, tiles or cards than itself."""
        return int(self.browser.execute_script(OVERFLOW))

    def drawn(self) -> None:
        """Wait until the page is drawn as its window is now."""
        self.browser.execute_async_script(DRAWN)

    def is_in_sight(self, selector: str) -> bool:
        """Whether it is shown within the window, wholly."""
        script = "const box = arguments[0].getBoundingClientRect(); return [box.top, box.bottom, innerHeight]"
        top, bottom, height = self.browser.execute_script(script, self.find(selector))
        return bool(0 <= top < bottom <= height + 1)

    def press(self, *keys: str) -> None:
        """Type, wherever the focus is."""
        ActionChains(self.browser).send_keys(*keys).perform()

    def focused(self) -> str:
        """What has the focus, by its name, its id or its text."""
        element = self.browser.switch_to.active_element
        return element.get_attribute("name") or element.get_attribute("id") or element.text

    def tab_to(self, wanted: str, most: int = 40) -> None:
        """Press the tabulator until this has the focus."""
        for _ in range(most):
            if self.focused() == wanted:
                return
            self.press(Keys.TAB)
        raise AssertionError(f"{wanted} is not reached with the keyboard")

    def look(self, width: int, height: int = 900, *, dark: bool = False, ratio: int = 1) -> None:
        """Be a window of this size, with so many pixels to one of CSS, for eyes that like it dark or not."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": ratio, "mobile": False}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    @contextmanager
    def without_script(self) -> Iterator[None]:
        self.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        try:
            yield
        finally:
            self.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
