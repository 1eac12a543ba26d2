"""trigger_app as a service: starting tasks, and the dashboard."""

from __future__ import annotations

from flask import Flask

from donebit import config, queue
from donebit.activity.site import Site
from donebit.config import Settings
from donebit.jobs.registry import load_jobs
from donebit.queue import Publisher
from donebit.store import Store
from donebit.web.live import Feed
from donebit.web.service import make_service
from donebit.web.serving import service_store
from trigger_app import audit, job_history, pages, throughput, tokens, views
from trigger_app.audits import AUDITS
from trigger_app.expectations import views as expectations
from trigger_app.needs import NEEDS
from trigger_app.orders import Checker
from trigger_app.pages.view import PageContext
from trigger_app.schedules import views as schedules
from trigger_app.schedules.scheduler import Scheduler
from trigger_app.starting import Starter


def create_app(settings: Settings | None = None, store: Store | None = None) -> Flask:
    """Make the service.

    Args:
        settings: read from the environment when left out
        store: made from the settings when left out
    """
    settings = settings or config.load()
    store = store or service_store(settings)
    known, publisher = load_jobs(settings), Publisher(queue.make_celery(settings, sends_only=True))
    starter = Starter(store, publisher, Checker(known, settings), settings)
    context = PageContext(store, settings, known, publisher, starter, Site.of(store, settings))
    feed = Feed(pages.reader(context), settings.max_streams)
    summary = "Start tasks, simulate visits, and watch both on the dashboard."
    app = make_service("trigger_app", summary, settings, store, NEEDS, AUDITS, feed.__len__)
    app.register_api(views.blueprint(starter))
    app.register_api(schedules.blueprint(Scheduler(starter)))
    app.register_api(expectations.blueprint(starter))
    app.register_api(job_history.blueprint(store, known))
    app.register_api(throughput.blueprint(store))
    app.register_api(tokens.blueprint(store))
    app.register_api(audit.blueprint(store))
    app.register_blueprint(pages.blueprint(context, feed))
    return app
