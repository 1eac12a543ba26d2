"""The HTTP service of activity: events, flags, permissions and questions about users."""

from __future__ import annotations

from flask import Flask
from werkzeug.exceptions import MethodNotAllowed

from distinct_app import question_time
from distinct_app.audits import AUDITS
from distinct_app.needs import NEEDS
from distinct_app.short_visit import ShortVisit
from distinct_app.views import blueprint, retention
from donebit import config
from donebit.activity.site import Site
from donebit.config import Settings
from donebit.store import Store
from donebit.web.quotas import LimitsOfRequest, quotas_of
from donebit.web.service import make_service
from donebit.web.serving import service_store
from donebit.web.short_route import add_short_route


def create_app(settings: Settings | None = None, store: Store | None = None) -> Flask:
    """The service; settings and store are the process's own unless given."""
    settings = settings or config.load()
    store = store or service_store(settings)
    app = make_service(
        "distinct_app",
        "Counts distinct users exactly, per event, period and flag.",
        settings,
        store,
        NEEDS,
        AUDITS,
    )
    site = Site.of(store, settings, LimitsOfRequest())
    question_time.register(app, settings.question_timeout)
    app.register_api(blueprint(site))
    add_short_route(app, ShortVisit(site, quotas_of(app)))
    app.register_error_handler(MethodNotAllowed, retention.method_not_allowed)
    return app
