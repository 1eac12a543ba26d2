"""The short way of `PUT /tasks/{id}/steps/{n}`, without a result."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from pydantic import BaseModel

from done_app.api.answers import step_answer
from done_app.api.models import LARGEST_STEP
from donebit.access.roles import Caller
from donebit.completion import reporting
from donebit.completion.reporting import Report, StepReport
from donebit.names import is_name
from donebit.publishing import publish_end
from donebit.queue import Publisher
from donebit.store import Store
from donebit.web.models import KEY
from donebit.web.plain_request import PlainRequest
from donebit.web.short_route import ShortRoute

PATH: Final = re.compile(r"/tasks/([A-Za-z0-9._-]{1,100})/steps/([0-9]{1,10})")
IDEMPOTENCY_KEY: Final = re.compile(KEY)


class ShortReport(ShortRoute[StepReport, Report]):
    """Marks single steps, as the view `mark_step` does."""

    route = "PUT /tasks/<task_id>/steps/<n>"

    def __init__(self, store: Store, publisher: Publisher) -> None:
        self._store, self._publisher = store, publisher

    def read(self, asked: PlainRequest) -> StepReport | None:
        """The report, if nothing about it is unusual."""
        found = PATH.fullmatch(asked.path)
        if found is None or asked.query or not is_name(found[1]):
            return None
        step, key = int(found[2]), asked.idempotency_key
        if step > LARGEST_STEP or (key is not None and not IDEMPOTENCY_KEY.fullmatch(key)):
            return None
        return StepReport(found[1], step, key)

    def task_of(self, item: StepReport) -> str:
        """The task that is reported to."""
        return item.task_id

    def of_caller(self, item: StepReport, caller: Caller | None) -> StepReport:
        """The report, to no other task than the one whose own token it came with."""
        return item._replace(nonce=caller.nonce) if caller else item

    def do_each(self, items: Sequence[StepReport]) -> Sequence[Report | Exception | None]:
        """Mark the steps."""
        return reporting.report_each(self._store, items)

    def rest_of(self, item: StepReport, result: Report) -> Callable[[], object] | None:
        """Have the end announced that the report led to, if it did."""
        return partial(publish_end, self._publisher, item.task_id) if result.completed_task else None

    def describe(self, item: StepReport, result: Report) -> BaseModel:
        """The answer to the report."""
        return step_answer(item.task_id, result)
