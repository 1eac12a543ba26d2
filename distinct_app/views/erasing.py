"""The routes that erase a user and delete an event."""

from __future__ import annotations

from flask_openapi3 import APIBlueprint

from distinct_app.models.common import StoredEventPath
from distinct_app.models.erasing import ErasedAnswer, ErasedPath, ForgottenEvent
from distinct_app.views.questions import INTEGER
from donebit.activity.events import deletion
from donebit.activity.site import Site
from donebit.activity.users import erasure
from donebit.activity.users.erasure import Erased
from donebit.activity.users.ids import LARGEST_ID, User
from donebit.web.answers import Reply, answer


def add(routes: APIBlueprint, site: Site) -> None:
    """Add the routes that erase a user everywhere and delete an event."""

    @routes.delete("/users/<user>", responses={200: ErasedAnswer})
    def erase_user(path: ErasedPath) -> Reply:
        """Erase a user from every event and flag.

        Digits mean the integer and the text of these digits.
        """
        return erased(site, path.user)

    @routes.delete("/users", responses={200: ErasedAnswer})
    def erase_text(query: ErasedPath) -> Reply:
        """Erase a user from every event and flag, for ids passed as ?user= (may contain slashes)."""
        return erased(site, query.user)

    @routes.delete("/events/<event>", responses={200: ForgottenEvent})
    def forget_event(path: StoredEventPath) -> Reply:
        """Delete an event with all of its periods. It can begin again with another kind of users."""
        known = deletion.forget(site, path.event)
        return answer(ForgottenEvent(event=path.event, forgotten=known))


def erased(site: Site, user: str) -> Reply:
    users: list[User] = [user]
    if INTEGER.fullmatch(user) and int(user) <= LARGEST_ID:  # larger ones can only be texts
        users.insert(0, int(user))
    return erased_answer(user, [erasure.erase(site, each) for each in users])


def erased_answer(user: str, parts: list[Erased]) -> Reply:
    return answer(
        ErasedAnswer(
            user=user,
            events=sorted(set[str]().union(*(part.events for part in parts))),
            flags=sorted(set[str]().union(*(part.flags for part in parts))),
            bitmaps=sum(part.bitmaps for part in parts),
            numbers=sum(part.numbers for part in parts),
        )
    )
