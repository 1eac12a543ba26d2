"""What a step raised: whether it is the end of its process, and what it says."""

from __future__ import annotations

import traceback

from billiard.common import terminate_handler_fired  # type: ignore[attr-defined]  # its stubs are older

from donebit.completion.failing import MAX_TRACEBACK_LENGTH
from donebit.completion.reading import ResultsGone
from donebit.completion.results import ResultRefused
from donebit.exceptions import describe, without_text
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
    try:
        if isinstance(error, (NothingRan, ResultRefused, ResultsGone)):
            return str(error)
        return shortened(describe(error), MAX_TRACEBACK_LENGTH)
    except BaseException as unreadable:  # it may be of any kind, and is no more the end of the process
        raise_if_ending(unreadable)
        return without_text(error)


def describe_traceback(error: BaseException | None) -> str:
    """Where an exception came from, as Python prints it, without the middle of a long one.

    Empty for none, or if it cannot be printed.
    """
    if error is None:
        return ""
    try:
        return shortened("".join(traceback.format_exception(error)), MAX_TRACEBACK_LENGTH)
    except BaseException as unprintable:  # as above
        raise_if_ending(unprintable)
        return ""
