"""The arithmetic of the benchmarks and the page that they write; nothing is measured here."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from redis import Redis

from benchmarks import __main__ as benchmarks
from benchmarks import asked_meanwhile, fan_out, flatness, page
from benchmarks.celery_chord import state_bytes
from benchmarks.figures import Figure, bounded, compared, duration, size, table
from donebit.completion import lifecycle, reporting
from donebit.completion.spec import TaskSpec
from donebit.store import Store
from tests.completion.arranged import TTLS

EMPTY_PAGE = f"# Before\n\n{page.BEGIN}\n{page.END}\n\nAfter.\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(23.6e-9, "23.6 ns"), (34.7e-6, "34.7 us"), (999.6e-6, "1 ms"), (0.412, "412 ms"), (14.4, "14.4 s")],
)
def test_a_duration_has_three_figures_and_a_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("bytes_a_step", "text"), [(0.3016, "0.302 B"), (61.26, "61.3 B"), (1078, "1078 B")])
def test_bytes_a_step_have_three_figures_or_are_whole(bytes_a_step: float, text: str) -> None:
    assert size(bytes_a_step) == text


@pytest.mark.parametrize(("measured", "holds"), [(1.3, True), (1.31, False)])
def test_a_bound_holds_up_to_itself(measured: float, holds: bool) -> None:
    assert compared("a", measured, "b", 1.0, at_most=1.3).holds is holds
    assert bounded("a", measured, at_most=1.3).holds is holds


@pytest.mark.parametrize(
    ("measured", "text"), [(2.0, "2.00x"), (0.5, "0.50x"), (0.01, "1/100"), (1 / 4000, "1/4,000")]
)
def test_a_small_ratio_and_its_bound_are_shown_as_fractions(measured: float, text: str) -> None:
    figure = compared("a", measured, "b", 1.0, at_most=measured)

    assert (figure.ratio, figure.bound) == (text, text)


def test_a_bound_that_does_not_hold_is_printed_and_no_error() -> None:
    lines = table([bounded("slow", 2.0, at_most=1.0), bounded("quick", 0.5, at_most=1.0), Figure("a", "1")])

    assert [line.split("|")[-2].strip() for line in lines.splitlines()[2:]] == ["NO", "yes", ""]


def test_figures_replace_what_is_between_the_marks_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(EMPTY_PAGE)

    for measured in ("| first |", "| second \\1 |"):
        page.write(measured, file)

    assert file.read_text() == EMPTY_PAGE.replace(page.END, f"\n| second \\1 |\n\n{page.END}")


@pytest.mark.parametrize("text", ["", page.BEGIN, f"{page.END} {page.BEGIN}", EMPTY_PAGE + EMPTY_PAGE])
def test_a_page_without_its_marks_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    file = tmp_path / "page.md"
    file.write_text(text)

    with pytest.raises(ValueError, match=r"page\.md must have"):
        page.write("| measured |", file)

    assert file.read_text() == text


def test_the_page_has_marks_and_a_table_for_each_benchmark() -> None:
    text = page.PAGE.read_text()
    measured = text[text.index(page.BEGIN) : text.index(page.END)]

    assert [name for name in benchmarks.BENCHMARKS if f"**`{name}`**" not in measured] == []
    assert [name for name in benchmarks.BENCHMARKS if f"(`{name}`)" not in text] == []


def test_a_few_benchmarks_by_name_are_printed_and_the_page_stays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = page.PAGE.read_text()
    monkeypatch.setattr(flatness, "measure", lambda: [bounded("made up", 2.0, at_most=1.0)])

    ended = benchmarks.main(["flatness"])

    assert ended == 0
    assert "| made up | 2 s      |         |       | 1 s   | NO    |" in capsys.readouterr().out
    assert page.PAGE.read_text() == before


def test_a_whole_run_is_written_with_date_machine_and_versions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "page.md"
    file.write_text(EMPTY_PAGE)
    for module in benchmarks.MODULES:
        monkeypatch.setattr(module, "measure", lambda: [Figure("made up", "1 s")])

    benchmarks.main([], file)

    text = file.read_text()
    assert text.count("| made up | 1 s") == len(benchmarks.MODULES)
    assert all(
        part in text for part in (page.today(), " cores of ", "Python 3.", "Celery 5.", "Load average")
    )


def test_an_unknown_benchmark_is_refused_with_the_names_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmarks.main(["flatness", "nonsense"]) == 2

    said = capsys.readouterr().err
    assert "no benchmark nonsense; there are: one_completion, server_time, " in said


@pytest.mark.own_keys("celery*")
def test_a_tasks_state_is_all_of_its_keys_and_a_chords_all_but_the_brokers(real_client: Redis) -> None:
    task_id = asked_meanwhile.hold_task(Store.on(real_client))
    of_task = sum(real_client.memory_usage(key, samples=0) or 0 for key in real_client.keys(f"*{task_id}*"))
    real_client.set("celery-task-meta-1", "x" * 100)
    real_client.zadd("celery-taskset-meta-1.j", {"y" * 100: 1})
    of_chord = sum(real_client.memory_usage(key, samples=0) or 0 for key in real_client.keys("celery*"))
    real_client.rpush("celery", "a message")

    kept = (asked_meanwhile.own_bytes(real_client, task_id), state_bytes(real_client))

    assert kept == (of_task, of_chord)
    assert min(kept) > 0


def test_a_held_task_misses_the_steps_that_are_held_and_no_other(real_store: Store) -> None:
    task_id = asked_meanwhile.hold_task(real_store)

    assert asked_meanwhile.gaps(real_store, task_id) == list(asked_meanwhile.MISSING)
    assert asked_meanwhile.done(real_store, task_id) == asked_meanwhile.STEPS - len(asked_meanwhile.MISSING)


def test_ways_that_answer_differently_are_not_compared() -> None:
    answers = count()

    with pytest.raises(RuntimeError, match="how many: 0 here, 1 by the chord"):
        asked_meanwhile.asked("how many", lambda: next(answers), lambda: next(answers))


def test_the_longest_command_is_named_by_the_script_that_it_runs(
    real_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fan_out, "NOTED_FROM_MICROSECONDS", 0)
    store = Store.on(real_client)
    task = lifecycle.start(store, TaskSpec(20_000), ttls=TTLS, max_steps=20_000).task
    fan_out.note_slow_commands(real_client)

    reporting.report(store, task.id, range(10_000))
    name, _ = fan_out.longest_command(real_client)
    real_client.config_set("slowlog-log-slower-than", -1)

    assert name == "mark_steps"


@pytest.mark.parametrize("order", flatness.ORDERS)
@pytest.mark.parametrize("size", [flatness.SIZES[0], flatness.SIZES[-1]])
def test_every_step_that_flatness_reports_is_a_new_one(
    real_client: Redis, order: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[int] = []
    report = reporting.report

    def recorded(store: Store, task_id: str, *what: list[int], **more: object) -> reporting.Report:
        made = report(store, task_id, *what, **more)  # type: ignore[arg-type]  # as it was called
        if what:
            reported.append(made.fresh)
        return made

    monkeypatch.setattr(reporting, "report", recorded)

    seconds = flatness.completion(real_client, size, order)

    assert reported == [1] * flatness.CALLS
    assert seconds > 0
