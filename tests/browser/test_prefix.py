"""The page where a proxy has it under a path: its scripts keep to that path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.browser.conftest import open_new_tab
from tests.browser.page import Page
from tests.servers import running, valkey_binary
from tests.started import eventually
from tests.web.following import report
from tests.web.real import RealServices, running_services

PREFIX = "/donebit"


@pytest.fixture
def under(tmp_path: Path) -> Iterator[RealServices]:
    (tmp_path / "server").mkdir()
    with (
        running(valkey_binary(), tmp_path / "server") as server,
        running_services(tmp_path, server.url, TRIGGER_PREFIX=PREFIX) as services,
    ):
        yield services


def test_the_scripts_keep_to_the_path(browser: Chrome, under: RealServices) -> None:
    open_new_tab(browser)
    page = Page(browser, under.url("trigger", PREFIX))
    page.complaints()  # what an earlier test left there
    page.open()
    page.fill("done", count=3, sleep_ms=0)
    page.submit("done")
    task_id = page.started("done")

    page.find("#start .said a").click()
    eventually(lambda: browser.current_url == under.url("trigger", f"{PREFIX}/tasks/{task_id}"))
    report(under, task_id, 0, 3)
    eventually(lambda: page.text("#facts .state") == "done", what="the task's stream is not heard")
    page.open(f"/workers?task={task_id}")
    eventually(lambda: page.text("#live") == "live", what="the workers' stream is not heard")
    page.find("#open").click()
    eventually(lambda: browser.current_url == under.url("trigger", f"{PREFIX}/tasks/{task_id}"))

    assert page.complaints() == []
