"""Results are a sequence in the order of their steps, whatever order they came in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from donebit import Results, job
from donebit.errors import ConfigurationError, InvalidInput
from donebit.jobs.registry import Job
from donebit.results import StoredResults


def test_results_are_in_the_order_of_their_steps() -> None:
    results = Results([(7, "c"), (0, "a"), (3, "b")])

    assert list(results) == ["a", "b", "c"]
    assert results.steps == (0, 3, 7)
    assert list(results.items()) == [(0, "a"), (3, "b"), (7, "c")]
    assert (results[1], results[-1], results[:2], len(results)) == ("b", "c", ("a", "b"), 3)


def test_numbers_can_be_summed() -> None:
    assert sum(Results({2: 5, 1: 7})) == 12


def test_no_results_are_an_empty_sequence() -> None:
    assert not Results[int]()


def parts() -> Iterator[tuple[list[int], list[str]]]:
    yield [0, 3], ["a", "b"]
    yield [7], ["c"]


def test_stored_results_are_read_each_time_they_are_gone_through() -> None:
    results = StoredResults(parts, lambda: 3)

    assert [list(results), list(results)] == [["a", "b", "c"]] * 2
    assert list(results.items()) == [(0, "a"), (3, "b"), (7, "c")]
    assert (results.steps, len(results)) == ((0, 3, 7), 3)
    assert (results[1], results[-1], results[1:], results[::-2]) == ("b", "c", ("b", "c"), ("c", "a"))
    for index in (3, -4):
        with pytest.raises(IndexError):
            results[index]


def test_stored_results_are_searched_and_reversed_in_one_reading() -> None:
    readings: list[int] = []

    def read() -> Iterator[tuple[list[int], list[str]]]:
        readings.append(1)
        return parts()

    results = StoredResults(read, lambda: 3)

    assert (results.index("c"), results.index("b", -2), results.index("b", 0, 2)) == (2, 1, 1)
    assert list(reversed(results)) == ["c", "b", "a"]
    assert len(readings) == 4
    for given in (("d",), ("a", 1), ("c", 0, -1)):
        with pytest.raises(ValueError, match="is not one of the results"):
            results.index(*given)


def test_a_parameter_takes_in_results_by_its_annotation_alone() -> None:
    @job("total")
    def total(step: int, *, counts: Results[int], results: str) -> None: ...

    made = Job.from_function(total)

    assert made.results_name == "counts"
    assert made.convert_params({"results": "a"}) == {"results": "a"}
    with pytest.raises(InvalidInput, match="counts is the results and cannot be given"):
        made.convert_params({"results": "a", "counts": [1]})


def test_a_job_takes_in_the_results_of_one_task() -> None:
    @job("total")
    def total(step: int, *, one: Results[int], other: Results[int]) -> None: ...

    with pytest.raises(ConfigurationError, match="one and other both take in results"):
        Job.from_function(total)
