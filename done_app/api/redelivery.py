"""The route that has the end of a task delivered again."""

from __future__ import annotations

from http import HTTPStatus

from flask_openapi3 import APIBlueprint

from done_app.api.answers import GONE_OR_ENDED
from done_app.api.models import DeliveryPath, RunQuery
from donebit.completion import lifecycle, redelivery
from donebit.config import Settings
from donebit.store import Store
from donebit.web.answers import Reply, answer
from donebit.web.task_answer import TaskAnswer, task_answer


def add_redelivery(routes: APIBlueprint, store: Store, settings: Settings) -> None:
    """Add the route that makes a delivery due again."""

    @routes.post("/tasks/<task_id>/deliveries/<kind>/redeliver", responses={202: TaskAnswer, **GONE_OR_ENDED})
    def redeliver(path: DeliveryPath, query: RunQuery) -> Reply:
        """Deliver the end of a task again, whether or not it was delivered before.

        It is tried at once, and if that fails for another week, under the id that it has had all along: a
        receiver that has kept the id ignores it.
        """
        redelivery.redeliver(store, path.task_id, path.kind, query.run)
        found = lifecycle.get_task(store, path.task_id)
        return answer(task_answer(store, settings, found), HTTPStatus.ACCEPTED)
