"""Routes that have a short way: their plain requests are answered before Flask, and many at a time.

The view of such a route stays what it is documented by, and answers all its other requests. Both give the
same answers, as both call the same functions of the domain.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, TypeVar

from flask import Flask
from pydantic import BaseModel

from donebit.access.roles import Caller
from donebit.web.plain_request import PlainRequest

EXTENSION = "donebit_short_routes"

Item = TypeVar("Item")
Result = TypeVar("Result")


class ShortRoute(ABC, Generic[Item, Result]):
    """The short way of one route."""

    route: ClassVar[str]  # by method and rule, as in Needs: "POST /distinct"; it must be counted by the audit

    @abstractmethod
    def read(self, asked: PlainRequest) -> Item | None:
        """Read what a request asks for; None if it is not one of the route, or not valid."""

    @abstractmethod
    def do_each(self, items: Sequence[Item]) -> Sequence[Result | Exception | None]:
        """Do what requests ask for that arrived together; called in a thread.

        Returns:
            What came of each; None where nothing was changed, and the view is to do it.
        """

    @abstractmethod
    def describe(self, item: Item, result: Result) -> BaseModel:
        """The answer, as the view gives it."""

    def task_of(self, item: Item) -> str | None:
        """The task that a request is about; None for none."""
        del item
        return None

    def of_caller(self, item: Item, caller: Caller | None) -> Item:
        """What a request asks for, within what its caller may do; None where no token is asked for."""
        del caller
        return item

    def rest_of(self, item: Item, result: Result) -> Callable[[], object] | None:
        """What is to be done before the answer, in a thread; None for nothing."""
        del item, result
        return None


def add_short_route(app: Flask, route: ShortRoute[Item, Result]) -> None:
    """Give a route of a service a short way: at most one of each method."""
    app.extensions.setdefault(EXTENSION, []).append(route)


def short_routes_of(app: Flask) -> Sequence[ShortRoute[object, object]]:
    """The routes of a service that have a short way."""
    routes: Sequence[ShortRoute[object, object]] = app.extensions.get(EXTENSION, ())
    return routes
