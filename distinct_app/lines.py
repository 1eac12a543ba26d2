"""Visits as lines of NDJSON: each is checked by itself, so that bad ones are named as they were sent."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from flask import request
from pydantic import ValidationError

from distinct_app.bodies import lines_of
from distinct_app.models.common import A_NUMBER, MOST_USERS, VISIT_RULE
from distinct_app.models.visits import BadLine, RecordQuery, VisitLine, VisitsLine
from donebit import wording
from donebit.activity.events import batching
from donebit.activity.events import event as events
from donebit.activity.events.batching import Arrival
from donebit.activity.events.event import Event
from donebit.activity.site import Site
from donebit.activity.users.ids import User, UserKind
from donebit.errors import InvalidInput
from donebit.json_reading import read_json_line
from donebit.moments import TimeUnit
from donebit.web.problems import Fault, Faults

MOST_LINE_BYTES = 4096  # an id of 200 characters, each escaped, has 1200
MOST_BAD_LINES = 20  # named in one answer
SLOT_SECONDS = 15 * 60  # hours and days begin at a multiple of it in every zone


class LineGroup(NamedTuple):
    """What the visits of a group of lines have in common; they are good or bad together."""

    event: str
    at: str | float | None  # as it was sent
    ids: UserKind | None
    texts: bool


@dataclass(slots=True)
class Group:
    """The lines of one group."""

    # Numbers of 4 bytes each, where a list takes 40.
    users: list[User] | array[int]
    numbers: array[int] = field(default_factory=lambda: array("I"))  # of the lines, from 1


Groups = dict[LineGroup, Group]


class BadLines:
    """The bad lines of one request: all are counted, the first are named."""

    def __init__(self, *, skipped: bool) -> None:
        """Begin with none.

        Args:
            skipped: whether they are left out; else the request is refused for them.
        """
        self.count = 0
        self._skipped = skipped
        self._details: dict[int, str] = {}

    def add(self, number: int, detail: str) -> None:
        """Note the line of this number.

        Raises:
            Faults: as many as can be named are bad.
        """
        self.count += 1
        self._details[number] = detail
        if len(self._details) > MOST_BAD_LINES:
            del self._details[max(self._details)]
        elif len(self._details) == MOST_BAD_LINES:
            self.refuse()

    def refuse(self) -> None:
        """Refuse the request if it has bad lines that are not skipped.

        Raises:
            Faults: it has; it names them.
        """
        if self._details and not self._skipped:
            raise Faults(
                [
                    Fault(field=f"line {one.line}", detail=f"line {one.line}: {one.detail}")
                    for one in self.named
                ]
            )

    @property
    def named(self) -> list[BadLine]:
        """The first bad lines, ascending."""
        return [BadLine(line=number, detail=detail) for number, detail in sorted(self._details.items())]


def arrivals(
    site: Site, model: type[VisitLine], event: str | None, query: RecordQuery, now: datetime
) -> tuple[list[Arrival], BadLines]:
    """The visits in the lines of the request's body.

    Args:
        model: of a line
        event: which the visits are to; None where each line names its own
        query: has the time and the kind of ids of lines without one, and whether bad lines are skipped

    Returns:
        The visits of good lines, perhaps none, and the bad lines, which are skipped.

    Raises:
        InvalidInput: a line is bad and not to be skipped, or there are none or too many lines.
    """
    bad = BadLines(skipped=query.skip_bad)
    groups: Groups = {}
    for number, line in parsed_lines(model, bad):
        named = line.event if isinstance(line, VisitsLine) else event
        key = LineGroup(named or "", line.at, line.ids or query.ids, isinstance(line.user, str))
        group = groups.get(key)
        if group is None:
            group = groups[key] = Group(users=[] if key.texts else array("I"))
        group.users.append(line.user)  # type: ignore[arg-type]  # a number where there is an array
        group.numbers.append(number)
    good = good_arrivals(site, groups, query, now, bad)
    bad.refuse()
    return good, bad


def parsed_lines(model: type[VisitLine], bad: BadLines) -> Iterator[tuple[int, VisitLine]]:
    """The number of each good line of the body that is not empty, and the line.

    Raises:
        InvalidInput: there are none or too many lines.
    """
    count = 0
    for number, text in enumerate(lines_of(request.get_data()), 1):
        if not text.strip():
            continue
        count += 1
        if count > MOST_USERS:
            raise InvalidInput(f"the body has more than {MOST_USERS} lines", field="body")
        try:
            yield number, parse_line(model, text)
        except InvalidInput as error:
            bad.add(number, error.detail)
    if not count:
        raise InvalidInput("the body is empty; it must have at least one line", field="body")


def parse_line(model: type[VisitLine], line: bytes) -> VisitLine:
    """The model of a line. Raises InvalidInput that says what is wrong with it."""
    if len(line) > MOST_LINE_BYTES:
        raise InvalidInput(f"it has {len(line)} bytes; at most {MOST_LINE_BYTES}")
    try:
        return model.model_validate(read_json_line(line))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        named = wording.path(first["loc"])
        raise InvalidInput(wording.sentence(named, first) if named else not_an_object(line)) from None
    except ValueError:
        raise InvalidInput(not_an_object(line)) from None


def not_an_object(line: bytes) -> str:
    """The reason why a line that is not a JSON object is refused."""
    return f"it is {wording.quoted(line)}; it must be a JSON object"


def good_arrivals(
    site: Site, groups: Groups, query: RecordQuery, now: datetime, bad: BadLines
) -> list[Arrival]:
    """The visits of all groups whose time and kind their event takes; the lines of the others are bad.

    The first good line of a new event says which kind of users it holds.

    Raises:
        InvalidInput: the query's time is bad, or too old for an event that it is used for.
    """
    otherwise = moment(site, query.at, now, query.time_unit)
    known = known_events(site, {key.event for key in groups})
    made: dict[tuple[object, ...], Arrival] = {}
    for key, group in groups.items():
        try:
            at = moment(site, key.at, otherwise, query.time_unit)
            arrival = Arrival(key.event, group.users, at, key.ids)
            same = key._replace(at=None), time_slot(arrival.at, now)
            if same not in made:
                known[key.event] = checked_event(site, known[key.event], arrival, now)
        except InvalidInput as error:
            if key.at is None and error.field == "at":
                raise  # the time in the query, or the present: no line is at fault
            for number, user in zip(group.numbers, group.users, strict=True):
                bad.add(number, as_sent(error, key, user))
        else:
            made[same] = joined(made[same], arrival) if same in made else arrival
    return list(made.values())


def known_events(site: Site, names: Collection[str]) -> dict[str, Event]:
    """The events of these names. Raises InvalidInput for too many, before any is read."""
    batching.refuse_many(len(names))
    return events.get_each(site, names)


def moment(
    site: Site, written: str | float | None, otherwise: datetime, unit: TimeUnit | None = None
) -> datetime:
    """The moment that a text or a number gives, or `otherwise` without one.

    Raises:
        InvalidInput: it is a number without a unit, or a text with one.
    """
    if written is None:
        return otherwise
    try:
        return site.calendar.moment(written, unit=unit)
    except ValueError:
        rule = VISIT_RULE if unit is None else f"{A_NUMBER}, as time_unit={unit} says"
        raise InvalidInput(f"at is {wording.quoted(written)}; it must be {rule}", field="at") from None


def time_slot(at: datetime, now: datetime) -> float:
    """What is the same for times that are written into the same periods; of a time to come it is its own."""
    return at.timestamp() // SLOT_SECONDS if at <= now else -at.timestamp()


def checked_event(site: Site, event: Event, arrival: Arrival, now: datetime) -> Event:
    """The event with the kind of users that it holds after this arrival, whose users are of one kind.

    Raises:
        InvalidInput: it holds another kind, or does not take the time.
    """
    kind = batching.kind_of_batch(event, replace(arrival, users=arrival.users[:1]))
    batching.expiries_of(site, event, arrival.at, now)
    return replace(event, kind=kind)


def joined(first: Arrival, second: Arrival) -> Arrival:
    """Both as one, at the later time: a million lines may have as many times."""
    assert isinstance(first.users, list | array)  # noqa: S101 - made from a group
    first.users.extend(second.users)
    return first if first.at >= second.at else replace(first, at=second.at)


def as_sent(error: InvalidInput, key: LineGroup, user: User) -> str:
    """What is wrong with a line of a group, with the value as it was sent."""
    sent = {"at": key.at, "users": user}.get(error.field or "")
    return error.detail if sent is None else f"{error.detail} (sent as {wording.quoted(sent)})"
