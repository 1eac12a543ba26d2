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
    "POST /tasks/<task_id>/retry": Role.TRIGGER,
    "POST /tasks/<task_id>/cancel": Role.TRIGGER,
    "POST /tasks/<task_id>/extend": Role.TRIGGER,
    "POST /tasks/<task_id>/delete": Role.ADMIN,
    "GET /jobs": Role.READ,
    "GET /jobs/<name>": Role.READ,
    "GET /tokens": Role.ADMIN,
    "POST /tokens": Role.ADMIN,
    "DELETE /tokens/<name>": Role.ADMIN,
    "GET /audit": Role.ADMIN,
}
