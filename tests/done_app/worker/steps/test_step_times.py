"""How long steps took is known of each step, and costs quick ones next to nothing."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from done_app.worker.steps import runner
from done_app.worker.steps.outcome import RunOutcome
from done_app.worker.steps.run_counts import RunCounts, RunTotals
from done_app.worker.steps.step_times import BOUNDS
from donebit.completion.measures import STEP_TIMES, Tally
from tests.done_app.worker.steps.test_runner import MakeBench, bench

__all__ = ["bench"]
DURATIONS = st.lists(
    st.sampled_from([0.0, 0.0001, 0.0004, 0.0009, 0.0011, 0.004, 0.03, 0.09, 0.2]), min_size=1
)
EIGHTHS = st.integers(0, 10_000).map(lambda number: number / 8)  # of a second, whose sums are exact
RUNS = st.builds(
    RunCounts,
    job=st.just("a"),
    done=st.integers(1, 5),
    retried=st.integers(0, 5),
    gave_up=st.integers(0, 5),
    times=st.lists(st.integers(0, 3), min_size=len(BOUNDS) + 1, max_size=len(BOUNDS) + 1),
    seconds=EIGHTHS,
    waited=st.none() | EIGHTHS,
)


class Ticking:
    """A clock that only the steps move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def buckets_of(durations: list[float]) -> list[int]:
    upto = [sum(one <= bound for one in durations) for bound in BOUNDS] + [len(durations)]
    return [upto[0], *(later - sooner for sooner, later in itertools.pairwise(upto))]


@pytest.mark.usefixtures("ends_in_time", "reports_in_time")
@pytest.mark.parametrize("options", [{}, {"keep_results": True}, {"step_timeout": timedelta(seconds=9)}])
@given(durations=DURATIONS, failing=st.sets(st.integers(0, 20)))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_step_that_was_done_is_in_its_bucket(
    bench: MakeBench,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, bool],
    durations: list[float],
    failing: set[int],
) -> None:
    clock = Ticking()
    monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=clock.monotonic))
    ran: list[int] = []

    def step_of(step: int) -> None:
        clock.now += durations[step]
        if step in failing:
            raise ValueError(step)
        ran.append(step)

    outcome = bench(len(durations), step_of).run(0, len(durations), max_attempts=1, **options)

    taken = [durations[step] for step in ran]
    assert outcome.times.buckets == buckets_of(taken)
    assert outcome.times.seconds == pytest.approx(sum(taken), abs=1e-6)
    assert len(outcome.done) == len(ran)


def test_a_run_says_what_it_did_in_numbers(bench: MakeBench) -> None:
    def step_of(step: int) -> None:
        if step == 1:
            raise ValueError("no")

    given_up, retried = (counts_of(bench(3, step_of).run(0, 3, max_attempts=most)) for most in (1, 2))

    assert given_up["steps"] == retried["steps"] == 2
    assert (given_up["step_failures"], retried["step_retries"]) == (1, 1)
    assert "step_retries" not in given_up
    assert "step_failures" not in retried
    assert (
        sum(n for name, n in given_up.items() if name.startswith(STEP_TIMES.name) and "us" not in name) == 2
    )


def counts_of(outcome: RunOutcome) -> dict[str, int]:
    return figures_of([outcome.counts("a", None)])


def figures_of(runs: Sequence[RunCounts]) -> dict[str, int]:
    totals, tally = RunTotals("a"), Tally()
    for run in runs:
        totals.add(run)
    totals.add_to(tally)
    assert {one.job for one in tally} == {"a"}
    return {one.name: one.amount for one in tally}


@given(st.lists(RUNS, min_size=1))
def test_the_totals_of_runs_are_the_sums_of_what_each_did(runs: list[RunCounts]) -> None:
    sums: Counter[str] = Counter()
    for run in runs:
        sums.update(figures_of([run]))

    assert figures_of(runs) == sums
