"""Who is at work and at what, live, and honest about who is gone."""

from __future__ import annotations

import os
import re
import signal

from tests.browser.page import Page
from tests.browser.workers.view import busy, card
from tests.stack import DONE_SECONDS, START_SECONDS, Stack
from tests.started import eventually


def test_what_runs_is_shown_with_its_steps_and_its_worker(page: Page, stack: Stack) -> None:
    task_id = stack.create_endless()
    pid = stack.worker.process.pid

    eventually(lambda: task_id in busy(page), DONE_SECONDS, what="nobody is at it")

    assert "alive" in card(page, pid, ".state")
    eventually(lambda: re.search(r"steps \d+\D\d+", card(page, pid, ".processes")), what="no steps are named")
    eventually(lambda: "busy" in page.text("#processes"), what="nobody is counted")
    eventually(
        lambda: page.text("#waiting").replace(",", "").isdigit() and page.text("#waiting") != "0",
        what="no message waits",
    )
    eventually(lambda: page.text("#rate") != "0", DONE_SECONDS, what="no throughput is shown")
    points = str(page.find("#spark").get_attribute("points")).split()
    assert len(points) == 60
    assert len({point.split(",")[1] for point in points}) > 1
    assert page.complaints() == []


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
    stack.server.client.delete("donebit:heartbeat:workers")

    page.open("/workers")

    assert "celery --app done_app.worker worker" in page.text("#no-worker")
    assert page.text("#workers") == ""
    stack.start()
    eventually(lambda: page.text("#no-worker") == "", START_SECONDS, what="it is still said")
