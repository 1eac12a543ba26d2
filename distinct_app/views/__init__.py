"""The routes of distinct_app, one module for each subject."""

from __future__ import annotations

from http import HTTPStatus

from flask_openapi3 import APIBlueprint, Tag

from distinct_app import quotas
from distinct_app.views import (
    bitmaps,
    erasing,
    events,
    example,
    flag_lists,
    flags,
    funnel,
    lifecycle,
    permissions,
    queries,
    questions,
    retention,
    series,
    stickiness,
    streaks,
    summary,
    taking_back,
    visits,
)
from donebit.activity.site import Site
from donebit.web.problems import EVERYWHERE, documented

TAG = Tag(name="activity", description="Active users of events and periods, flags and permissions")


def blueprint(site: Site) -> APIBlueprint:
    """All routes, for this site."""
    routes = APIBlueprint(
        "activity", __name__, abp_tags=[TAG], abp_responses=EVERYWHERE | documented(HTTPStatus.CONFLICT)
    )
    routes.before_request(lambda: site.store.activity_layout.refuse_other(site.zone))
    routes.before_request(quotas.refuse_new)
    for part in (
        example,
        visits,
        questions,
        events,
        bitmaps,
        flags,
        flag_lists,
        permissions,
        queries,
        series,
        retention,
        lifecycle,
        stickiness,
        streaks,
        funnel,
        summary,
        taking_back,
        erasing,
    ):
        part.add(routes, site)
    return routes
