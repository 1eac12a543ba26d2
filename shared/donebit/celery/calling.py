"""Calling the body of an ended chord: by the process that ended it, or by the sweep if that one died."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any, Protocol

from celery import Celery, states
from celery.canvas import Signature
from celery.exceptions import ChordError

from donebit.celery import signatures
from donebit.completion import chords
from donebit.completion.chords import ChordTasks, Taken

CALL = "donebit.call_chord"  # the Celery task that asks whether a body has begun, and else calls it
ASKED_LEASE = timedelta(minutes=10)  # then it is asked again
ROUTING = ("queue", "exchange", "routing_key", "priority")

log = logging.getLogger(__name__)


class ChordBackend(Protocol):
    """What calling needs of the result backend."""

    app: Celery

    @property
    def chords(self) -> ChordTasks: ...
    @property
    def claim(self) -> timedelta: ...
    def gathered(self, group_id: str) -> list[Any]: ...
    def preserve(self, group_id: str) -> None: ...
    def publish_claim(self, body: Signature[Any]) -> timedelta: ...
    def chord_error_from_stack(self, callback: Signature[Any], exc: Any = ...) -> Any: ...
    def get_task_meta(self, task_id: str, cache: bool = ...) -> Any: ...  # noqa: FBT001  # as Celery has it


def call_body(backend: ChordBackend, group_id: str, body: Signature[Any], token: str) -> None:
    """Call the body with the results of an ended chord, or its errbacks if a part failed.

    Args:
        token: of the caller, who has claimed the chord
    """
    results, error = _gathered(backend, group_id)
    nonce = backend.chords.hold(group_id, token, backend.publish_claim(body))
    if nonce is None:
        log.warning("another process has taken over calling chord %s", group_id)
        return
    try:
        error = error or _publish(backend.app, group_id, signatures.marked(body, group_id, nonce), results)
        if error:
            backend.preserve(group_id)
            raise error  # for Celery takes the traceback from the exception that is being handled
    except ChordError as raised:
        backend.chord_error_from_stack(body, raised)
    finally:
        backend.chords.close(group_id, token)


def call_ended(backend: ChordBackend, task_id: str, *, asked: bool = False) -> bool:
    """Call the body of an ended chord by what is kept of it, unless another process does.

    Args:
        asked: the question went through the queue: a body that was sent before has begun.

    Returns:
        whether this call did
    """
    token = chords.new_token()
    taken = backend.chords.take(task_id, token, backend.claim)
    if taken is Taken.NO:
        return False
    found = backend.chords.body(task_id)
    if found is None:
        backend.chords.forget(task_id)
        return False
    group_id, text = found
    body = signatures.unpacked(backend.app, text)
    if taken is Taken.PERHAPS_CALLED:
        if _has_begun(backend, body):
            backend.chords.close(group_id, token)
            return False
        if not asked:
            _ask(backend, group_id, body, token)
            return False
    log.warning("the body of chord %s was not called by the process that ended it: calling it now", group_id)
    call_body(backend, group_id, body, token)
    return True


def _ask(backend: ChordBackend, group_id: str, body: Signature[Any], token: str) -> None:
    """Ask through the body's queue whether it has begun, for it may wait there for others."""
    backend.chords.hold(group_id, token, ASKED_LEASE)
    first = signatures.first_of(body)
    options = {name: first.options[name] for name in ROUTING if name in first.options}
    routed = backend.app.amqp.router.route(options, str(first.task))
    backend.app.send_task(CALL, (chords.task_id_of(group_id),), **routed)


def _gathered(backend: ChordBackend, group_id: str) -> tuple[list[Any], ChordError | None]:
    try:
        return backend.gathered(group_id), None
    except ChordError as error:
        log.exception("Chord %r raised: %r", group_id, error)
        return [], error
    except Exception as error:
        log.exception("Chord %r raised: %r", group_id, error)
        return [], ChordError(f"Join error: {error!r}")


def _publish(app: Celery, group_id: str, body: Signature[Any], results: list[Any]) -> ChordError | None:
    """Send the body's message; what went wrong, if anything did."""
    retry = getattr(app.amqp, "_retry_publish", None)
    try:
        if retry is None:  # Celery 5.6
            body.delay(results)
        else:
            retry(body.delay, results)
    except Exception as error:
        log.exception("Chord callback for %r raised: %r", group_id, error)
        return ChordError(f"Callback error: {error!r}")
    return None


def _has_begun(backend: ChordBackend, body: Signature[Any]) -> bool:
    """Whether a body that may have been published has begun since: then its message was sent."""
    first = signatures.first_of(body)
    return first.id is not None and backend.get_task_meta(first.id)["status"] != states.PENDING
