"""What a step raised: whether it is the end of its process, and what it says."""

from __future__ import annotations

import traceback

from billiard.common import terminate_handler_fired  # type: ignore[attr-defined]  # its stubs are older

from donebit.completion.failing import MAX_TRACEBACK_LENGTH
from donebit.completion.reading import ResultsGone
from donebit.completion.results import ResultRefused
from donebit.jobs.unawaited import NothingRan
from donebit.utf8 import shortened


def raise_if_ending(error: BaseException) -> None:
    """Raise an exception again when this process is asked to end.

    SIGTERM to a process of the pool raises SystemExit in the middle of a step, whose cleanup may turn it into
    something else. All that is raised otherwise is the step's own failure: SystemExit from `sys.exit`, and
    KeyboardInterrupt too, as processes of the pool ignore Ctrl-C.
    """
    if terminate_handler_fired():
        raise error


def describe_error(error: BaseException) -> str:
    """An exception's type and text, without the middle of a long one; the text of some cannot be read."""
    if isinstance(error, (NothingRan, ResultRefused, ResultsGone)):
        return str(error)
    try:
        text = str(error)
    except BaseException as unreadable:  # it may be of any kind, and is no more the end of the process
        raise_if_ending(unreadable)
        return f"{name_of(type(error))}, whose text cannot be read"
    return f"{name_of(type(error))}: {shortened(text, MAX_TRACEBACK_LENGTH)}"


def name_of(kind: type[BaseException]) -> str:
    """The name of a class; its own `__name__` may be something else, or raise."""
    return str(type.__dict__["__name__"].__get__(kind))


def describe_traceback(error: BaseException | None) -> str:
    """Where an exception came from, as Python prints it; empty for none, or if that cannot be printed."""
    if error is None:
        return ""
    try:
        return "".join(traceback.format_exception(error))
    except Exception:
        return ""
