"""The roles of tokens, and what a route asks of its caller."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from donebit.access.sessions import DashboardSession


class Role(StrEnum):
    """What a token may do; each role may also do everything that those before it may."""

    READ = "read"
    REPORT = "report"
    TRIGGER = "trigger"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        """Whether a token of this role may do what `needed` is asked for."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


class Open(StrEnum):
    """What a route that needs no role does with a caller."""

    ANYONE = "anyone"
    PAGE = "page"  # shown to the role `read`; anyone else is led to the sign-in


class Narrow(StrEnum):
    """What a route asks that also takes a token which is good for one thing only."""

    TASK = "task"  # the role `report`, or the report token of the task that it is about


Need = Role | Open | Narrow


@dataclass(frozen=True, slots=True)
class Caller:
    """The one who sent a request.

    Attributes:
        name: of the token
        role: of the token
        fingerprint: of the token, by which sessions name it
        session: of the dashboard, where the request has its cookie and no token
        task_id: of the only task that may be reported to; None for a token that has a role
        nonce: of that task: no later one under its id may be reported to; empty for a token that has a role
    """

    name: str
    role: Role
    fingerprint: str
    session: DashboardSession | None = None
    task_id: str | None = None
    nonce: str = ""
