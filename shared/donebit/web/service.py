"""Makes the Flask application of each service."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from flask import Response, request
from flask.json.provider import DefaultJSONProvider
from flask_openapi3 import Info, OpenAPI

from donebit.config import Settings
from donebit.json_reading import read_json
from donebit.store import Store
from donebit.web import body_limits, guard, health, operations, problems, whole_body
from donebit.web.json_size import refuse_large
from donebit.web.prefix import prefix_of, put_under, servers_at

VERSION = version("donebit")
# The documentation page of flask-openapi3 carries its start-up script inline; every other page has none.
DOCS = "/docs"
POLICY = (
    "default-src 'none'; script-src 'self'{inline}; style-src 'self'{inline}; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


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


def make_service(
    name: str, summary: str, settings: Settings, store: Store, streams: Callable[[], int] = lambda: 0
) -> OpenAPI:
    """Make a service with error answers, access checks, health, metrics and API docs, for routes to join.

    Args:
        name: of the service, such as `done_app`
        summary: one sentence for its API docs
        settings: of the process
        store: for health and metrics
        streams: returns how many event streams are open
    """
    app = OpenAPI(
        name,
        info=Info(title=name, version=VERSION, description=summary),
        security_schemes={"token": {"type": "http", "scheme": "bearer"}} if settings.api_token else {},
        validation_error_model=problems.Problem,
        validation_error_callback=problems.of_validation,
        doc_prefix=DOCS,
        servers=servers_at(prefix_of(name, settings)),
    )
    put_under(app, prefix_of(name, settings))
    app.url_map.strict_slashes = False
    app.json = Json(app)
    configure(app, settings)
    if app.has_static_folder:  # the sign-in page is drawn with them
        guard.free(app.view_functions["static"])
    guard.register(app, settings)
    operations.register(app)
    body_limits.register(app, settings)
    whole_body.register(app)
    problems.register(app)
    app.register_api(health.blueprint(store, streams))
    app.add_url_rule("/openapi.json", "openapi_json", lambda: app.api_doc)
    app.after_request(protect)
    return app


def configure(app: OpenAPI, settings: Settings) -> None:
    """Set the limit of bodies, and how the dashboard's session cookie is made."""
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.config["SESSION_COOKIE_SAMESITE"] = "Strict"
    app.config["SESSION_COOKIE_HTTPONLY"] = True
    if settings.api_token:
        app.secret_key = _cookie_key(settings.api_token.get_secret_value())


def _cookie_key(token: str) -> bytes:
    """Derive the key that signs the dashboard's cookie from the token: a new token ends every session."""
    return hashlib.sha256(b"donebit dashboard session " + token.encode()).digest()


def protect(response: Response) -> Response:
    """Add the headers that keep a page from loading or running anything but its own files."""
    inline = " 'unsafe-inline'" if request.path.startswith(DOCS) else ""
    response.headers["Content-Security-Policy"] = POLICY.format(inline=inline)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
