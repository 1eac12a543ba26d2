"""The routes about items: the input of one step, and more of them for a running task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import request
from flask_openapi3 import APIBlueprint

from done_app.api.answer_models import ItemAnswer, ItemsAdded
from done_app.api.answers import GONE, GONE_OR_ENDED
from done_app.api.models import ReportHeader, StepPath, TaskPath
from done_app.api.report_models import ItemsBody, ItemsQuery
from donebit.completion import items, lifecycle
from donebit.completion.items import ItemLimits
from donebit.completion.task import Task
from donebit.config import Settings
from donebit.errors import InvalidInput
from donebit.jobs.registry import Jobs
from donebit.json_reading import read_json_line
from donebit.store import Store
from donebit.web.answers import Reply, answer

JSON, LINES = "application/json", "application/x-ndjson"
# Read by the view, which takes either.
ITEMS_BODY: dict[str, Any] = {
    "requestBody": {
        "content": {
            JSON: {"schema": ItemsBody.model_json_schema(), "example": {"items": ["c.txt", "d.txt"]}},
            LINES: {"schema": {"type": "string", "description": "an item on each line, as JSON"}},
        },
        "required": True,
    }
}


@dataclass(frozen=True, slots=True)
class Filler:
    """Adds items to tasks, checked against their jobs."""

    store: Store
    settings: Settings
    jobs: Callable[[], Jobs]  # loaded when the first items come

    def add(
        self,
        task_id: str,
        given: list[Any],
        *,
        expected: int | None,
        only_open: bool,
        reply_key: str | None,
    ) -> tuple[Task, int]:
        """Add items to a running task.

        Returns:
            The task as it is now, and the count it had before.

        Raises:
            InvalidInput: an item does not fit the job, or the task takes none or not so many.
            NotFound, Conflict: as items.append says.
        """
        task, packed = lifecycle.get_task(self.store, task_id).task, items.pack(given)
        if task.spec.job is not None and (job := self.jobs().find(task.spec.job)).item is not None:
            job.item.check(packed.texts)
        return items.append(
            self.store,
            task_id,
            packed,
            limits=ItemLimits(self.settings.max_steps, self.settings.max_items_bytes),
            expected=expected,
            only_open=only_open,
            reply_key=reply_key,
        )


def add_items(routes: APIBlueprint, store: Store, filler: Filler) -> None:
    """Add the routes that read the item of a step, and that fill an open task."""

    @routes.get("/tasks/<task_id>/items/<n>", responses={200: ItemAnswer, **GONE})
    def show_item(path: StepPath) -> Reply:
        """Get the input of one step."""
        task = lifecycle.get_task(store, path.task_id).task
        return answer(ItemAnswer(step=path.n, item=items.item_of(store, task, path.n)))

    @routes.post(
        "/tasks/<task_id>/items", responses={200: ItemsAdded, **GONE_OR_ENDED}, openapi_extensions=ITEMS_BODY
    )
    def fill_task(path: TaskPath, query: ItemsQuery, header: ReportHeader) -> Reply:
        """Add items to an open task, as NDJSON or JSON: a step for each, and none runs before it is closed.

        A piece sent again under its `Idempotency-Key` is added once. With `from`, nothing is added if the
        task has another count: 409.
        """
        given = sent_items()
        task, _ = filler.add(
            path.task_id,
            given,
            expected=query.from_,
            only_open=True,
            reply_key=header.idempotency_key,
        )
        return answer(ItemsAdded(task_id=task.id, added=len(given), count=task.count))


def sent_items() -> list[Any]:
    """The items in the body of the current request.

    Raises:
        InvalidInput: there are none, or a line is no JSON.
        ValidationError: the body is no JSON object with a list of items.
    """
    found: list[Any]
    if request.mimetype != LINES:
        found = ItemsBody.model_validate(request.get_json(silent=True)).items
    else:
        lines = enumerate(request.get_data().splitlines(), 1)
        found = [line_of(number, line) for number, line in lines if line.strip()]
    if not found:
        raise InvalidInput("there are no items", field="items")
    return found


def line_of(number: int, line: bytes) -> Any:
    try:
        return read_json_line(line)
    except ValueError as error:
        why = f"line {number} is no JSON: {error}"
    except InvalidInput as error:
        why = f"line {number}: {error.detail}"
    raise InvalidInput(why, field=f"line {number}")
