"""The request that acts on many tasks, and its answer."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from done_app.api.models import EXAMPLE_CURSOR, EXAMPLE_ID, Cursor, TaskFilter
from donebit.completion.bulk import MAX_AT_ONCE, Action
from donebit.errors import InvalidInput
from donebit.web.models import Integer, StoredName

FILTERS = ("state", "label", "job", "prefix", "error", "from_", "to")


class ActionBody(TaskFilter):
    """An action, and the tasks that it is done to: either `ids`, or at least one of the filters."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"action": "resume", "state": "failed", "label": "nightly", "dry_run": True}
        }
    )

    action: Action
    ids: Annotated[
        list[StoredName] | None,
        Field(min_length=1, max_length=MAX_AT_ONCE, description="the tasks' ids; takes no filter"),
    ] = None
    dry_run: Annotated[
        bool, Field(strict=True, description="answer which tasks it would be done to, and change nothing")
    ] = False
    limit: Annotated[
        Integer, Field(ge=1, le=MAX_AT_ONCE, description="how many tasks of a filter at most")
    ] = 100
    cursor: Annotated[Cursor | None, Field(description="`next` of the previous answer")] = None

    def check_tasks(self) -> None:
        """Check that it says which tasks are meant, in one way.

        Raises:
            InvalidInput: it has neither ids nor a filter, or both.
        """
        filtered = any(getattr(self, name) is not None for name in FILTERS)
        if filtered is (self.ids is not None):
            raise InvalidInput(
                "an action takes either ids, or a filter: state, label, job, prefix, error, from or to",
                field="ids",
            )


class SkippedAnswer(BaseModel):
    task_id: str
    detail: str = Field(description="why nothing was done to it")


class ActionAnswer(BaseModel):
    action: str = Field(json_schema_extra={"example": "resume"})
    dry_run: bool
    changed: int = Field(description="how many tasks it was done to, or would be")
    tasks: list[str] = Field(
        description="their ids, newest first, or in the order of `ids`",
        json_schema_extra={"example": [EXAMPLE_ID]},
    )
    started: list[str] = Field(description="of rerun: the new tasks' ids, in the same order")
    skipped: list[SkippedAnswer] = Field(description="tasks that it could not be done to")
    next: str | None = Field(
        description="`cursor` of the next request; null when no more tasks match",
        json_schema_extra={"example": EXAMPLE_CURSOR},
    )
