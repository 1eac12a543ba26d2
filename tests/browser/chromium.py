"""A real browser, without a window and without a network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

OTHER_NAME = "donebit.example"
FLAGS = (
    "--headless",
    "--no-sandbox",  # containers and CI run as root
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--renderer-process-limit=1",  # or each new tab, and with that each test, starts one: a third of its work
    # A name that is not loopback: there a page over plain HTTP is not trusted, and the browser sends less.
    f"--host-resolver-rules=MAP {OTHER_NAME} 127.0.0.1",
)
# The same engine without the window, menus and tabs that nobody sees: half of the processor's time.
SHELL = "chromium-headless-shell"


@contextmanager
def chromium(profile: Path, *, whole: bool = False) -> Iterator[Chrome]:
    """A browser with a profile of its own: Chromium's headless shell where there is one, else Chromium.

    The paths of browser and driver are given, or selenium would ask the network for them.

    Args:
        whole: Chromium itself, for what the shell has not, such as notifications
    """
    options = ChromeOptions()
    options.binary_location = str((not whole and _shell(profile)) or shutil.which("chromium"))
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = Chrome(options, Service(str(shutil.which("chromedriver"))))
    try:
        yield chrome
    finally:
        chrome.quit()


def _shell(profile: Path) -> Path | None:
    """A program that starts the headless shell with a page, which its driver asks for; None without one."""
    found = shutil.which(SHELL)
    if found is None:
        return None
    program = profile.with_name(f"{profile.name}-shell")
    program.write_text(f'#!/bin/sh\nexec {found} "$@" about:blank\n')
    program.chmod(0o755)
    return program
