"""What a program says where a package that it needs is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from donebit.errors import stop_program

OWN = ("donebit", "trigger_app", "done_app", "distinct_app")


@contextmanager
def needing(extra: str, what: str) -> Iterator[None]:
    """End the program with one sentence if a package is missing that is imported meanwhile.

    Args:
        extra: brings what is imported; several with commas between them
        what: needs it, as the sentence begins
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in OWN:
            raise
        stop_program(missing_extra(extra, what, error.name))


def missing_extra(extra: str, what: str, package: str | None) -> str:
    return f"{what} needs the extra `{extra}` ({package} is not installed): pip install 'donebit[{extra}]'"
