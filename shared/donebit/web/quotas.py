"""Limits of a service: requests a second for every route, and how much there may be, for its views to ask."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial

from flask import Flask, current_app, request
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from donebit.access.quotas import Quota, Quotas
from donebit.access.quotas_of_tokens import QuotasOfTokens
from donebit.access.rates import Rates
from donebit.access.roles import Caller
from donebit.access.tokens import OPERATOR
from donebit.activity.limits import Limits
from donebit.config import Settings
from donebit.errors import QuotaExceeded, StoreUnavailable
from donebit.store import Store
from donebit.web.access import access_of, current_caller
from donebit.web.audit import ANYONE, OF_TASKS
from donebit.web.exchange import exchange_of

EXTENSION, RATES, OF_TOKENS = "donebit_quotas", "donebit_rates", "donebit_quotas_of_tokens"


class QuotaCollector(Collector):
    """What is used of each limit that is set."""

    def __init__(self, quotas: Quotas, of_tokens: QuotasOfTokens) -> None:
        self._quotas, self._of_tokens = quotas, of_tokens

    def collect(self) -> Iterable[Metric]:
        """The limits and what is used of them; nothing while Redis is away."""
        limits = GaugeMetricFamily("donebit_quota_limit", "The most that there may be", labels=["setting"])
        used = GaugeMetricFamily(
            "donebit_quota_used", "How much of it there is, of a token the most", labels=["setting"]
        )
        for quota in self._read():
            limits.add_metric([quota.setting], quota.limit)
            used.add_metric([quota.setting], quota.used)
        return [limits, used]

    def _read(self) -> list[Quota]:
        try:
            return self._quotas.all() + self._of_tokens.all()
        except StoreUnavailable:
            return []


def register(app: Flask, store: Store, settings: Settings) -> Collector:
    """Hold a service to the limits; register it after what finds out who a caller is."""
    quotas = app.extensions[EXTENSION] = Quotas.in_all(store, settings)
    of_tokens = app.extensions[OF_TOKENS] = QuotasOfTokens(store, settings)
    rates = app.extensions[RATES] = Rates(
        store, settings.requests_per_second_of_token, settings.requests_per_second
    )
    if rates.is_limited:
        app.before_request(refuse_fast)
    return QuotaCollector(quotas, of_tokens)


def quotas_of(app: Flask) -> Quotas:
    """The limits of a service."""
    quotas: Quotas = app.extensions[EXTENSION]
    return quotas


def current_quotas() -> Quotas:
    """The limits of the service that answers now."""
    return quotas_of(current_app)


def admit_task(task_id: str | None = None) -> None:
    """Admit the start of a task by the current request, or of one that exists already.

    Raises:
        QuotaExceeded: as many have not ended as may be, in all or of its token.
    """
    current_quotas().admit_task(task_id)
    if who := bounded_token():
        _of_tokens().tasks.admit(who, task_id)


def admit_again(task_id: str) -> None:
    """Admit that a task runs on, which may have ended. Raises QuotaExceeded as `admit_task` does."""
    current_quotas().admit_again(task_id)
    if who := bounded_token():
        _of_tokens().tasks.admit_again(who, task_id)


def admit_events(events: Collection[str]) -> None:
    """Admit visits of the current request to events.

    Raises:
        QuotaExceeded: more of them are new than there may be, in all or of its token.
    """
    current_quotas().admit_events(events)
    if who := bounded_token():
        _of_tokens().of(who).admit_events(events)


def admit_flag(flag: str) -> None:
    """Admit users of a flag. Raises QuotaExceeded as `admit_events` does."""
    current_quotas().admit_flag(flag)
    if who := bounded_token():
        _of_tokens().of(who).admit_flag(flag)


def note_task(task_id: str) -> None:
    """Note that the current request has started a task."""
    if who := bounded_token():
        _of_tokens().tasks.note(who, task_id)


def bounded_token() -> str | None:
    """The name of the token of the current request; None for API_TOKEN, which has no limits, and for none."""
    caller = current_caller()
    return caller.name if caller and caller.name != OPERATOR else None


class LimitsOfRequest(Limits):
    """The limits of what the current request begins in activity, in all and of its token."""

    def text_room(self) -> int:
        """How many more text ids there may be."""
        room, who = current_quotas().text_room(), bounded_token()
        return min(room, _of_tokens().of(who).text_room()) if who else room

    def admit_texts(self, new: int) -> None:
        """Admit so many new text ids. Raises QuotaExceeded if there may not be so many more."""
        current_quotas().admit_texts(new)
        if who := bounded_token():
            _of_tokens().of(who).admit_texts(new)

    def noting_texts(self) -> Callable[[list[int]], None] | None:
        """What notes the numbers of new text ids; None if there is no limit that they count for."""
        who = bounded_token()
        return partial(_of_tokens().note_texts, who) if who and _of_tokens().limits_texts() else None

    def note_event(self, event: str) -> None:
        """Note that the current request has begun an event."""
        if who := bounded_token():
            _of_tokens().note(who, "events", event)

    def note_flag(self, flag: str) -> None:
        """Note that the current request has begun a flag."""
        if who := bounded_token():
            _of_tokens().note(who, "flags", flag)


def _of_tokens() -> QuotasOfTokens:
    found: QuotasOfTokens = current_app.extensions[OF_TOKENS]
    return found


def refuse_fast() -> None:
    """Refuse the current request if there are too many in this second.

    Raises:
        QuotaExceeded: there are.
    """
    exchange = exchange_of(request.environ)
    if exchange is None or not exchange.is_counted:
        count_request(current_app, current_caller())


def count_request(app: Flask, caller: Caller | None) -> None:
    """Hold a request against the limits of requests a second.

    What is open to anyone has limits of its own, and API_TOKEN must work when all the others do not.

    Args:
        app: the service
        caller: who sent it; None where no token is asked for

    Raises:
        QuotaExceeded: there are too many in this second.
    """
    rates: Rates = app.extensions[RATES]
    if not rates.is_limited or (caller is None and access_of(app).enabled):
        return
    who = ANYONE if caller is None else OF_TASKS if caller.task_id else caller.name
    if setting := rates.exceeded(who, exempt=who == OPERATOR):
        raise QuotaExceeded(
            f"too many requests of {who} in this second ({setting}); nothing was changed", setting, who
        )
