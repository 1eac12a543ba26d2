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
    "POST /act": Audited("act", None),
    "POST /tasks/<task_id>/rerun": Audited("rerun", None),
    "POST /tasks/<task_id>/again": Audited("rerun", None),
    "POST /tasks/<task_id>/close": Audited("close", "task {task_id}"),
    "POST /tasks/<task_id>/pause": Audited("pause", "task {task_id}"),
    "POST /tasks/<task_id>/resume": Audited("resume", "task {task_id}"),
    "POST /tasks/<task_id>/retry": Audited("retry", "task {task_id}"),
    "POST /tasks/<task_id>/cancel": Audited("cancel", "task {task_id}"),
    "POST /tasks/<task_id>/extend": Audited("extend", "task {task_id}"),
    "POST /tasks/<task_id>/delete": Audited("delete", "task {task_id}"),
    "POST /schedule": Audited("make schedule", None),
    "POST /schedule/<name>/delete": Audited("delete schedule", "schedule {name}"),
    "POST /schedule/<name>/pause": Audited("pause schedule", "schedule {name}"),
    "POST /schedule/<name>/resume": Audited("resume schedule", "schedule {name}"),
    "POST /schedule/<name>/run": STARTED,
    "POST /schedules": Audited("make schedule", None),
    "PUT /schedules/<name>": Audited("change schedule", "schedule {name}"),
    "DELETE /schedules/<name>": Audited("delete schedule", "schedule {name}"),
    "POST /schedules/<name>/pause": Audited("pause schedule", "schedule {name}"),
    "POST /schedules/<name>/resume": Audited("resume schedule", "schedule {name}"),
    "POST /schedules/<name>/run": STARTED,
    "PUT /expectations/<name>": Audited("change expectation", "expectation {name}"),
    "DELETE /expectations/<name>": Audited("delete expectation", "expectation {name}"),
    "POST /expectations/<name>/pause": Audited("pause expectation", "expectation {name}"),
    "POST /expectations/<name>/resume": Audited("resume expectation", "expectation {name}"),
    "POST /expectation": Audited("make expectation", None),
    "POST /expectation/<name>/pause": Audited("pause expectation", "expectation {name}"),
    "POST /expectation/<name>/resume": Audited("resume expectation", "expectation {name}"),
    "POST /expectation/<name>/delete": Audited("delete expectation", "expectation {name}"),
    "POST /tokens": Audited("make token", None),
    "DELETE /tokens/<name>": Audited("revoke token", "token {name}"),
    "POST /sign-in": Audited("sign in", None),
    "POST /sign-out": SIGNED_OUT,
}
