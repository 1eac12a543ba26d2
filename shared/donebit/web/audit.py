"""The audit: who did what to what. The one place that records it, for all routes of a service.

Each route that changes something is declared beside what it needs: as audited, with what it does and to
what, or as counted, where single marks and visits would drown the rest.
"""

from __future__ import annotations

import logging
import textwrap
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import NamedTuple

from flask import Flask, Response, g, request
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from donebit.access.audit import Deed, keep
from donebit.access.roles import Caller
from donebit.store import Store
from donebit.web.access import current_caller, route_name
from donebit.web.problems import MEDIA_TYPE

EXTENSION = "donebit_audit"
LONGEST_DETAIL = 500  # characters
# No token has such a name.
ANYONE = "(no token)"  # where none is asked for
OF_TASKS = "(tasks' own tokens)"

log = logging.getLogger(__name__)


class Audited(NamedTuple):
    """A route whose successful requests are listed.

    Attributes:
        action: what it does, in an imperative
        subject: to what; parts of the path stand in braces. None: only its view says it, with `name`,
            and nothing is listed unless it does
        query: parameters of the query that are listed too
    """

    action: str
    subject: str | None = ""
    query: tuple[str, ...] = ()


class Counted(NamedTuple):
    """A route whose successful requests are counted by token in /metrics, and not listed."""


COUNTED = Counted()
# By method and rule, as in Needs: "GET /distinct?userId" is that route where its query has the parameter.
Audits = Mapping[str, Audited | Counted]


class Named(NamedTuple):
    """What a view says about its request.

    Attributes:
        subject: what was changed
        detail: what else is worth listing; no ids of users
        who: the name of the token, where the view has found it
    """

    subject: str
    detail: str
    who: str


def name(subject: str, detail: str = "", who: str = "") -> None:
    """Say what the current request has changed; see Named."""
    g.audit_named = Named(subject, detail, who)


class CountedRequests(Collector):
    """How many requests of the counted routes succeeded in this process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = Counter[tuple[str, str]]()

    def note(self, who: str, route: str) -> None:
        with self._lock:
            self._counts[who, route] += 1

    def collect(self) -> Iterable[Metric]:
        """The counts, by the name of the token and the route."""
        family = CounterMetricFamily(
            "donebit_changes", "Requests here that changed something, not listed", labels=["token", "route"]
        )
        with self._lock:
            counts = dict(self._counts)
        for labels, count in counts.items():
            family.add_metric(labels, count)
        yield family


class Audit:
    """Records what the requests of one service did."""

    def __init__(self, store: Store, audits: Audits, most: int) -> None:
        """
        Args:
            store: that keeps the entries
            audits: what is audited, and what is counted
            most: how many entries are kept, about
        """
        self._store, self.audits, self._most = store, audits, most
        self._by_query = {rule.partition("?")[0]: rule for rule in audits if "?" in rule}
        self.counted = CountedRequests()

    def after(self, response: Response) -> Response:
        """Record the current request, if it has changed something."""
        # A form's script gets a problem with the status 200.
        done = response.status_code < HTTPStatus.BAD_REQUEST and response.mimetype != MEDIA_TYPE
        if done and (declared := self.declared()) is not None and request.url_rule is not None:
            self._record(declared, route_name(request.method, request.url_rule.rule))
        return response

    def declared(self) -> Audited | Counted | None:
        """What the route of the current request is declared as; None for one that changes nothing."""
        if request.url_rule is None:
            return None
        return self.audits.get(self._with_query(route_name(request.method, request.url_rule.rule)))

    def _with_query(self, route: str) -> str:
        longer = self._by_query.get(route)
        return longer if longer and longer.partition("?")[2] in request.args else route

    def _record(self, declared: Audited | Counted, route: str) -> None:
        if isinstance(declared, Counted):
            self.count(current_caller(), route)
        elif declared.subject is not None or "audit_named" in g:
            self._keep(deed_of(declared))

    def count(self, caller: Caller | None, route: str) -> None:
        """Count a successful request of a route that is counted, such as "POST /distinct"."""
        who = caller.name if caller else ANYONE
        self.counted.note(OF_TASKS if caller and caller.task_id else who, route)

    def _keep(self, deed: Deed) -> None:
        try:
            keep(self._store, deed, self._most)
        except Exception:  # it is done, and must not be answered as if it were not
            log.exception("the audit lacks %s", deed)


def deed_of(declared: Audited) -> Deed:
    """What the current request did."""
    named: Named = g.get("audit_named") or Named("", "", "")
    caller = current_caller()
    subject = named.subject or (declared.subject or "").format_map(request.view_args or {})
    given = [f"{one}={request.args[one]}" for one in declared.query if one in request.args]
    detail = ", ".join([named.detail, *given] if named.detail else given)
    # Cut within a task's id, it would name another task.
    shown = textwrap.shorten(detail, LONGEST_DETAIL, placeholder=" ...", break_on_hyphens=False)
    return Deed(named.who or (caller.name if caller else ANYONE), declared.action, subject, shown)


def audit_of(app: Flask) -> Audit:
    """The audit of a service."""
    audit: Audit = app.extensions[EXTENSION]
    return audit


def register(app: Flask, store: Store, audits: Audits, most: int) -> Audit:
    """Have an audit see every answer of a service; see Audit."""
    audit = app.extensions[EXTENSION] = Audit(store, audits, most)
    app.after_request(audit.after)
    return audit
