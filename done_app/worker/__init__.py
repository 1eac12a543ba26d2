"""The worker: `celery --app done_app.worker worker`, and `beat` for the sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from donebit.extras import needing

if TYPE_CHECKING:
    from celery import Celery


def __getattr__(name: str) -> Celery:
    """Make `app` when Celery asks for it: making it reads the settings and may exit the process."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with needing("server", "done_app.worker"):
        from done_app.worker import celery_tasks, signals, worker_app  # noqa: F401, PLC0415 - as above

    return worker_app.app
