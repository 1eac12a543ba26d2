"""The routes that set, clear and read flags of users."""

from __future__ import annotations

from flask import request
from flask_openapi3 import APIBlueprint

from distinct_app.bodies import PACKED, packed_ids
from distinct_app.models.flags import (
    BulkCleared,
    BulkSet,
    ClearAnswer,
    FlagBody,
    FlaggedPath,
    FlagPath,
    FlagStatus,
    MaybeUserQuery,
    SetAnswer,
)
from distinct_app.views.questions import user_of_path
from donebit.activity.events.event import Event
from donebit.activity.flags import flag as flags
from donebit.activity.flags.flag import Flag
from donebit.activity.site import Site
from donebit.activity.users.ids import User
from donebit.activity.users.selection import Chosen, Selection, Spans
from donebit.errors import InvalidInput
from donebit.web.answers import Reply, answer

BODY = {
    "content": {
        # Inline: the view parses the body itself, so the framework has no such component.
        "application/json": {"schema": FlagBody.model_json_schema()},
        PACKED: {"schema": {"type": "string", "format": "binary", "description": "little-endian uint32 ids"}},
    },
    "required": False,  # with ?user=
}


def add(routes: APIBlueprint, site: Site) -> None:
    """Add the routes for one user and for many."""
    add_one(routes, site)
    add_many(routes, site)


def add_one(routes: APIBlueprint, site: Site) -> None:
    """Add the routes for one user."""

    @routes.put("/flags/<flag>/users/<user>", responses={200: SetAnswer})
    def set_flag(path: FlaggedPath) -> Reply:
        """Set the flag for a user.

        Digits in the path mean an integer, unless the flag holds texts.
        """
        user = named_user(path.user, flags.get(site, path.flag))
        fresh = flags.set_users(site, path.flag, [user]) == 1
        return answer(SetAnswer(flag=path.flag, user=user, present=True, fresh=fresh))

    @routes.delete("/flags/<flag>/users/<user>", responses={200: ClearAnswer})
    def clear_flag(path: FlaggedPath) -> Reply:
        """Clear the flag for a user. Creates nothing for an unknown flag or user."""
        user = named_user(path.user, flags.get(site, path.flag))
        cleared = flags.clear_users(site, path.flag, [user]) == 1
        return answer(ClearAnswer(flag=path.flag, user=user, present=False, cleared=cleared))

    @routes.get("/flags/<flag>/users/<user>", responses={200: FlagStatus})
    def get_flag(path: FlaggedPath) -> Reply:
        """Check whether a user has the flag."""
        user = named_user(path.user, flags.get(site, path.flag))
        return answer(FlagStatus(flag=path.flag, user=user, present=flags.has(site, path.flag, user)))


def add_many(routes: APIBlueprint, site: Site) -> None:
    """Add the routes for many users, or for one whose id cannot be part of a path."""

    @routes.put("/flags/<flag>/users", responses={200: BulkSet}, openapi_extensions={"requestBody": BODY})
    def set_flags(path: FlagPath, query: MaybeUserQuery) -> Reply:
        """Set the flag for many users.

        The users are given as JSON, as packed little-endian uint32 ids, or one as ?user=.
        """
        chosen = chosen_users(query)
        fresh = flags.set_users(site, path.flag, *chosen)
        return answer(BulkSet(flag=path.flag, received=Selection.of(*chosen).received, fresh=fresh))

    @routes.delete(
        "/flags/<flag>/users", responses={200: BulkCleared}, openapi_extensions={"requestBody": BODY}
    )
    def clear_flags(path: FlagPath, query: MaybeUserQuery) -> Reply:
        """Clear the flag for many users.

        The users are given as JSON, as packed little-endian uint32 ids, or one as ?user=.
        """
        chosen = chosen_users(query)
        cleared = flags.clear_users(site, path.flag, *chosen)
        return answer(BulkCleared(flag=path.flag, received=Selection.of(*chosen).received, cleared=cleared))


def chosen_users(query: MaybeUserQuery) -> tuple[Chosen, Spans]:
    """The users and ranges of a request. Raises InvalidInput for both `?user=` and a body."""
    if query.user is not None:
        if request.get_data():
            raise InvalidInput("user is given, and a body too; name users in one of them", field="user")
        return [query.user], ()
    if request.mimetype == PACKED:
        return packed_ids(request.get_data()), ()
    body = FlagBody.model_validate(request.get_json(silent=True))
    return body.users or [], body.ranges or []


def named_user(text: str, flag: Flag) -> User:
    """The user that a path names: an integer, or a text if the flag holds texts."""
    return user_of_path(text, Event(flag.name, flag.kind))
