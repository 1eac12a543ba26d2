"""The route through which visits arrive."""

from __future__ import annotations

import numpy as np
from flask import request
from flask_openapi3 import APIBlueprint

from distinct_app.models.common import AtQuery, EventPath
from distinct_app.models.visits import VisitsAnswer, VisitsBody
from shared import clock
from shared.activity import ingest
from shared.activity.site import Site
from shared.activity.users import Ids
from shared.errors import InvalidInput
from shared.web.answers import Reply, answer

PACKED = "application/octet-stream"
BODY = {
    "content": {
        # In place: the body is read by hand, so the framework knows of no such component.
        "application/json": {"schema": VisitsBody.model_json_schema()},
        PACKED: {"schema": {"type": "string", "format": "binary", "description": "little-endian uint32 ids"}},
    },
    "required": True,
}


def add(routes: APIBlueprint, site: Site) -> None:
    """The routes that record."""

    @routes.post("/events/<event>", responses={200: VisitsAnswer}, openapi_extensions={"requestBody": BODY})
    def record_visits(path: EventPath, query: AtQuery) -> Reply:
        """Visits of many users: JSON, or packed little-endian uint32 ids with `?at=`."""
        now = clock.now()
        if request.mimetype == PACKED:
            at = site.calendar.moment(query.at) if query.at else now
            made = ingest.record_ids(site, path.event, packed_ids(request.get_data()), at=at, now=now)
        else:
            body = VisitsBody.model_validate(request.get_json(silent=True))
            text = body.at or query.at
            at = site.calendar.moment(text) if text else now
            made = ingest.record(site, path.event, body.users, at=at, now=now)
        return answer(
            VisitsAnswer(event=path.event, received=made.received, fresh=made.fresh_in_day, at=clock.iso(at))
        )


def packed_ids(body: bytes) -> Ids:
    """The ids of a packed body. Raises InvalidInput for one that is empty or cut short."""
    if not body or len(body) % 4:
        raise InvalidInput(
            f"a packed body is little-endian uint32 ids, 4 bytes each; this one has {len(body)} bytes",
            field="body",
        )
    return np.frombuffer(body, "<u4").astype(np.uint32, copy=False)
