"""Reading the workers' lines: the last, those that follow, those of a task."""

from __future__ import annotations

import logging

import pytest

from donebit.store import Store
from donebit.workers import log
from donebit.workers.log import FIRST_ID, LogPage, sort_key
from tests.workers.arranged import WORKER, keep, say


def texts(page: LogPage) -> list[str]:
    return [line.text for line in page.lines]


def test_a_line_has_who_said_it_when_how_loud_and_about_which_task(store: Store) -> None:
    say(store, "it raised", task_id="a", level=logging.ERROR)

    (line,) = log.list_lines(store, limit=5).lines

    assert (line.worker, line.level, line.task_id, line.text) == (WORKER, "error", "a", "it raised")
    assert line.pid > 0
    assert line.at.tzinfo is not None


def test_the_last_lines_come_oldest_first_and_lead_to_those_that_follow(store: Store) -> None:
    say(store, "one", "two", "three")

    last = log.list_lines(store, limit=2)
    nothing = log.list_lines(store, limit=2, after=last.next)
    say(store, "four", "five", "six")
    following = log.list_lines(store, limit=2, after=nothing.next)
    rest = log.list_lines(store, limit=2, after=following.next)

    assert [texts(page) for page in (last, nothing, following, rest)] == [
        ["two", "three"],
        [],
        ["four", "five"],
        ["six"],
    ]


def test_an_empty_log_leads_to_its_first_line(store: Store) -> None:
    empty = log.list_lines(store, limit=5)

    say(store, "first")

    assert (empty.lines, empty.next) == ([], FIRST_ID)
    assert texts(log.list_lines(store, limit=5, after=empty.next)) == ["first"]


def test_a_tasks_lines_are_found_behind_however_many_others(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "READ_AT_ONCE", 10)
    say(store, "first", "second", task_id="a")
    say(store, *["noise"] * 35, task_id="b")

    last = log.list_lines(store, task_id="a", limit=5)
    one = log.list_lines(store, task_id="a", limit=1, after=FIRST_ID)
    other = log.list_lines(store, task_id="a", limit=1, after=one.next)

    assert [texts(page) for page in (last, one, other)] == [["first", "second"], ["first"], ["second"]]
    assert texts(log.list_lines(store, task_id="c", limit=5)) == []


def test_a_page_of_a_task_leads_beyond_the_lines_of_others(store: Store) -> None:
    say(store, "mine", task_id="a")
    say(store, "theirs", task_id="b")

    page = log.list_lines(store, task_id="a", limit=5)

    assert log.list_lines(store, limit=5, after=page.next).lines == []


def test_a_task_that_is_only_named_in_a_line_does_not_have_it(store: Store) -> None:
    say(store, "started by a", task_id="b")

    assert log.list_lines(store, task_id="a", limit=5).lines == []


def test_the_lines_of_a_step_are_found_alone(store: Store) -> None:
    say(store, "it begins", task_id="a")
    for step in (0, 3, 30):
        say(store, f"at step {step}", task_id="a", step=step)
        say(store, "of another", task_id="b", step=step)

    pages = [log.list_lines(store, task_id="a", step=step, limit=5) for step in (0, 3)]
    pages.append(log.list_lines(store, task_id="a", step=30, limit=5, after=FIRST_ID))

    assert [texts(page) for page in pages] == [["at step 0"], ["at step 3"], ["at step 30"]]
    assert [line.step for line in log.list_lines(store, task_id="a", limit=5).lines] == [None, 0, 3, 30]


def test_a_line_of_an_earlier_version_is_about_no_step(store: Store) -> None:
    keep(store, [b'{"at":1,"level":"info","worker":"here:7","pid":8,"task":"a","text":"it begins"}'])

    (line,) = log.list_lines(store, task_id="a", limit=5).lines

    assert (line.text, line.step) == ("it begins", None)


def test_what_others_have_put_into_the_stream_hides_nothing(store: Store) -> None:
    keep(store, [b"no JSON", b'{"at": 1}', b"[]", b"\xff", b'{"at": "x"}'])
    say(store, "readable")

    page = log.list_lines(store, limit=5)

    assert texts(page) == ["readable"]


def test_ids_are_ordered_by_their_numbers() -> None:
    ids = ["9-9", "9-10", "10-0"]

    assert sorted(["10-0", "9-10", "9-9"], key=sort_key) == ids
