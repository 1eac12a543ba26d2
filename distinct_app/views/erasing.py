"""The routes that erase a user, and forget an event."""

from __future__ import annotations

from flask_openapi3 import APIBlueprint

from distinct_app.models.common import EventPath
from distinct_app.models.erasing import ErasedAnswer, ErasedPath, ForgottenEvent
from distinct_app.views.questions import INTEGER
from donebit.activity.events import deletion, event
from donebit.activity.site import Site
from donebit.activity.users import erasure
from donebit.activity.users.erasure import Erased
from donebit.activity.users.ids import User
from donebit.web.answers import Reply, answer


def add(routes: APIBlueprint, site: Site) -> None:
    """The routes of one user, wherever they were, and of all users of one event."""

    @routes.delete("/users/<user>", responses={200: ErasedAnswer})
    def erase_user(path: ErasedPath) -> Reply:
        """Erase a user everywhere. Digits mean the integer, and the text of these digits too."""
        return erased(site, path.user)

    @routes.delete("/users", responses={200: ErasedAnswer})
    def erase_text(query: ErasedPath) -> Reply:
        """The same for any text, a slash in it or not."""
        return erased(site, query.user)

    @routes.delete("/events/<event>", responses={200: ForgottenEvent})
    def forget_event(path: EventPath) -> Reply:
        """Forget an event: all of its periods, and its kind; it may begin anew with the other."""
        known = event.get(site, path.event).kind is not None
        deletion.forget(site, path.event)
        return answer(ForgottenEvent(event=path.event, forgotten=known))


def erased(site: Site, user: str) -> Reply:
    users: list[User] = [user]
    if INTEGER.fullmatch(user):
        users.insert(0, int(user))
    return erased_answer(user, [erasure.erase(site, one) for one in users])


def erased_answer(user: str, made: list[Erased]) -> Reply:
    return answer(
        ErasedAnswer(
            user=user,
            events=sorted(set[str]().union(*(one.events for one in made))),
            flags=sorted(set[str]().union(*(one.flags for one in made))),
            bitmaps=sum(one.bitmaps for one in made),
            numbers=sum(one.numbers for one in made),
        )
    )
