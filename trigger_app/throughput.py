"""The route about the last day and month: how much was done and failed when, as JSON and as a page."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field

from donebit import clock
from donebit.clock import iso
from donebit.completion.throughput import RANGES, SECOND, Throughput, read_throughput
from donebit.store import Store
from donebit.web.answers import Reply
from donebit.web.models import Request
from donebit.web.problems import EVERYWHERE
from trigger_app.pages import history
from trigger_app.pages.either import either

TAG = Tag(name="history", description="What was done and failed when")


class RangeName(StrEnum):
    """Of what the answer is."""

    DAY = "24h"
    MONTH = "30d"


class HistoryQuery(Request):
    range: Annotated[
        RangeName,
        Field(
            description="the last 24 hours in buckets of 10 minutes, or 30 days in buckets of 6 hours",
            json_schema_extra={"example": "24h"},
        ),
    ] = RangeName.DAY


class BucketAnswer(BaseModel):
    """What was done and failed in one bucket of time."""

    start: str = Field(description="when it begins", json_schema_extra={"example": "2026-11-21T03:10:00Z"})
    steps_done: int = Field(
        description="steps that workers finished; those reported by API are not among them",
        json_schema_extra={"example": 1200},
    )
    steps_failed: int = Field(
        description="steps that workers gave up after their last attempt", json_schema_extra={"example": 3}
    )
    tasks_done: int = Field(description="tasks that ended as done", json_schema_extra={"example": 4})
    tasks_failed: int = Field(json_schema_extra={"example": 1})
    tasks_cancelled: int = Field(json_schema_extra={"example": 0})

    @classmethod
    def of(cls, one: Throughput) -> BucketAnswer:
        return cls(
            start=iso(one.start),
            steps_done=one.steps_done,
            steps_failed=one.steps_failed,
            tasks_done=one.tasks_done,
            tasks_failed=one.tasks_failed,
            tasks_cancelled=one.tasks_cancelled,
        )


class HistoryAnswer(BaseModel):
    range: RangeName
    bucket_seconds: int = Field(json_schema_extra={"example": 600})
    buckets: list[BucketAnswer] = Field(description="all of them, oldest first; the last one is not over")


def blueprint(store: Store) -> APIBlueprint:
    """Make the route over this store."""
    routes = APIBlueprint("throughput", __name__, abp_tags=[TAG], abp_responses=EVERYWHERE)

    @routes.get(history.HOME, responses={200: HistoryAnswer})
    def show_history(query: HistoryQuery) -> Reply:
        """Show how much was done and failed when, in the last day or month. A browser gets a page."""
        asked = RANGES[query.range]
        found = read_throughput(store, asked, clock.now())
        made = HistoryAnswer(
            range=query.range,
            bucket_seconds=asked.bucket // SECOND,
            buckets=[BucketAnswer.of(one) for one in found],
        )
        return either(made, "history.html", here=history.HOME, **history.drawn(asked, found))

    return routes
