"""The routes that look at flags as a whole: which there are, how many have one, who, and who is missing."""

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
)
from distinct_app.views.questions import asked_period, bounds
from donebit.activity.analytics import absence, counts
from donebit.activity.events import event as events
from donebit.activity.flags import flag as flags
from donebit.activity.sets.members import page_of
from donebit.activity.site import Site
from donebit.web.answers import Reply, answer


def add(routes: APIBlueprint, site: Site) -> None:
    """The routes of all flags and of one."""

    @routes.get("/flags", responses={200: FlagList})
    def list_flags(query: FlagsQuery) -> Reply:
        """Every flag there is, and how many users have it."""
        found, more = flags.list_flags(site, after=query.after or "", limit=query.limit)
        listed = [FlagCount(flag=flag.name, kind=flag.kind, count=count) for flag, count in found]
        return answer(FlagList(flags=listed, next=listed[-1].flag if more else None))

    @routes.delete("/flags/<flag>", responses={200: Dropped})
    def drop_flag(path: FlagPath) -> Reply:
        """Forget a flag: nobody has it, and it may begin anew with the other kind of users."""
        return answer(Dropped(flag=path.flag, dropped=flags.drop(site, path.flag)))

    @routes.get("/flags/<flag>/count", responses={200: FlagCount})
    def count_flag(path: FlagPath, query: IdsQuery) -> Reply:
        """How many users have the flag."""
        flag = flags.get(site, path.flag)
        ids = counts.id_range(flag, query.first, query.last)
        return answer(FlagCount(flag=flag.name, kind=flag.kind, count=flags.count(site, flag.name, ids=ids)))

    add_members(routes, site)


def add_members(routes: APIBlueprint, site: Site) -> None:
    """The routes that name users."""

    @routes.get("/flags/<flag>/users", responses={200: MembersOrPresence})
    def flag_members(path: FlagPath, query: MembersQuery) -> Reply:
        """Who has the flag, in pages; with `?user=` whether that one has, for any text."""
        if query.user is not None:
            present = flags.has(site, path.flag, query.user)
            return answer(FlagStatus(flag=path.flag, user=query.user, present=present))
        flag = flags.get(site, path.flag)
        page = page_of(site, flag.kind, flag.bitmap, after=query.after, limit=query.limit)
        return answer(FlagMembers(flag=flag.name, users=page.users, next=page.next))

    @routes.get("/flags/<flag>/missing", responses={200: MissingAnswer})
    def missing_of_roster(path: FlagPath, query: AbsenceQuery) -> Reply:
        """Who of a roster, which is a flag, an event did not see in a period."""
        roster, event = flags.get(site, path.flag), events.get(site, query.event)
        period = asked_period(site, event, query)
        found = absence.missing(site, roster, event, period, after=query.after, limit=query.limit)
        return answer(
            MissingAnswer(
                flag=roster.name,
                event=event.name,
                count=found.count,
                first=found.first,
                users=found.page.users,
                next=found.page.next,
                **bounds(period),
            )
        )
