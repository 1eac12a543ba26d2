"""`@job`, as a user's own module imports it: the standard library alone, so that it loads anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from donebit.errors import ConfigurationError
from donebit.jobs.unawaited import refuse_asynchronous
from donebit.names import checked_name
from donebit.priority import NORMAL, PRIORITIES, Priority
from donebit.retry_policy import MOST_ATTEMPTS, RetryPolicy

StepFunction = TypeVar("StepFunction", bound=Callable[..., object])
MARK = "__donebit_job__"


@dataclass(frozen=True, slots=True)
class JobOptions:
    """The options that @job was given for a function."""

    name: str
    retry_policy: RetryPolicy
    step_timeout: timedelta | None
    keep_results: bool
    max_concurrency: int | None
    priority: Priority


def job(
    name: str,
    *,
    max_attempts: int = 3,
    backoff: timedelta = timedelta(seconds=1),
    step_timeout: timedelta | None = None,
    keep_results: bool = False,
    max_concurrency: int | None = None,
    priority: Priority = NORMAL,
) -> Callable[[StepFunction], StepFunction]:
    """Make a function `(step, **params)` the job of this name.

    The function is called once for each step, and again after a crash between its work and the moment its
    bit is set. When it returns, the step is done: a plain function that does its work itself.

    Args:
        name: the job's name, 1 to 100 of A-Z a-z 0-9 . _ -
        max_attempts: how often a step that raises, times out or kills its process is tried, 1 to 15. A step
            that kills its process while it runs in a range with others is tried once more than this,
            because it is not known at first which step of the range was the cause.
        backoff: the pause before the second attempt; doubled before each further one, at most 10 minutes.
        step_timeout: how long one step may take; None for no limit.
        keep_results: whether to keep what the function returns, which must then be a JSON value.
        max_concurrency: how many of its steps run at once, of all tasks on all workers; None for any number.
        priority: of its tasks that are started without one; steps of "high" do not wait for normal ones.

    Returns:
        A decorator that marks the function and returns it unchanged. It raises ConfigurationError for a
        coroutine function or a generator function, which returns before its work is done.

    Raises:
        InvalidInput: the name is not allowed.
        ConfigurationError: an option is of another type or out of range, or there is no such priority.
    """
    policy = RetryPolicy(max_attempts, backoff)
    options = _checked(JobOptions(name, policy, step_timeout, keep_results, max_concurrency, priority))
    return lambda function: _mark(function, options)


def _mark(function: StepFunction, options: JobOptions) -> StepFunction:
    refuse_asynchronous(options.name, function)
    _refuse_second_name(options.name, function)
    try:
        setattr(function, MARK, options)
    except (AttributeError, TypeError) as error:  # a method of an object, or something built in
        raise ConfigurationError(f"job {options.name}: {function!r:.100} cannot be a job: {error}") from None
    return function


def _refuse_second_name(name: str, function: Callable[..., object]) -> None:
    """Refuse a function that is another job, which would be lost without a word."""
    own = getattr(function, "__dict__", {})
    before = own.get(MARK)
    copied = own.get("__wrapped__")  # whose attributes `functools.wraps` copies
    if before is None or before.name == name or getattr(copied, MARK, None) is before:
        return
    raise ConfigurationError(
        f"job {name}: its function is the job {before.name} already; each job needs a function of its own"
    )


def _checked(options: JobOptions) -> JobOptions:
    _check_types(options)
    name, policy = checked_name(options.name, "job"), options.retry_policy
    if not 1 <= policy.max_attempts <= MOST_ATTEMPTS:
        raise ConfigurationError(
            f"job {name}: max_attempts is {policy.max_attempts}; it must be 1 to {MOST_ATTEMPTS}"
        )
    timeout, most = options.step_timeout, options.max_concurrency
    if policy.backoff < timedelta(0) or (timeout is not None and timeout <= timedelta(0)):
        raise ConfigurationError(f"job {name}: step_timeout must be above 0; backoff must not be negative")
    if most is not None and most < 1:
        raise ConfigurationError(f"job {name}: max_concurrency is {most}; it must be 1 or more")
    if options.priority not in PRIORITIES:
        known = " or ".join(PRIORITIES)
        raise ConfigurationError(f"job {name}: priority is {options.priority!r}; it must be {known}")
    return options


def _check_types(options: JobOptions) -> None:
    """Refuse what Python itself would refuse by its operators, or take for something else."""
    policy = options.retry_policy
    number, duration = "an integer", "a timedelta, such as timedelta(seconds=30)"
    for field, given, kind, what in (
        ("name", options.name, str, 'a text, as in @job("resize")'),  # a function where it has no parentheses
        ("max_attempts", policy.max_attempts, int, number),
        ("backoff", policy.backoff, timedelta, duration),
        ("step_timeout", options.step_timeout, timedelta | None, duration),
        ("keep_results", options.keep_results, bool, "True or False"),
        ("max_concurrency", options.max_concurrency, int | None, number),
    ):
        if not isinstance(given, kind) or (what is number and isinstance(given, bool)):
            raise ConfigurationError(
                f"job {options.name!s:.100}: {field} is {given!r:.100}; it must be {what}"
            )
