"""The sweep of chords: it calls the body where the process that ended the chord died before it could."""

from __future__ import annotations

import logging
import threading
from typing import Any

from celery import Celery, current_app, shared_task, signals
from kombu.exceptions import ContentDisallowed, DecodeError, SerializerNotInstalled

from donebit.celery import calling, signatures
from donebit.celery.backend import DonebitBackend

EVERY_S = 5.0
AT_ONCE = 100

log = logging.getLogger(__name__)


def sweep_chords(app: Celery | None = None) -> int:
    """Call the body of each ended chord that nobody is calling, if the application has the body's task.

    Each worker does this by itself every 5 seconds. Any number of sweeps may run at once. Of several
    applications on one database each calls its own: another one's routes and serializers are not its.

    Args:
        app: the application; the current one if left out

    Returns:
        how many were called
    """
    backend = (app or current_app).backend
    if not isinstance(backend, DonebitBackend):
        return 0
    backend.chords.tidy()
    called = left = 0
    while due := backend.chords.due(AT_ONCE, beyond=left):
        for task_id in due:
            was_called = _has_body_of(backend, task_id) and calling.call_ended(backend, task_id)
            called, left = called + was_called, left + (not was_called)
    return called


def _has_body_of(backend: DonebitBackend, task_id: str) -> bool:
    """Whether the application has the task of a chord's body; True where the body is gone."""
    found = backend.chords.body(task_id)
    try:
        return found is None or signatures.is_known(backend.app, signatures.unpacked(backend.app, found[1]))
    except (SerializerNotInstalled, ContentDisallowed, DecodeError):  # another application's
        return False


def _sweep_until(stopped: threading.Event, app: Celery) -> None:
    while not stopped.wait(EVERY_S):
        try:
            sweep_chords(app)
        except Exception as error:  # the server is away, say: the next one may find it again
            log.warning("chords cannot be swept now: %r", error)


def start_sweeping(app: Celery) -> threading.Event:
    """Sweep in a thread of this process until the event that is returned is set."""
    stopped = threading.Event()
    threading.Thread(target=_sweep_until, args=(stopped, app), name="donebit-chords", daemon=True).start()
    return stopped


_running: dict[int, threading.Event] = {}


def on_worker_ready(sender: Any = None, **_: Any) -> None:
    """Sweep from now on, if the worker's application counts its chords here."""
    if isinstance(sender.app.backend, DonebitBackend):
        _running[id(sender)] = start_sweeping(sender.app)


def on_worker_shutting_down(**_: Any) -> None:
    """Sweep no more."""
    while _running:
        _running.popitem()[1].set()


def on_task_prerun(task: Any = None, **_: Any) -> None:
    """Note that the body of a chord has begun: nobody is to call it again."""
    mark, backend = getattr(task.request, signatures.MARK, None), task.app.backend
    if mark and isinstance(backend, DonebitBackend):
        backend.chords.close(*mark)


@shared_task(name=calling.CALL, ignore_result=True)
def call_chord(task_id: str) -> None:
    """Call the body of an ended chord whose caller died, now that this message has come through its queue."""
    backend = current_app.backend
    if isinstance(backend, DonebitBackend):
        backend.chords.call_now(task_id)
        calling.call_ended(backend, task_id, asked=True)


def connect() -> None:
    """Have every worker of this process sweep."""
    signals.task_prerun.connect(on_task_prerun, weak=False)
    signals.worker_ready.connect(on_worker_ready, weak=False)
    signals.worker_shutting_down.connect(on_worker_shutting_down, weak=False)
