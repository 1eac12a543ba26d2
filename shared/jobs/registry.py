"""Which step function a job's name means, and whether parameters fit it."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from shared.config import Settings
from shared.errors import ConfigurationError, InvalidInput
from shared.names import checked_name

StepFunction = TypeVar("StepFunction", bound=Callable[..., object])
MARK = "__donebit_job__"
BUILT_IN = "shared.jobs.builtin"


@dataclass(frozen=True, slots=True)
class Job:
    """A step function under its name. What it returns is not kept: a step stores its own result."""

    name: str
    function: Callable[..., object]
    params: type[BaseModel]  # the function's keywords, as its signature types them

    @classmethod
    def of(cls, name: str, function: Callable[..., object]) -> Job:
        return cls(name, function, params_model(name, function))

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


def job(name: str) -> Callable[[StepFunction], StepFunction]:
    """Make a function `(step, **params)` the job of this name. Called once a step, maybe more than once."""
    checked_name(name, "job")

    def mark(function: StepFunction) -> StepFunction:
        setattr(function, MARK, name)
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
    return [Job.of(getattr(member, MARK), member) for member in list(members) if hasattr(member, MARK)]
