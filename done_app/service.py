"""The HTTP service for tasks: their progress, missing steps, and reports of steps that ran elsewhere."""

from __future__ import annotations

from flask import Flask

from done_app.api import workers
from done_app.api.short_report import ShortReport
from done_app.api.tasks import blueprint
from done_app.audits import AUDITS
from done_app.needs import NEEDS
from donebit import config, queue
from donebit.config import Settings
from donebit.queue import Publisher
from donebit.store import Store
from donebit.web.live import Feed
from donebit.web.service import make_service
from donebit.web.serving import service_store
from donebit.web.short_route import add_short_route
from donebit.web.task_metrics import TaskMetrics


def create_app(settings: Settings | None = None, store: Store | None = None) -> Flask:
    """Make the service.

    Args:
        settings: those of the environment if left out.
        store: one on the settings' Redis if left out.
    """
    settings = settings or config.load()
    store = store or service_store(settings)
    feed = Feed(workers.table_reader(store), settings.max_streams)
    app = make_service(
        "done_app",
        "Tasks and their steps: progress, reports and failures.",
        settings,
        store,
        NEEDS,
        AUDITS,
        feed.__len__,
        [TaskMetrics(store)],
    )
    publisher = Publisher(queue.make_celery(settings, sends_only=True))
    app.register_api(blueprint(store, publisher, settings, feed))
    add_short_route(app, ShortReport(store, publisher))
    app.register_api(workers.blueprint(store, settings, feed))
    return app
