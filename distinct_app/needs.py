"""What each route of distinct_app asks of its caller."""

from __future__ import annotations

from typing import Final

from donebit.access.roles import Role
from donebit.web.access import Needs

# A question that needs a body is a POST and changes nothing.
QUESTIONS: Final[Needs] = {
    "GET /distinct": Role.READ,
    "GET /events": Role.READ,
    "GET /events/<event>": Role.READ,
    "GET /events/<event>/count": Role.READ,
    "GET /events/<event>/users": Role.READ,
    "GET /events/<event>/users/<user>": Role.READ,
    "GET /events/<event>/expiry": Role.READ,
    "GET /events/<event>/memory": Role.READ,
    "POST /events/<event>/estimate": Role.READ,
    "GET /events/<event>/bitmap": Role.READ,
    "GET /events/<event>/series": Role.READ,
    "GET /events/<event>/retention": Role.READ,
    "GET /events/<event>/retention/members": Role.READ,
    "GET /events/<event>/lifecycle": Role.READ,
    "GET /events/<event>/lifecycle/members": Role.READ,
    "GET /events/<event>/stickiness": Role.READ,
    "GET /events/<event>/stickiness/ratios": Role.READ,
    "GET /events/<event>/users/<user>/timeline": Role.READ,
    "GET /events/<event>/timeline": Role.READ,
    "GET /events/<event>/users/<user>/streak": Role.READ,
    "GET /events/<event>/streak": Role.READ,
    "GET /events/<event>/streaks": Role.READ,
    "GET /events/<event>/summary": Role.READ,
    "GET /events/<event>/visits": Role.READ,
    "GET /query": Role.READ,
    "POST /query": Role.READ,
    "GET /query/members": Role.READ,
    "POST /query/members": Role.READ,
    "POST /funnel": Role.READ,
    "GET /flags": Role.READ,
    "GET /flags/<flag>/bitmap": Role.READ,
    "GET /flags/<flag>/users": Role.READ,
    "GET /flags/<flag>/users/<user>": Role.READ,
    "GET /flags/<flag>/count": Role.READ,
    "GET /flags/<flag>/missing": Role.READ,
    "GET /permissions/<kind>": Role.READ,
    "GET /permissions/<kind>/<object>": Role.READ,
    "GET /permissions/<kind>/<object>/<permission>": Role.READ,
}
VISITS: Final[Needs] = {
    "GET /distinct?userId": Role.REPORT,
    "POST /distinct": Role.REPORT,
    "POST /visits": Role.REPORT,
    "POST /events/<event>": Role.REPORT,
}
# An import merges whole periods, which nobody can take back by the visit.
FLAGS: Final[Needs] = {
    "POST /events/<event>/bitmap": Role.TRIGGER,
    "PUT /flags/<flag>": Role.TRIGGER,
    "PUT /flags/<flag>/bitmap": Role.TRIGGER,
    "PUT /flags/<flag>/users": Role.TRIGGER,
    "DELETE /flags/<flag>/users": Role.TRIGGER,
    "PUT /flags/<flag>/users/<user>": Role.TRIGGER,
    "DELETE /flags/<flag>/users/<user>": Role.TRIGGER,
    "PUT /permissions/<kind>": Role.TRIGGER,
    "PUT /permissions/<kind>/<object>": Role.TRIGGER,
    "POST /permissions/<kind>/<object>": Role.TRIGGER,
    "DELETE /permissions/<kind>/<object>": Role.TRIGGER,
    "PUT /permissions/<kind>/<object>/<permission>": Role.TRIGGER,
    "DELETE /permissions/<kind>/<object>/<permission>": Role.TRIGGER,
}
ERASING: Final[Needs] = {
    "DELETE /distinct": Role.ADMIN,
    "GET /distinct/reset": Role.ADMIN,
    "PUT /events/<event>/expiry": Role.ADMIN,
    "DELETE /events/<event>": Role.ADMIN,
    "DELETE /events/<event>/visits": Role.ADMIN,
    "DELETE /flags/<flag>": Role.ADMIN,
    "DELETE /users": Role.ADMIN,
    "DELETE /users/<user>": Role.ADMIN,
}
NEEDS: Final[Needs] = {**QUESTIONS, **VISITS, **FLAGS, **ERASING}
