"""What all calls that change a task have in common: their token, and how they are refused."""

from __future__ import annotations

import hashlib
import secrets
from typing import Protocol, TypeVar

from donebit.errors import Conflict, InvalidInput, NotFound
from donebit.store.answers import ExtendResult, ExtendStatus


def call_token(reply_key: str | None, *content: object) -> str:
    """A token for a call: random, or made of the reply key and the content if there is a key."""
    if reply_key is None:
        return secrets.token_hex(16)
    return hashlib.sha256(repr((reply_key, *content)).encode()).hexdigest()[:32]


def key_reused(reply_key: str | None) -> InvalidInput:
    return InvalidInput(
        f"Idempotency-Key is {reply_key!r}, which was used for another request",
        field="Idempotency-Key",
    )


class ChangeAnswer(Protocol):
    """What a script answered that changes a task."""

    @property
    def reused(self) -> bool: ...


Answer = TypeVar("Answer", bound=ChangeAnswer)


def known(answer: Answer | None, task_id: str, reply_key: str | None) -> Answer:
    """The answer about a task that exists, to this very request.

    Args:
        answer: of the store; None for an unknown task.

    Raises:
        NotFound: no such task.
        InvalidInput: the reply key was used for another request.
    """
    if answer is None:
        raise unknown_task(task_id)
    if answer.reused:
        raise key_reused(reply_key)
    return answer


def unknown_task(task_id: str) -> NotFound:
    return NotFound(f"no task {task_id} is known, or it has expired", field="task_id")


def not_extended(task_id: str, answer: ExtendResult, expected: int | None) -> Conflict:
    """The refusal of steps, with items or without, for the state of a task or for its count."""
    if answer.status is ExtendStatus.STATE:
        return Conflict(f"task {task_id} is {answer.state}; only a running task can be extended")
    return Conflict(f"task {task_id} has {answer.steps} steps, not {expected} as `from` says")


def no_such_step(task_id: str, step: int, count: int) -> InvalidInput:
    if count == 0:
        return InvalidInput(f"task {task_id} has no steps", field="step")
    return InvalidInput(
        f"step {step} is not a step of task {task_id}: its steps are 0 to {count - 1}", field="step"
    )
