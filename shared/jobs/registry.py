"""Which step function a job's name means, and whether parameters fit it."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from shared.completion.failing import Policy
from shared.config import Settings
from shared.errors import ConfigurationError, InvalidInput
from shared.names import checked_name
from shared.store.failures import MOST_ATTEMPTS

StepFunction = TypeVar("StepFunction", bound=Callable[..., object])
MARK = "__donebit_job__"
BUILT_IN = "shared.jobs.builtin"


@dataclass(frozen=True, slots=True)
class Terms:
    """What @job was told about its function."""

    name: str
    policy: Policy
    step_timeout: timedelta | None


@dataclass(frozen=True, slots=True)
class Job:
    """A step function under its name. What it returns is not kept: a step stores its own result."""

    name: str
    function: Callable[..., object]
    params: type[BaseModel]  # the function's keywords, as its signature types them
    policy: Policy
    step_timeout: timedelta | None

    @classmethod
    def of(cls, function: Callable[..., object]) -> Job:
        """The job that @job made of a function."""
        terms: Terms = getattr(function, MARK)
        return cls(terms.name, function, params_model(terms.name, function), terms.policy, terms.step_timeout)

    def check(self, params: Mapping[str, Any]) -> None:
        """Raise InvalidInput, naming each one at fault, when the function would not take these parameters."""
        try:
            # Strictly: the function is given them as they came, not as they could be read.
            self.params.model_validate(params, strict=True)
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
            )
            raise InvalidInput(f"params of job {self.name}: {faults}", field="params") from None


def params_model(name: str, function: Callable[..., object]) -> type[BaseModel]:
    """What a step function takes beside the step, as a model that can be checked before anything runs."""
    _, *keywords = inspect.signature(function, eval_str=True).parameters.values()
    free = any(one.kind is one.VAR_KEYWORD for one in keywords)
    fields: dict[str, Any] = {
        one.name: (
            Any if one.annotation is one.empty else one.annotation,
            ... if one.default is one.empty else one.default,
        )
        for one in keywords
        if one.kind is not one.VAR_KEYWORD
    }
    return create_model(name, __config__=ConfigDict(extra="allow" if free else "forbid"), **fields)


def job(
    name: str,
    *,
    max_attempts: int = 3,
    backoff: timedelta = timedelta(seconds=1),
    step_timeout: timedelta | None = None,
) -> Callable[[StepFunction], StepFunction]:
    """Make a function `(step, **params)` the job of this name. Called once a step, maybe more than once.

    Args:
        max_attempts: how often a step that raises, times out or kills its process is tried, 1 to 15. One
            that kills its process among the steps of a range runs once more: the first time, nobody knew.
        backoff: the pause before the second attempt, doubled before each further one, 10 minutes at most.
        step_timeout: how long one step may take; None for as long as it likes.

    Raises:
        InvalidInput: the name is none.
        ConfigurationError: attempts or a duration out of range.
    """
    checked_name(name, "job")
    if not 1 <= max_attempts <= MOST_ATTEMPTS:
        raise ConfigurationError(
            f"job {name}: max_attempts is {max_attempts}; it must be 1 to {MOST_ATTEMPTS}"
        )
    if backoff < timedelta(0) or (step_timeout is not None and step_timeout <= timedelta(0)):
        raise ConfigurationError(f"job {name}: backoff and step_timeout must not be negative")
    terms = Terms(name, Policy(max_attempts, backoff), step_timeout)

    def mark(function: StepFunction) -> StepFunction:
        setattr(function, MARK, terms)
        return function

    return mark


class Jobs:
    """The jobs of this process, by name."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._jobs: dict[str, Job] = {}
        for one in jobs:
            if one.name in self._jobs and self._jobs[one.name].function is not one.function:
                raise ConfigurationError(f"JOBS: two functions are named {one.name!r}")
            self._jobs[one.name] = one

    def find(self, name: str) -> Job:
        """The job. Raises InvalidInput for a name nobody registered."""
        if name not in self._jobs:
            known = ", ".join(sorted(self._jobs))
            raise InvalidInput(f"job is {name[:120]!r}; known are: {known}", field="job")
        return self._jobs[name]


def load(settings: Settings) -> Jobs:
    """The built-in jobs and those of the modules that JOBS names.

    Raises:
        ConfigurationError: a module cannot be imported, or a name is taken twice.
    """
    return Jobs(found for module in (BUILT_IN, *settings.jobs) for found in _jobs_of(module))


def _jobs_of(module: str) -> list[Job]:
    try:
        members = vars(importlib.import_module(module)).values()
    except ImportError as error:
        raise ConfigurationError(f"JOBS: module {module!r} cannot be imported: {error}") from error
    return [Job.of(member) for member in list(members) if hasattr(member, MARK)]
