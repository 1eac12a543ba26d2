"""The route that lists the audit, as JSON and as a page."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field

from donebit import clock
from donebit.access.audit import AuditEntry, list_entries
from donebit.store import Store
from donebit.web.answers import Reply
from donebit.web.models import ENTRY, EXAMPLE_ENTRY, WRITTEN, Request, at_most, of_entry
from donebit.web.problems import EVERYWHERE
from trigger_app.pages.either import either

TAG = Tag(name="audit", description="Who did what")


class AuditQuery(Request):
    """Which entries to list."""

    limit: Annotated[int, at_most(1000), WRITTEN] = 100
    before: Annotated[
        Annotated[str, of_entry("an entry")] | None,
        Field(
            description="only entries older than this one: `next` of the previous answer",
            json_schema_extra=ENTRY,
        ),
    ] = None


class EntryAnswer(BaseModel):
    """Something that was done."""

    id: str = Field(json_schema_extra={"example": EXAMPLE_ENTRY})
    at: str = Field(json_schema_extra={"example": "2026-11-21T03:04:05.678Z"})
    who: str = Field(
        description="the token's name; `(no token)` where none is asked for",
        json_schema_extra={"example": "nightly"},
    )
    action: str = Field(json_schema_extra={"example": "cancel"})
    subject: str = Field(
        description="what was changed; never a user", json_schema_extra={"example": "task a1b2"}
    )
    detail: str = Field(description="what else is known; may be empty")

    @classmethod
    def of(cls, entry: AuditEntry) -> EntryAnswer:
        return cls(id=entry.id, at=clock.iso(entry.at), **asdict(entry.deed))


class AuditAnswer(BaseModel):
    entries: list[EntryAnswer] = Field(description="newest first")
    next: str | None = Field(description="pass as `before` to get older ones; null: there are none")


def blueprint(store: Store) -> APIBlueprint:
    """Make the route over this store."""
    routes = APIBlueprint("audit", __name__, abp_tags=[TAG], abp_responses=EVERYWHERE)

    @routes.get("/audit", responses={200: AuditAnswer})
    def list_audit(query: AuditQuery) -> Reply:
        """List who did what, newest first.

        Single steps, visits and flags are counted in /metrics, and not listed. A browser gets a page.
        """
        found = list_entries(store, query.limit, query.before)
        page = AuditAnswer(entries=[EntryAnswer.of(one) for one in found.entries], next=found.next)
        return either(page, "audit.html", here="/audit", before=query.before)

    return routes
