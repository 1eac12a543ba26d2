"""The pictures that README.md and docs/ show, each of one page at one moment."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from selenium.webdriver import Chrome

from tests.browser.page import Page
from tests.started import eventually

WATCHED = "demo-report"  # a task that runs, with some steps that have failed
RUNNING = "demo-archive"  # the sample's, and for minutes
SETS = "/distinct?text=demo.visit@today%20%26%20demo.visit@7d%20-%20demo.visit@yesterday"
MOST_BYTES = 300_000
DRAWN_SECONDS = 30.0

EDGES = """
const edge = (selector, side) => document.querySelector(selector).getBoundingClientRect()[side] + scrollY;
return [Math.floor(edge(arguments[0], "top")), Math.ceil(edge(arguments[1], "bottom"))];
"""
# What is drawn again from frame to frame is drawn by then.
SETTLED = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done(true)))"


@dataclass(frozen=True, slots=True)
class Picture:
    """A page once `drawn` is there, from the top of `since` to the bottom of `until`."""

    file: str
    path: str
    drawn: str
    until: str
    since: str = "html"
    width: int = 1280
    dark: bool = False
    ratio: int = 1  # pixels of the picture to one of the page
    half_way: bool = False  # to be taken when the task that is watched has come so far


MAP = "#cells[data-columns]"
CURVES = "#curves canvas"
PICTURES = (
    Picture("done.png", "/", "#running .figures", "#tasks"),
    # One task's lines: those that failed would show which folder it all runs in.
    Picture("workers.png", f"/workers?task={RUNNING}", "#log li:nth-child(5)", ".log"),
    Picture("task.png", f"/tasks/{WATCHED}", MAP, ".bitmap", half_way=True),
    Picture("task-dark.png", f"/tasks/{WATCHED}", MAP, ".bitmap", half_way=True, dark=True),
    Picture("phone.png", f"/tasks/{WATCHED}", MAP, ".bitmap", half_way=True, width=360, ratio=2),
    Picture("distinct.png", "/distinct", CURVES, "#retention"),
    Picture("sets.png", SETS, f"{CURVES}, .strips canvas[width]", "#expression", since="#expression"),
)
MARGIN_PX = 24


def take(browser: Chrome, address: str, picture: Picture, folder: Path) -> Path:
    """Write one picture."""
    page = Page(browser, address)
    page.look(picture.width, 900, dark=picture.dark, ratio=picture.ratio)
    browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
    page.open(picture.path)
    for sign in (picture.drawn, "#live:not([hidden])"):
        eventually(partial(page.is_there, sign), DRAWN_SECONDS, what=f"{picture.path} has no {sign}")
    browser.execute_async_script(SETTLED)
    top, bottom = browser.execute_script(EDGES, picture.since, picture.until)
    top = max(0, top - MARGIN_PX)
    clip = {"x": 0, "y": top, "width": picture.width, "height": bottom + MARGIN_PX - top, "scale": 1}
    made = browser.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
    written = folder / picture.file
    written.write_bytes(base64.b64decode(made["data"]))
    return written
