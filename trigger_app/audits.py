"""What of trigger_app is audited."""

from __future__ import annotations

from typing import Final

from donebit.web.audit import Audited, Audits

STARTED = Audited("start", None)
SIGNED_OUT = Audited("sign out", None)

AUDITS: Final[Audits] = {
    "GET /trigger/done": STARTED,
    "POST /trigger/done": STARTED,
    "GET /trigger/distinct": STARTED,
    "POST /trigger/distinct": STARTED,
    "POST /tasks": STARTED,
    "POST /start": STARTED,
    "POST /simulate": STARTED,
    "POST /tasks/<task_id>/rerun": Audited("rerun", None),
    "POST /tasks/<task_id>/again": Audited("rerun", None),
    "POST /tasks/<task_id>/close": Audited("close", "task {task_id}"),
    "POST /tasks/<task_id>/pause": Audited("pause", "task {task_id}"),
    "POST /tasks/<task_id>/resume": Audited("resume", "task {task_id}"),
    "POST /tasks/<task_id>/retry": Audited("retry", "task {task_id}"),
    "POST /tasks/<task_id>/cancel": Audited("cancel", "task {task_id}"),
    "POST /tasks/<task_id>/extend": Audited("extend", "task {task_id}"),
    "POST /tasks/<task_id>/delete": Audited("delete", "task {task_id}"),
    "POST /tokens": Audited("make token", None),
    "DELETE /tokens/<name>": Audited("revoke token", "token {name}"),
    "POST /sign-in": Audited("sign in", None),
    "POST /sign-out": SIGNED_OUT,
}
