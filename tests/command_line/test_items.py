"""`trigger --items` and `--lines`, and `results`, against real services."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command_line.command import Donebit
from tests.stack import ask
from tests.web.real import RealServices


def item(services: RealServices, task_id: str, step: int) -> object:
    return ask("GET", f"{services.url('done')}/tasks/{task_id}/items/{step}").said["item"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "items"


def test_each_line_of_a_file_is_the_item_of_a_step(
    services: RealServices, donebit: Donebit, name: str, file: Path
) -> None:
    file.write_text('"a"\n"bc"\n"d\\n"\n')

    started = donebit("trigger", "--job", "length", "--items", file, "--task-id", name)
    again = donebit("trigger", "--job", "length", "--items", file, "--task-id", name, "--json")
    other = donebit("trigger", "--job", "length", "--items", file, "--task-id", name, "--label", "other")

    assert started.out == f"task {name}: 3 steps of length\n"
    assert (again.json["count"], again.json["state"]) == (3, "running")
    assert other.code == 3
    assert item(services, name, 2) == "d\n"


def test_lines_are_texts_whatever_they_look_like(
    services: RealServices, donebit: Donebit, name: str, file: Path
) -> None:
    file.write_bytes(b"7\r\n\n[1\nlast without an end")

    started = donebit("trigger", "--job", "length", "--lines", file, "--task-id", name, "--json")

    assert started.json["count"] == 4
    assert [item(services, name, step) for step in range(4)] == ["7", "", "[1", "last without an end"]


@pytest.mark.parametrize(("option", "first"), [("--items", "a"), ("--lines", '"a"')])
def test_a_byte_order_mark_is_no_part_of_the_first_item(
    services: RealServices, donebit: Donebit, name: str, file: Path, option: str, first: str
) -> None:
    file.write_bytes(b'\xef\xbb\xbf"a"\r\n"\xef\xbb\xbf"\r\n')

    started = donebit("trigger", "--job", "length", option, file, "--task-id", name, "--json")

    assert started.json["count"] == 2
    assert item(services, name, 0) == first
    assert "\ufeff" in str(item(services, name, 1))


def test_a_file_of_a_byte_order_mark_alone_has_no_items(donebit: Donebit, file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf")

    assert donebit("trigger", "--job", "length", "--lines", file, "--json").json["count"] == 0


def test_a_file_larger_than_a_request_is_sent_in_pieces(donebit: Donebit, name: str, file: Path) -> None:
    file.write_text("".join(f"{number:0100}\n" for number in range(30_000)))

    started = donebit("trigger", "--job", "length", "--lines", file, "--task-id", name, "--json")
    task = donebit("show", name, "--json").json

    assert started.json["count"] == task["count"] == 30_000
    assert task["open"] is False


def test_the_same_large_file_again_does_not_cancel_its_task(donebit: Donebit, name: str, file: Path) -> None:
    file.write_text("".join(f"{number:0100}\n" for number in range(30_000)))
    donebit("trigger", "--job", "length", "--lines", file, "--task-id", name)

    again = donebit("trigger", "--job", "length", "--lines", file, "--task-id", name)

    assert (again.code, "has items already" in again.err) == (3, True)
    assert donebit("show", name, "--json").json["state"] == "running"


@pytest.mark.parametrize(
    ("text", "option", "sentence"),
    [
        (b'"a"\nb\n', "--items", "line 2 is 'b'; it must be a JSON value (--lines takes lines as texts)"),
        (b'"a"\nNaN\n', "--items", "line 2 is 'NaN'; it must be a JSON value"),
        (b'"a"\n1e400\n', "--items", "line 2: 1e400 is out of range; a number must be within ±1.8e+308"),
        (b'{"a": 1, "a": 2}\n', "--items", "line 1: a is given twice in one object"),
        (b"ok\n\xff\n", "--lines", "line 2 is not UTF-8: it has the bytes ff"),
    ],
)
def test_a_line_that_does_not_fit_is_named_and_nothing_runs(
    donebit: Donebit, name: str, file: Path, text: bytes, option: str, sentence: str
) -> None:
    file.write_bytes(text)

    refused = donebit("trigger", "--job", "length", option, file, "--task-id", name)

    assert refused.code == 2
    assert sentence in refused.err
    assert donebit("show", name).code == 3


def test_a_bad_line_far_down_cancels_the_task_that_took_the_others(
    donebit: Donebit, name: str, file: Path
) -> None:
    file.write_text("".join(f'"{number:0100}"\n' for number in range(30_000)) + "bad\n")

    refused = donebit("trigger", "--job", "length", "--items", file, "--task-id", name)

    assert (refused.code, "line 30001 is 'bad'" in refused.err) == (2, True)
    assert donebit("show", name, "--json").json["state"] == "cancelled"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("3", "--items", "FILE"), "COUNT and --items cannot be given together."),
        (("--open", "--lines", "FILE"), "--open and --lines cannot be given together."),
        (("--items", "FILE", "--lines", "FILE"), "--items and --lines cannot be given together."),
        (("--items", "no-such-file"), "'no-such-file': No such file or directory"),
    ],
)
def test_ways_that_exclude_each_other_are_wrong_usage(
    donebit: Donebit, file: Path, given: tuple[str, ...], sentence: str
) -> None:
    file.write_text("1\n")

    refused = donebit("trigger", "--job", "length", *(str(file) if one == "FILE" else one for one in given))

    assert refused.code == 2
    assert sentence in refused.err


def test_items_without_a_job_are_wrong_usage(donebit: Donebit, file: Path) -> None:
    file.write_text("1\n")

    refused = donebit("trigger", "--items", file)

    assert (refused.code, "--items and --lines need --job" in refused.err) == (2, True)


def test_results_are_printed_in_the_order_of_the_steps(
    services: RealServices, donebit: Donebit, name: str
) -> None:
    donebit("trigger", 12, "--task-id", name)
    found = [{"step": step, "result": {"of": step}} for step in (11, 3, 0)]
    ask("POST", f"{services.url('done')}/tasks/{name}/steps", {"results": found})

    every, some = donebit("results", name, "--json"), donebit("results", name, "--steps", "3,5,11")

    assert every.lines == [{"step": step, "result": {"of": step}} for step in (0, 3, 11)]
    assert some.out == 'step 3: {"of": 3}\nstep 11: {"of": 11}\n'


def test_more_results_than_a_page_has_are_all_printed(
    services: RealServices, donebit: Donebit, name: str
) -> None:
    donebit("trigger", 10_001, "--task-id", name)
    for first in range(0, 10_001, 5_000):
        found = [{"step": step, "result": step} for step in range(first, min(first + 5_000, 10_001))]
        ask("POST", f"{services.url('done')}/tasks/{name}/steps", {"results": found})

    assert [one["step"] for one in donebit("results", name, "--json").lines] == list(range(10_001))


def test_a_task_without_results_says_so(donebit: Donebit, name: str) -> None:
    donebit("trigger", 3, "--task-id", name)

    assert donebit("results", name).out == "no step has a result\n"


def test_results_of_an_unknown_task_are_refused(donebit: Donebit) -> None:
    refused = donebit("results", "never-started")

    assert (refused.code, refused.out) == (3, "")
