"""What of distinct_app is audited, and what is only counted."""

from __future__ import annotations

from typing import Final

from donebit.names import EXAMPLE_EVENT
from donebit.web.audit import COUNTED, Audited, Audits

EXAMPLE = f"event {EXAMPLE_EVENT}"
FLAG = "flag {flag}"

AUDITS: Final[Audits] = {
    "GET /distinct?userId": COUNTED,
    "POST /distinct": COUNTED,
    "POST /visits": COUNTED,
    "POST /events/<event>": COUNTED,
    "PUT /flags/<flag>/users/<user>": COUNTED,
    "DELETE /flags/<flag>/users/<user>": COUNTED,
    # An object may be a person.
    "PUT /permissions/<kind>/<object>": COUNTED,
    "POST /permissions/<kind>/<object>": COUNTED,
    "DELETE /permissions/<kind>/<object>": COUNTED,
    "PUT /permissions/<kind>/<object>/<permission>": COUNTED,
    "DELETE /permissions/<kind>/<object>/<permission>": COUNTED,
    "PUT /permissions/<kind>": Audited("name permissions", "objects {kind}"),
    "POST /events/<event>/bitmap": Audited("import", "event {event}", ("period", "at", "ids")),
    "PUT /flags/<flag>": Audited("replace", FLAG),
    "PUT /flags/<flag>/bitmap": Audited("import", FLAG),
    "PUT /flags/<flag>/users": Audited("set for many", FLAG),
    "DELETE /flags/<flag>/users": Audited("clear for many", FLAG),
    "DELETE /flags/<flag>": Audited("delete", FLAG),
    "DELETE /distinct": Audited("delete", EXAMPLE),
    "GET /distinct/reset": Audited("delete", EXAMPLE),
    "PUT /events/<event>/expiry": Audited("set expiry", "event {event}"),
    "DELETE /events/<event>": Audited("delete", "event {event}"),
    "DELETE /events/<event>/visits": Audited("take back", "event {event}", ("from", "to")),
    # Who was erased is what must not be kept.
    "DELETE /users": Audited("erase", "a user"),
    "DELETE /users/<user>": Audited("erase", "a user"),
}
