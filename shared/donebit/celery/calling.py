"""Calling the body of an ended chord: by the process that ended it, or by the sweep if that one died."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

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


class KeptOfChord(NamedTuple):
    """What is kept of an ended chord.

    Attributes:
        header: as Celery encodes it, if it is nested
        results: as Celery encodes them, in their order
    """

    header: bytes | str | None
    record: dict[str, str]
    results: list[bytes]


class ChordBackend(Protocol):
    """What calling needs of the result backend."""

    app: Celery

    @property
    def chords(self) -> ChordTasks: ...
    @property
    def claim(self) -> timedelta: ...
    def insist(self, operation: Callable[[], Any]) -> Any: ...
    def kept(self, group_id: str) -> KeptOfChord: ...
    def gathered(self, group_id: str, kept: KeptOfChord) -> list[Any]: ...
    def preserve(self, group_id: str) -> None: ...
    def publish_claim(self, body: Signature[Any]) -> timedelta: ...
    def chord_error_from_stack(self, callback: Signature[Any], exc: Any = ...) -> Any: ...
    def get_task_meta(self, task_id: str, cache: bool = ...) -> Any: ...  # noqa: FBT001  # as Celery has it


def call_body(backend: ChordBackend, group_id: str, body: Signature[Any], token: str) -> bool:
    """Call the body with the results of an ended chord, or its errbacks if a part failed.

    Args:
        token: of the caller, who has claimed the chord

    Returns:
        whether this call did; a sweep does where it could not
    """
    try:
        return _call(backend, group_id, body, token)
    except Exception:  # the part that ended the chord is counted, and has not failed
        log.exception("chord %s cannot be called now: a sweep calls it", group_id)
        return False


def _call(backend: ChordBackend, group_id: str, body: Signature[Any], token: str) -> bool:
    results, error = _gathered(backend, group_id, backend.kept(group_id))
    lease = backend.publish_claim(body)
    nonce = backend.insist(lambda: backend.chords.hold(group_id, token, lease))
    if nonce is None:
        log.warning("another process has taken over calling chord %s", group_id)
        return False
    error = error or _publish(backend.app, group_id, signatures.marked(body, group_id, nonce), results)
    if error:
        _fail(backend, group_id, body, error)
    backend.insist(lambda: backend.chords.close(group_id, token))
    return True


def _fail(backend: ChordBackend, group_id: str, body: Signature[Any], error: ChordError) -> None:
    """Fail a body as Celery does, and leave the results of its header where Celery leaves them."""
    try:
        raise error  # for Celery takes the traceback from the exception that is being handled
    except ChordError as raised:
        backend.chord_error_from_stack(body, raised)
    try:
        backend.preserve(group_id)
    except Exception as problem:
        log.warning("the results of chord %s, which failed, are not kept: %r", group_id, problem)


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
    return call_body(backend, group_id, body, token)


def _ask(backend: ChordBackend, group_id: str, body: Signature[Any], token: str) -> None:
    """Ask through the body's queue whether it has begun, for it may wait there for others."""
    backend.chords.hold(group_id, token, ASKED_LEASE)
    first = signatures.first_of(body)
    options = {name: first.options[name] for name in ROUTING if name in first.options}
    routed = backend.app.amqp.router.route(options, str(first.task))
    backend.app.send_task(CALL, (chords.task_id_of(group_id),), **routed)


def _gathered(backend: ChordBackend, group_id: str, kept: KeptOfChord) -> tuple[list[Any], ChordError | None]:
    try:
        return backend.gathered(group_id, kept), None
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
