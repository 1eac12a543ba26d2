"""The view of the workers as the server draws it, before any script."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from html import unescape

import pytest
from kombu.transport.memory import Channel as MemoryChannel

from donebit import clock
from donebit.store import Store
from donebit.workers.presence import ProcessActivity
from tests.web.services import ELSEWHERE, Services
from tests.workers.arranged import a_worker, say, shows
from trigger_app.pages.fragments import age, ago, steps
from trigger_app.pages.workers import lately, spark


@pytest.fixture
def services(real_store: Store) -> Services:
    return Services(real_store, redis_url=ELSEWHERE, broker_url="")


def shown(services: Services, query: str = "") -> str:
    answer = services.trigger.get(f"/workers{query}")
    assert answer.status_code == 200
    return answer.text


def text_of(page: str, part: str) -> str:
    """What is to be read in the part with an id; empty when it is hidden, or part of what is."""
    found = re.search(rf'<(\w+)[^>]* id="{part}"([^>]*)>(.*?)</\1>', page, re.DOTALL)
    assert found is not None, part
    return "" if "hidden" in found[2] else " ".join(unescape(re.sub(r"<[^>]*>", "", found[3])).split())


def test_without_anything_the_page_says_what_to_do_next(services: Services) -> None:
    page = shown(services)

    assert "celery --app done_app.worker worker" in text_of(page, "no-worker")
    assert "celery --app done_app.worker beat" in text_of(page, "no-sweep")
    assert "Start a task" in text_of(page, "no-line")
    assert 'id="heals" aria-labelledby="heals-title" hidden' in page


def test_workers_and_their_log_are_drawn_without_script(services: Services, real_store: Store) -> None:
    shows(
        real_store,
        a_worker(
            at=[ProcessActivity(8, "nightly", ((0, 5), (7, 8)), 9, clock.now()), ProcessActivity(9, None)]
        ),
    )
    real_store.workers.keep("here:7", steps={clock.now_ms() // 1000 - 2: 50})
    real_store.workers.note_heal("nightly", 1234, clock.now_ms())
    real_store.heartbeats.beat("sweep", clock.now_ms())
    say(real_store, "steps 0-4 of task nightly are done", task_id="nightly")

    page = shown(services)

    words = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    assert "here:7 alive" in words
    assert "8 nightly steps 0\u20134, 7 and 3 more" in words
    assert "9 idle" in words
    assert "nightly : 1,234 missing steps resent" in words
    assert text_of(page, "rate") == "10"
    assert text_of(page, "healed") == "0 open tasks, 1 resend today"
    assert "steps 0-4 of task nightly are done" in text_of(page, "log")
    assert [text_of(page, part) for part in ("no-worker", "no-sweep", "no-line")] == [""] * 3


def test_the_log_of_one_task_is_drawn_alone(services: Services, real_store: Store) -> None:
    say(real_store, "mine", task_id="a")
    say(real_store, "theirs", task_id="b", level=logging.ERROR)

    mine, nobodys = shown(services, "?task=a"), shown(services, "?task=c")

    assert "mine" in text_of(mine, "log")
    assert "theirs" not in mine
    assert "error theirs" in text_of(shown(services, "?task=b"), "log")
    assert "No log lines for task c" in text_of(nobodys, "no-line")


def test_the_log_of_one_step_is_drawn_alone(services: Services, real_store: Store) -> None:
    say(real_store, "mine", task_id="a", step=3)
    say(real_store, "theirs", task_id="a", step=4)

    mine, nobodys, unknown = (shown(services, f"?task=a&step={step}") for step in ("3", "5", "x"))

    assert "mine" in text_of(mine, "log")
    assert "theirs" not in mine
    assert "No log lines for task a, step 5" in text_of(nobodys, "no-line")
    assert "No log lines for task a, step x" in text_of(unknown, "no-line")


def test_a_task_named_in_the_address_is_text_and_never_markup(services: Services) -> None:
    page = shown(services, "?task=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_page_says_when_the_broker_does_not_say_what_waits(real_store: Store) -> None:
    page = shown(Services(real_store, broker_url="redis://127.0.0.1:2/0"))

    assert "BROKER_URL" in text_of(page, "queues")


def test_a_page_shows_what_waits_at_a_broker_elsewhere(real_store: Store) -> None:
    MemoryChannel.queues.clear()  # which all tests of a process have in common
    page = shown(Services(real_store))

    assert text_of(page, "queues") == "control 0 · high steps 0 · high slices 0 · steps 0 · slices 0"


def test_the_line_of_throughput_stays_in_its_picture() -> None:
    points = [tuple(map(float, point.split(","))) for point in spark([0, 5, 10]).split()]

    assert points == [(0, 31), (2, 16), (4, 1)]
    assert {point.partition(",")[2] for point in spark([0] * 60).split()} == {"31.0"}
    assert lately([100, *[0] * 4, 10]) == 2


def test_one_step_is_named_alone_and_of_many_ranges_the_first() -> None:
    assert steps({"ranges": [(3, 4)], "steps": 1}) == "step 3"
    assert steps({"ranges": [(0, 2)], "steps": 1002}) == "steps 0\u20131 and 1,000 more"
    assert steps({"ranges": [], "steps": 0}) == "sending steps"


def test_a_traceback_keeps_its_indentation(services: Services, real_store: Store) -> None:
    text = "step 3 has failed\nTraceback:\n  File 'a.py'\n    raise ValueError"
    say(real_store, text, task_id="a", level=logging.ERROR)

    assert text in unescape(shown(services, "?task=a"))


def test_control_characters_of_a_line_are_shown(services: Services, real_store: Store) -> None:
    say(real_store, "no \x1b[2J \r \u202e picture", task_id="a", level=logging.ERROR)

    assert r"no \x1b[2J \r \u202e picture" in unescape(shown(services, "?task=a"))


def test_how_long_ago_is_written_in_minutes_at_the_finest() -> None:
    said = {0: "just now", 61: "1 min ago", 119: "1 min ago", 130: "2 min ago", 7300: "2 h ago"}

    moments = {seconds: clock.iso(clock.now() - timedelta(seconds=seconds)) for seconds in said}

    assert {seconds: ago(at) for seconds, at in moments.items()} == said


def test_an_age_is_written_in_its_largest_unit() -> None:
    ages = {300: "5 min", 7200: "2 h", 200_000: "2 days", -5: "0 s"}

    moments = {seconds: clock.iso(clock.now() - timedelta(seconds=seconds)) for seconds in ages}

    assert {seconds: age(at) for seconds, at in moments.items()} == ages
