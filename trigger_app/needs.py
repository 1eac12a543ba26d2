"""What each route of trigger_app asks of its caller."""

from __future__ import annotations

from typing import Final

from donebit.access.roles import Open, Role
from donebit.web.access import Needs

NEEDS: Final[Needs] = {
    "GET /": Open.PAGE,
    "GET /tasks/<task_id>": Open.PAGE,
    "GET /tasks/<task_id>/<any(cancel, delete, extend):action>": Open.PAGE,
    "GET /distinct": Open.PAGE,
    "GET /distinct/users": Open.PAGE,
    "GET /workers": Open.PAGE,
    "GET /schedule": Open.PAGE,
    "GET /sign-in": Open.ANYONE,
    "POST /sign-in": Open.ANYONE,
    "POST /sign-out": Role.READ,
    "GET /events/<name>": Role.READ,
    "GET /events/<name>/<about>": Role.READ,
    "GET /trigger/done": Role.TRIGGER,
    "POST /trigger/done": Role.TRIGGER,
    "GET /trigger/distinct": Role.TRIGGER,
    "POST /trigger/distinct": Role.TRIGGER,
    "POST /tasks": Role.TRIGGER,
    "POST /start": Role.TRIGGER,
    "POST /simulate": Role.TRIGGER,
    "POST /tasks/<task_id>/rerun": Role.TRIGGER,
    "POST /tasks/<task_id>/again": Role.TRIGGER,
    "POST /tasks/<task_id>/close": Role.TRIGGER,
    "POST /tasks/<task_id>/pause": Role.TRIGGER,
    "POST /tasks/<task_id>/resume": Role.TRIGGER,
    "POST /tasks/<task_id>/cancel": Role.TRIGGER,
    "POST /tasks/<task_id>/extend": Role.TRIGGER,
    "POST /tasks/<task_id>/delete": Role.ADMIN,
    "POST /schedule": Role.TRIGGER,
    "POST /schedule/<name>/pause": Role.TRIGGER,
    "POST /schedule/<name>/resume": Role.TRIGGER,
    "POST /schedule/<name>/run": Role.TRIGGER,
    "POST /schedule/<name>/delete": Role.ADMIN,
    "GET /schedules": Role.READ,
    "POST /schedules": Role.TRIGGER,
    "GET /schedules/<name>": Role.READ,
    "PUT /schedules/<name>": Role.TRIGGER,
    "DELETE /schedules/<name>": Role.ADMIN,
    "POST /schedules/<name>/pause": Role.TRIGGER,
    "POST /schedules/<name>/resume": Role.TRIGGER,
    "POST /schedules/<name>/run": Role.TRIGGER,
    "GET /expectations": Role.READ,
    "GET /expectations/<name>": Role.READ,
    "PUT /expectations/<name>": Role.TRIGGER,
    "DELETE /expectations/<name>": Role.ADMIN,
    "GET /tokens": Role.ADMIN,
    "POST /tokens": Role.ADMIN,
    "DELETE /tokens/<name>": Role.ADMIN,
    "GET /audit": Role.ADMIN,
}
