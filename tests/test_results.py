"""Results are a sequence in the order of their steps, whatever order they came in."""

from __future__ import annotations

import pytest

from donebit import Results, job
from donebit.errors import ConfigurationError
from donebit.jobs.registry import Job


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


def test_a_job_that_takes_results_is_refused_with_the_reason() -> None:
    @job("total")
    def total(step: int, *, results: Results[int]) -> None: ...

    with pytest.raises(ConfigurationError, match="job total: results takes in results"):
        Job.from_function(total)
