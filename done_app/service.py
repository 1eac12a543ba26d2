"""The HTTP face of tasks: how they stand, what is missing, and steps reported from elsewhere."""

from __future__ import annotations

from flask import Flask

from done_app.api import workers
from done_app.api.tasks import blueprint
from donebit import config, queue
from donebit.config import Settings
from donebit.queue import Publisher
from donebit.store import Store
from donebit.web.live import Feed, most_streams
from donebit.web.service import make_service
from donebit.web.serving import service_store


def create_app(settings: Settings | None = None, store: Store | None = None) -> Flask:
    """The service; settings and store are the process's own unless given."""
    settings = settings or config.load()
    store = store or service_store(settings)
    feed = Feed(workers.watch(store), most_streams(settings.web_threads))
    app = make_service("done_app", "Is this step done? Tasks and their steps.", settings, store, feed.__len__)
    publisher = Publisher(queue.make_celery(settings, sends_only=True))
    app.register_api(blueprint(store, publisher, settings, feed))
    app.register_api(workers.blueprint(store, settings, feed))
    return app
