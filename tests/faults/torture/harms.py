"""What a harm is, whatever it is done to, and how long reports may take because of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

Harmed = TypeVar("Harmed")

PARTED_SECONDS = 10.0
SERVING_SECONDS = 2.0  # that a report, or a new task, may take beyond


def nothing() -> None:
    """There is nothing to be mended."""


class Aftermath(NamedTuple):
    """What a harm leaves.

    Attributes:
        served_from: when all is served again, as far as that is what is waited for; 0 where a report
            may take no longer from its beginning on
        lost: between which moments reports were acknowledged that may be lost
        working_from: when broker and store served again, for workers who are at it meanwhile
        begun: a task of workers that was begun meanwhile, if one was
        mend: what is to be done once a new task has run
    """

    served_from: float = 0.0
    lost: tuple[float, float] = (0.0, 0.0)
    working_from: float = 0.0
    begun: str = ""
    mend: Callable[[], None] = nothing


class Harm(NamedTuple, Generic[Harmed]):
    """Something that is done to what is reported to.

    Attributes:
        outage_seconds: that a report takes at most
        replicas: by how many each change is to be confirmed
    """

    act: Callable[[Harmed], Aftermath]
    outage_seconds: float
    replicas: int = 0
