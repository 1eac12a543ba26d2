"""`make screenshots`: each picture is taken, small, and of a page without complaints."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.browser.page import Page
from tests.browser.pictures import MOST_BYTES, PICTURES, RUNNING, WATCHED, Picture, take
from tests.browser.test_bitmap import give_up, report
from tests.stack import Stack, ask
from tests.started import REPOSITORY

EVENT = "demo.visit"


@pytest.fixture(scope="module")
def shown(running_stack: Stack) -> Iterator[Stack]:
    """What the pictures are of, in small: two tasks, and visits of two days."""
    stack = running_stack
    stack.await_told(stack.create(100, task_id=RUNNING, job="demo", params={"sleep_ms": 5}))
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    for body in ({"users": [1, 2, 3]}, {"users": [2, 3, 4], "at": yesterday}):
        assert ask("POST", f"{stack.distinct}/events/{EVENT}", body).status == 200
    yield stack
    ask("DELETE", f"{stack.distinct}/events/{EVENT}")
    for task_id in (RUNNING, WATCHED):
        ask("DELETE", f"{stack.done}/tasks/{task_id}")


@pytest.fixture
def running(shown: Stack) -> None:
    """A task that runs: after each test of the stack all are cancelled."""
    ask("DELETE", f"{shown.done}/tasks/{WATCHED}")
    shown.create(60, task_id=WATCHED)
    report(shown, WATCHED, (0, 20))
    give_up(shown, WATCHED, 30, "no such picture")


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.file)
def test_a_picture_is_taken_as_it_is_listed(page: Page, tmp_path: Path, picture: Picture) -> None:
    written = take(page.browser, page.address, picture, tmp_path)

    made = written.read_bytes()
    assert made.startswith(b"\x89PNG")
    assert int.from_bytes(made[16:20], "big") == picture.width * picture.ratio
    assert 5_000 < len(made) < MOST_BYTES
    assert page.complaints() == []


def test_without_a_browser_there_is_one_sentence_and_no_picture(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.browser.screenshots", str(tmp_path / "pictures")]

    run = subprocess.run(
        command, cwd=REPOSITORY, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )

    assert run.returncode == 1
    assert run.stderr.startswith("no pictures without a browser: no chromium with chromedriver on the PATH")
    assert run.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
