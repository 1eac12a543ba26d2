"""With WAIT_REPLICAS, replicas have what an answer says is done, also where an earlier request did it."""

from __future__ import annotations

from http import HTTPStatus

from flask import Flask, Response

from donebit.errors import StoreUnavailable
from donebit.store import Store
from donebit.web.audit import audit_of
from donebit.workers import replicas


def register(app: Flask, store: Store) -> None:
    """Check it before each answer of a route that changes something; to be registered after the audit."""
    if not replicas.are_awaited(store):
        return
    audit = audit_of(app)

    @app.before_request
    def begin() -> None:
        replicas.begin(store)

    @app.after_request
    def confirm(response: Response) -> Response:
        if response.status_code >= HTTPStatus.BAD_REQUEST or audit.declared() is None:
            return response
        try:
            replicas.confirm(store)
        except StoreUnavailable as error:
            return app.make_response(app.handle_user_exception(error))
        return response
