"""What each route of done_app asks of its caller."""

from __future__ import annotations

from typing import Final

from donebit.access.roles import Narrow, Role
from donebit.web.access import Needs

NEEDS: Final[Needs] = {
    "GET /tasks": Role.READ,
    "GET /tasks/<task_id>": Role.READ,
    "GET /tasks/<task_id>/missing": Role.READ,
    "GET /tasks/<task_id>/failures": Role.READ,
    "GET /tasks/<task_id>/failures/groups": Role.READ,
    "GET /tasks/<task_id>/bitmap": Role.READ,
    "GET /tasks/<task_id>/results": Role.READ,
    "GET /tasks/<task_id>/items/<n>": Role.READ,
    "POST /tasks/<task_id>/items": Role.TRIGGER,
    "GET /tasks/<task_id>/events": Role.READ,
    "GET /events": Role.READ,
    "GET /workers": Role.READ,
    "GET /workers/log": Role.READ,
    "GET /nodes": Role.READ,
    "PUT /tasks/<task_id>/steps/<n>": Narrow.TASK,
    "POST /tasks/<task_id>/steps": Narrow.TASK,
    "POST /tasks/<task_id>/failures": Narrow.TASK,
    "GET /done": Role.REPORT,
    "POST /done": Role.REPORT,
    "POST /resume": Role.TRIGGER,
    "POST /tasks/actions": Role.TRIGGER,
    "POST /tasks/<task_id>/rerun": Role.TRIGGER,
    "POST /tasks/<task_id>/close": Role.TRIGGER,
    "POST /tasks/<task_id>/pause": Role.TRIGGER,
    "POST /tasks/<task_id>/resume": Role.TRIGGER,
    "POST /tasks/<task_id>/retry": Role.TRIGGER,
    "POST /tasks/<task_id>/cancel": Role.TRIGGER,
    "POST /tasks/<task_id>/extend": Role.TRIGGER,
    "POST /tasks/<task_id>/deliveries/<kind>/redeliver": Role.TRIGGER,
    "DELETE /tasks/<task_id>": Role.ADMIN,
}
