"""The routes that list flags and their users, and the users of a roster who are absent."""

from __future__ import annotations

from flask_openapi3 import APIBlueprint

from distinct_app.models.common import IdsQuery
from distinct_app.models.flags import (
    AbsenceQuery,
    Dropped,
    FlagCount,
    FlagList,
    FlagMembers,
    FlagPath,
    FlagsQuery,
    FlagStatus,
    MembersOrPresence,
    MembersQuery,
    MissingAnswer,
    StoredFlagPath,
)
from distinct_app.views.questions import bounds, requested_period
from donebit.activity.analytics import absence, counts
from donebit.activity.events import event as events
from donebit.activity.flags import flag as flags
from donebit.activity.sets.members import page_of
from donebit.activity.site import Site
from donebit.web.answers import Reply, answer


def add(routes: APIBlueprint, site: Site) -> None:
    """Add the routes of all flags and of one."""

    @routes.get("/flags", responses={200: FlagList})
    def list_flags(query: FlagsQuery) -> Reply:
        """List all flags with the number of users who have each."""
        page, more = flags.list_flags(site, after=query.after or "", limit=query.limit)
        listed = [FlagCount(flag=flag.name, kind=flag.kind, count=count) for flag, count in page]
        return answer(FlagList(flags=listed, next=listed[-1].flag if more else None))

    @routes.delete("/flags/<flag>", responses={200: Dropped})
    def drop_flag(path: StoredFlagPath) -> Reply:
        """Delete a flag. It can be created again with another kind of users."""
        return answer(Dropped(flag=path.flag, dropped=flags.drop(site, path.flag)))

    @routes.get("/flags/<flag>/count", responses={200: FlagCount})
    def count_flag(path: FlagPath, query: IdsQuery) -> Reply:
        """Count the users who have a flag."""
        flag = flags.get(site, path.flag)
        ids = counts.id_range(flag, query.first, query.last)
        return answer(FlagCount(flag=flag.name, kind=flag.kind, count=flags.count(site, flag.name, ids=ids)))

    add_members(routes, site)


def add_members(routes: APIBlueprint, site: Site) -> None:
    """Add the routes that list users."""

    @routes.get("/flags/<flag>/users", responses={200: MembersOrPresence})
    def flag_members(path: FlagPath, query: MembersQuery) -> Reply:
        """List the users who have a flag, in pages.

        With ?user= the answer says instead whether that user, any text, has the flag.
        """
        if query.user is not None:
            present = flags.has(site, path.flag, query.user)
            return answer(FlagStatus(flag=path.flag, user=query.user, present=present))
        flag = flags.get(site, path.flag)
        page = page_of(site, flag.kind, flag.bitmap, after=query.after, limit=query.limit)
        return answer(FlagMembers(flag=flag.name, users=page.users, next=page.next))

    @routes.get("/flags/<flag>/missing", responses={200: MissingAnswer})
    def missing_of_roster(path: FlagPath, query: AbsenceQuery) -> Reply:
        """List flagged users absent from an event in a period."""
        roster, event = flags.get(site, path.flag), events.get(site, query.event)
        period = requested_period(site, event, query)
        missing = absence.missing(site, roster, event, period, after=query.after, limit=query.limit)
        return answer(
            MissingAnswer(
                flag=roster.name,
                event=event.name,
                count=missing.count,
                first=missing.first,
                users=missing.page.users,
                next=missing.page.next,
                **bounds(period),
            )
        )
