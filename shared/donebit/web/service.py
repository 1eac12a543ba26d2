"""Makes the Flask application of each service."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import version
from typing import Any

from flask import Response, request
from flask.json.provider import DefaultJSONProvider
from flask_openapi3 import Info, OpenAPI
from prometheus_client.registry import Collector

from donebit.access.roles import Narrow, Open, Role
from donebit.config import Settings
from donebit.json_reading import read_json
from donebit.queue_lengths import read_lengths
from donebit.store import Store
from donebit.web import (
    audit,
    body_limits,
    confirmed,
    ending_streams,
    guard,
    health,
    http_times,
    operations,
    origin,
    problems,
    process_figures,
    quotas,
    request_spans,
    whole_body,
)
from donebit.web.access import EXTENSION, AccessControl, Needs, access_of
from donebit.web.audit import Audits
from donebit.web.json_size import refuse_large
from donebit.web.metrics import OpenStreams, UnconfirmedChanges
from donebit.web.prefix import prefix_of, put_under, servers_at

VERSION = version("donebit")
# The documentation page of flask-openapi3 carries its start-up script inline; every other page has none.
DOCS = "/docs"
POLICY = (
    "default-src 'none'; script-src 'self'{inline}; style-src 'self'{inline}; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PROTECTION = {
    "Content-Security-Policy": POLICY.format(inline=""),
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: with it a browser sends `Origin: null` with the page's own forms, over plain HTTP.
    "Referrer-Policy": "same-origin",
}


class Json(DefaultJSONProvider):
    """Flask's JSON, except that a body is read strictly."""

    sort_keys = False

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Parse JSON.

        Raises:
            ValueError: the text is no JSON, or nested too deeply.
            InvalidInput: an object in it has a name twice, or it has more values than any route takes.
        """
        refuse_large(s.encode() if isinstance(s, str) else s)
        return read_json(s)


class Service(OpenAPI):
    """An application whose OpenAPI document says what each operation asks of its caller."""

    def generate_spec_json(self) -> None:
        """Make the document; where tokens are asked for, each operation has `security` and `x-role`."""
        super().generate_spec_json()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        if (access := access_of(self)).enabled:
            declare_needs(self.spec_json["paths"], access.needs)


def declare_needs(paths: dict[str, dict[str, Any]], needs: Needs) -> None:
    """Write what is asked of a caller into each operation of a document."""
    for route, need in needs.items():
        method, rule = operations.CONVERTER.sub(r"{\1}", route).split(" ", 1)
        if operation := paths.get(rule, {}).get(method.lower()):
            operation["security"] = [] if need is Open.ANYONE else [{"token": []}]
            operation["x-role"] = Role.REPORT if need is Narrow.TASK else need


def make_service(
    name: str,
    summary: str,
    settings: Settings,
    store: Store,
    needs: Needs,
    audits: Audits,
    streams: Callable[[], int] = lambda: 0,
    counters: Iterable[Collector] = (),
) -> OpenAPI:
    """Make a service with error answers, access checks, health, metrics and API docs, for routes to join.

    Args:
        name: of the service, such as `done_app`
        summary: one sentence for its API docs
        settings: of the process
        store: for health, metrics and named tokens
        needs: what each route asks of its caller
        audits: which of them are audited, and which counted
        streams: returns how many event streams are open
        counters: what its /metrics has beside what every service has
    """
    app = make_app(name, summary, settings)
    put_under(app, prefix_of(name, settings))
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    times = http_times.register(app)
    app.extensions[EXTENSION] = AccessControl(needs, settings, store)
    add_checks(app, settings)
    counted = audit.register(app, store, audits, settings.audit_entries).counted
    confirmed.register(app, store)
    limited = quotas.register(app, store, settings)
    own = [access_of(app).refusals, counted, times, OpenStreams(streams), UnconfirmedChanges(store)]
    shown = process_figures.register(app, own), limited, *counters
    app.register_api(health.blueprint(store, shown, partial(read_lengths, store, settings)))
    app.add_url_rule("/openapi.json", "openapi_json", lambda: app.api_doc)
    return app


def make_app(name: str, summary: str, settings: Settings) -> Service:
    """Make the application with its API docs and without any route."""
    app = Service(
        name,
        info=Info(title=name, version=VERSION, description=summary),
        security_schemes={"token": {"type": "http", "scheme": "bearer"}} if settings.api_token else {},
        validation_error_model=problems.Problem,
        validation_error_callback=problems.of_validation,
        doc_prefix=DOCS,
        servers=servers_at(prefix_of(name, settings)),
    )
    app.json = Json(app)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # the redirect would lead an empty name to another route
    # The reference at once: the library's page would only offer it, as the one thing to choose.
    app.view_functions["openapi.openapi"] = app.view_functions["swagger.swagger"]
    return app


def add_checks(app: OpenAPI, settings: Settings) -> None:
    """Add what runs before every view, in its order, the answers to errors, and what all answers have."""
    app.after_request(protect)  # the first to be added runs last: an answer may be exchanged before
    guard.register(app, settings, access_of(app))
    operations.register(app)
    body_limits.register(app, settings)
    whole_body.register(app)
    origin.register(app, access_of(app))
    problems.register(app)
    request_spans.register(app)
    ending_streams.register(app, access_of(app))


def protect(response: Response) -> Response:
    """Add the headers that keep a page from loading or running anything but its own files."""
    response.headers.update(PROTECTION)
    if request.path.startswith(DOCS):
        response.headers["Content-Security-Policy"] = POLICY.format(inline=" 'unsafe-inline'")
    return response
