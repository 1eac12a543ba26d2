"""A real browser for one benchmark: chromium without a window, and gone afterwards."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from benchmarks.figures import Figure

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # containers and CI run as root
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--window-size=1280,900",
)
NONE_HERE = [Figure("not measured: no chromium with chromedriver on the PATH", "")]


def is_here() -> bool:
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


@contextmanager
def own_browser(script: str) -> Iterator[Chrome]:
    """With an empty profile, and a script that runs in each page before any of its own."""
    options = ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        # Both paths are given, or selenium would ask the network for them.
        chrome = Chrome(options, Service(str(shutil.which("chromedriver"))))
        try:
            chrome.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
            yield chrome
        finally:
            chrome.quit()
