"""Finds a job's step function by name and checks parameters against it."""

from __future__ import annotations

import importlib
import inspect
import json
import logging
import sys
import traceback
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MethodType
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from donebit import logs, wording
from donebit.config import Settings
from donebit.errors import ConfigurationError, DonebitError, InvalidInput
from donebit.exceptions import describe
from donebit.jobs.decorator import MARK, JobOptions
from donebit.jobs.item_type import ItemType
from donebit.jobs.signature import read_signature
from donebit.jobs.unawaited import refuse_asynchronous
from donebit.json_reading import refuse_nested
from donebit.priority import NORMAL, Priority
from donebit.retry_policy import RetryPolicy

BUILT_IN = "donebit.jobs.builtin"
log = logging.getLogger(__name__)

MOVE_IT = "a job is a function of the module itself"
ON_THE_PATH = "it must be installed, or in the folder in which `python -m` is started"
MOVED = "`from shared.jobs import job` is `from donebit import job` since Donebit 0.2"


@dataclass(frozen=True, slots=True)
class Job:
    """A step function under its name. What it returns is kept if it was decorated so."""

    name: str
    function: Callable[..., object]
    step_name: str  # the name of its first parameter; empty if it is positional only
    params: type[BaseModel]  # a model of the function's keyword parameters
    retry_policy: RetryPolicy
    step_timeout: timedelta | None
    keep_results: bool = False
    results_name: str = ""  # the parameter that is given the results of the task before; empty for none
    item: ItemType | None = None  # of each step's own input; None for a function that takes none
    max_concurrency: int | None = None  # steps of it that run at once, of all tasks on all workers
    priority: Priority = NORMAL  # of its tasks that are started without one

    @property
    def needs_only_count(self) -> bool:
        """Whether a number of steps and parameters start it: it takes neither items nor results."""
        return self.item is None and not self.results_name

    @classmethod
    def from_function(cls, function: Callable[..., object]) -> Job:
        """The job of a function that has been decorated with @job.

        Raises:
            ConfigurationError: its parameters cannot be read, or it returns before its work is done.
        """
        options: JobOptions = getattr(function, MARK)
        refuse_asynchronous(options.name, function)  # again, as a decorator may stand above @job
        signature = read_signature(options.name, function)
        return cls(
            options.name,
            function,
            signature.step_name,
            signature.params,
            options.retry_policy,
            options.step_timeout,
            options.keep_results,
            signature.results_name,
            signature.item,
            options.max_concurrency,
            options.priority,
        )

    def convert_params(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Convert JSON parameters to the types of the function's signature, such as UUID or a model.

        Raises:
            InvalidInput: the function does not take them; the message names each one at fault.
        """
        item_name = "item" if self.item else ""
        for name, what in (
            (self.step_name, "the step itself"),
            (item_name, "the step's input"),
            (self.results_name, "the results"),
        ):
            if name and name in params:
                raise InvalidInput(
                    f"params of job {self.name}: {name} is {what} and cannot be given", field="params"
                )
        try:
            # Strictly: "1" is not a number. And as JSON, in which a UUID or a time can only be a string.
            model = self.params.model_validate_json(self._as_json(params), strict=True)
        except ValidationError as error:
            faults = "; ".join(map(self._fault, error.errors()))
            raise InvalidInput(f"params of job {self.name}: {faults}", field="params") from None
        fields = self.params.model_fields.items()
        named = {info.alias: getattr(model, field) for field, info in fields if info.alias}
        return {name: value for name, value in named.items() if name in params} | (model.model_extra or {})

    def _fault(self, error: ErrorDetails) -> str:
        """Say what is wrong with one parameter; of an unknown one, which there are."""
        name = ".".join(map(str, error["loc"]))
        if error["type"] == "missing":
            return f"missing parameter {name}"
        if error["type"] == "extra_forbidden" and len(error["loc"]) == 1:
            fields = self.params.model_fields.items()
            known = ", ".join(info.alias or key for key, info in fields)
            return f"unknown parameter {name} ({f'known: {known}' if known else 'the job takes none'})"
        return wording.sentence(name, error)

    def _as_json(self, params: Mapping[str, Any]) -> str:
        try:
            text = json.dumps(dict(params), ensure_ascii=False, allow_nan=False)
            text.encode()
            refuse_nested([params], text)
        except ValueError as error:
            raise InvalidInput(
                f"params of job {self.name} cannot be written as JSON: {error}", field="params"
            ) from None
        return text


class Jobs:
    """The jobs of this process, by name."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._jobs: dict[str, Job] = {}
        for one in jobs:
            before = self._jobs.setdefault(one.name, one)
            if before.function is not one.function:
                both = f"{_origin(before.function)} and {_origin(one.function)}"
                raise ConfigurationError(f"JOBS: two functions are named {one.name!r}: {both}")

    def __contains__(self, name: object) -> bool:
        return name in self._jobs

    def __iter__(self) -> Iterator[Job]:
        return iter(sorted(self._jobs.values(), key=lambda one: one.name))

    def find(self, name: str) -> Job:
        """Find a job by name.

        Raises:
            InvalidInput: no job of this name is registered.
        """
        if name not in self._jobs:
            known = ", ".join(sorted(self._jobs))
            raise InvalidInput(f"job is {name[:120]!r}; known are: {known}", field="job")
        return self._jobs[name]


def _origin(function: Callable[..., object]) -> str:
    """Where a function is defined, as far as it says so; of what else can be called, its class."""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{function.__module__}.{name}"


def load_jobs(settings: Settings) -> Jobs:
    """The built-in jobs and those of the modules that JOBS names.

    Raises:
        ConfigurationError: a module cannot be imported, or two functions have the same name.
    """
    return _together(_jobs_by_module(settings))


def check_jobs(settings: Settings) -> Jobs:
    """As `load_jobs`, at the start of a program, with a warning for each module that has no job."""
    found = _jobs_by_module(settings)
    for module, of_module in found.items():
        if not of_module:
            log.warning("JOBS: module %r has no job: none of its functions is decorated with @job", module)
        for method, name in _methods_with_a_name(module, {one.name for one in of_module}):
            log.warning("JOBS: module %r has no job %r: %s is in a class; %s", module, name, method, MOVE_IT)
    jobs = _together(found)
    for package, name, module in _left_below(settings.jobs, jobs):
        log.warning("JOBS: package %r has no job %r: it is in %r, to be named too", package, name, module)
    return jobs


def _together(found: Mapping[str, Iterable[Job]]) -> Jobs:
    return Jobs(one for of_module in found.values() for one in of_module)


def _jobs_by_module(settings: Settings) -> dict[str, list[Job]]:
    found = {module: _jobs_of(module) for module in (BUILT_IN, *settings.jobs)}
    logs.restore()  # which a module may have configured
    return found


def _jobs_of(module: str) -> list[Job]:
    try:
        members = vars(importlib.import_module(module)).values()
    except DonebitError:  # of @job, which says all there is to say
        raise
    except ImportError as error:
        raise _not_imported(module, f"{error}{_advice(module, error.name)}") from error
    except (Exception, SystemExit) as error:  # of the module's own code
        why = f"{describe(error)}{_place_of(error)}{_advice(module, None)}"
        raise _not_imported(module, why) from error
    return [Job.from_function(member) for member in list(members) if _is_job(member)]


def _not_imported(module: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"JOBS: module {module!r} cannot be imported: {why}")


def _advice(module: str, missing: str | None) -> str:
    """What to do about a module that cannot be imported, after a semicolon; empty where that is plain.

    Args:
        missing: what was not found: the module, its package, or what the module itself imports.
    """
    # In a clone, shared/jobs.py says so itself; beside an installed package there is no `shared`.
    if missing in ("shared", "shared.jobs"):
        return f"; {MOVED}"
    if "/" in module or module.startswith(".") or module.endswith(".py"):
        as_imported = module.removesuffix(".py").strip("./").replace("/", ".")
        return f"; JOBS takes the names of modules, as in `import {as_imported}`"
    if missing is not None and f"{module}.".startswith(f"{missing}."):
        return f"; {ON_THE_PATH}"
    return ""


def _methods_with_a_name(module: str, found: Container[str]) -> Iterator[tuple[str, str]]:
    """The methods of a module's own classes that are decorated with @job, each with the name of that job.

    Args:
        found: the names of the jobs that the module has all the same.
    """
    for owner in list(vars(sys.modules[module]).values()):
        # Its type is asked, as it may be a proxy. What is imported is another module's.
        if issubclass(type(owner), type) and owner.__module__ == module:
            for name, member in vars(owner).items():
                function = member.__func__ if type(member) in (staticmethod, classmethod) else member
                options = inspect.getattr_static(function, MARK, None)
                if options is not None and options.name not in found:
                    yield f"{owner.__name__}.{name}", options.name


def _left_below(packages: Iterable[str], found: Container[str]) -> Iterator[tuple[str, str, str]]:
    """The jobs of modules that a package of JOBS imports and JOBS does not name: package, job, module."""
    for package in packages:
        below = [(name, one) for name, one in sys.modules.items() if name.startswith(f"{package}.")]
        for name, module in sorted(below):
            members = getattr(module, "__dict__", {}).values()
            own = [one for one in members if _is_job(one) and one.__module__ == name]
            for job in dict.fromkeys(getattr(one, MARK).name for one in own):
                if job not in found:
                    yield package, job, name


def _place_of(error: BaseException) -> str:
    """Which line of a module led to an error; empty if none did, as for a SyntaxError, whose text has it."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    return next((f" ({one.filename}, line {one.lineno})" for one in frames if one.name == "<module>"), "")


def _is_job(member: object) -> bool:
    """Whether it is decorated with @job. What else a module has may be a proxy, which must not be asked."""
    function = member.__func__ if type(member) is MethodType else member
    return inspect.getattr_static(function, MARK, None) is not None
