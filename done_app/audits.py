"""What of done_app is audited, and what is only counted."""

from __future__ import annotations

from typing import Final

from donebit.web.audit import COUNTED, Audited, Audits

AUDITS: Final[Audits] = {
    "PUT /tasks/<task_id>/steps/<n>": COUNTED,
    "POST /tasks/<task_id>/steps": COUNTED,
    "POST /tasks/<task_id>/failures": COUNTED,
    "GET /done": COUNTED,
    "POST /done": COUNTED,
    "POST /resume": Audited("resume", None),
    "POST /tasks/actions": Audited("act", None),
    "POST /tasks/<task_id>/rerun": Audited("rerun", None),
    "POST /tasks/<task_id>/close": Audited("close", "task {task_id}"),
    "POST /tasks/<task_id>/items": Audited("add items", "task {task_id}"),
    "POST /tasks/<task_id>/pause": Audited("pause", "task {task_id}"),
    "POST /tasks/<task_id>/resume": Audited("resume", "task {task_id}"),
    "POST /tasks/<task_id>/retry": Audited("retry", "task {task_id}"),
    "POST /tasks/<task_id>/cancel": Audited("cancel", "task {task_id}"),
    "POST /tasks/<task_id>/extend": Audited("extend", "task {task_id}"),
    "POST /tasks/<task_id>/deliveries/<kind>/redeliver": Audited("redeliver", "{kind} of task {task_id}"),
    "DELETE /tasks/<task_id>": Audited("delete", "task {task_id}"),
}
