"""Decides, by the headers of a request alone, who sent it and whether they may.

It needs no Flask context and no body: whatever listens can ask it before it reads the body.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import parse_qsl

from flask import Flask, g
from werkzeug.sansio.http import parse_cookie

from donebit import clock
from donebit.access.known_tokens import KnownTokens
from donebit.access.report_tokens import Nonces, ReportTokens, TokenOfTask
from donebit.access.roles import Caller, Narrow, Need, Open, Role
from donebit.access.secret import derived_key
from donebit.access.sessions import COOKIE, DashboardSession
from donebit.config import Settings
from donebit.errors import Forbidden, Unauthorized
from donebit.store import Store
from donebit.web.refusals import Refusals

# What each route asks of its caller, by method and rule: "GET /tasks/<task_id>". A rule with "?name" is what
# it asks where the query has that parameter. A route that is not named is for nobody.
Needs = Mapping[str, Need]

EVERY_SERVICE: Needs = {
    "GET /health": Open.ANYONE,
    "GET /health/live": Open.ANYONE,
    "GET /static/<path:filename>": Open.ANYONE,  # the sign-in page is drawn with them
    "GET /metrics": Role.READ,
    "GET /openapi.json": Role.READ,
    "GET /docs/": Role.READ,
    "GET /docs/openapi.json": Role.READ,
    "GET /docs/oauth2-redirect.html": Role.READ,
    "GET /docs/static/<path:filename>": Role.READ,
    "GET /docs/swagger": Role.READ,
    "GET /docs/swagger/<path:filename>": Role.READ,
}
EXTENSION = "donebit_access"
ASKS = "send `Authorization: Bearer` with a token of this service"


def route_name(method: str, rule: str) -> str:
    """What a route is called in such a table; HEAD is its GET, which Flask answers it with."""
    return f"{'GET' if method == 'HEAD' else method} {rule}"


class Admitted(NamedTuple):
    """A request that is let in, and who sent it; None where no token is asked for."""

    caller: Caller | None


class AccessControl:
    """The access rules of one service in one process. Thread-safe."""

    def __init__(self, needs: Needs, settings: Settings, store: Store) -> None:
        """
        Args:
            needs: what each route of the service asks of its caller
            settings: of the process
            store: that holds the named tokens
        """
        self.needs = {**EVERY_SERVICE, **needs}
        self.idle: timedelta = settings.session_idle
        self.enabled = settings.api_token is not None
        api_token = settings.api_token.get_secret_value() if settings.api_token else ""
        secret = settings.signing_secret or ""
        self.session_key = derived_key(secret, "session")
        self.tokens, self._report_tokens = KnownTokens(store, api_token), ReportTokens(secret)
        self._nonces, self.refusals = Nonces(store), Refusals()
        self._by_query: dict[str, list[tuple[str, Need]]] = {}
        for route, need in needs.items():
            rule, _, parameter = route.partition("?")
            if parameter:
                self._by_query.setdefault(rule, []).append((parameter, need))

    def authorize(
        self, route: str | None, query: str, authorization: str, cookie: str, task_id: str | None = None
    ) -> Caller | None:
        """Find out who sent a request, and refuse one who may not send it.

        It asks Redis every other second, for 0.8 s at most: call it on a thread that may wait.

        Args:
            route: such as "GET /tasks/<task_id>"; None for no route
            query: what follows the question mark, as it came
            authorization: the header of that name; empty for none
            cookie: the header of that name; empty for none
            task_id: the task in the request's path; None for none

        Returns:
            The caller; None where no token is asked for, or a page leads to the sign-in.

        Raises:
            Unauthorized: it has no token, or one that is unknown, and needs one.
            Forbidden: its token may not do that.
            StoreUnavailable: nobody can say whether its token is valid.
        """
        need = self.need_of(route, query)
        if need is Open.ANYONE:
            return None
        given = authorization.partition(" ")[2].strip()
        if of_task := self._report_tokens.read(given):
            return self._reporter(of_task, need, task_id)
        caller = self.identify(authorization, cookie)
        if need is Open.PAGE:
            return caller
        if caller is None:
            if given:
                raise Unauthorized("the token is unknown or revoked", reason="unknown_token")
            raise Unauthorized(ASKS, reason="token")
        _refuse_lower(caller, role_of(need), f"{route}")
        return caller

    def admit_at_once(self, route: str, authorization: str, task_id: str | None = None) -> Admitted | None:
        """Admit a request that `authorize` would admit, without asking Redis; None for any other.

        Args:
            route: such as "POST /distinct"; it needs a role
            authorization: the header of that name; empty for none
            task_id: the task in the request's path; None for none
        """
        if not self.enabled:
            return Admitted(None)
        need = self.needs.get(route, Open.ANYONE)
        scheme, _, given = authorization.partition(" ")
        if of_task := self._report_tokens.read(given.strip()):
            is_good = need is Narrow.TASK and task_id == of_task.task_id and self._nonces.is_known(of_task)
            return Admitted(reporter_of(of_task)) if is_good else None
        caller = self.tokens.find_at_once(given.strip()) if scheme.lower() == "bearer" else None
        if caller is None or isinstance(need, Open) or not caller.role.covers(role_of(need)):
            return None
        return Admitted(caller)

    def _reporter(self, token: TokenOfTask, need: Need, task_id: str | None) -> Caller:
        """Who reports with a task's own token."""
        if need is not Narrow.TASK or task_id != token.task_id:
            raise Forbidden(
                f"the report token of task {token.task_id} is good for reporting its steps and failures, and "
                "for nothing else",
                reason="role",
                who=f"task {token.task_id}",
            )
        if not self._nonces.is_current(token):
            raise Unauthorized(
                f"the token is of an earlier task {token.task_id}, which was deleted", reason="unknown_token"
            )
        return reporter_of(token)

    def need_of(self, route: str | None, query: str = "") -> Need:
        """What a route asks of its caller.

        Raises:
            Forbidden: nothing is declared for it.
        """
        if route is None:
            return Role.READ  # what is nowhere is nobody's business but a caller's with a token
        if route.startswith("OPTIONS "):
            return Role.READ
        if (by_query := self._by_query.get(route)) and query:
            given = {name for name, _ in parse_qsl(query, keep_blank_values=True)}
            for parameter, need in by_query:
                if parameter in given:
                    return need
        if route not in self.needs:
            raise Forbidden(f"{route} declares no role, so nobody may use it", reason="role")
        return self.needs[route]

    def identify(self, authorization: str, cookie: str) -> Caller | None:
        """Whose token or session a request has; None for nobody's."""
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() == "bearer":  # and no other: a proxy's password leaves the cookie to be looked at
            return self.tokens.find(given.strip())
        # As it came: another program of the host may have set cookies that are no UTF-8.
        return self.signed_in(parse_cookie(cookie).get(COOKIE, "")) if COOKIE in cookie else None

    def is_operator(self, authorization: str) -> bool:
        """Whether a request has API_TOKEN. It asks nobody."""
        scheme, _, given = authorization.partition(" ")
        return scheme.lower() == "bearer" and self.tokens.is_operator(given.strip())

    def is_known(self, authorization: str, cookie: str) -> bool:
        """Whether a request has a valid token or session, whatever it may do with it.

        Raises:
            StoreUnavailable: nobody can say.
        """
        if of_task := self._report_tokens.read(authorization.partition(" ")[2].strip()):
            return self._nonces.is_current(of_task)
        return self.identify(authorization, cookie) is not None

    def signed_in(self, value: str) -> Caller | None:
        """Whose session a cookie's value is; None where it has ended."""
        session = DashboardSession.from_cookie(value, self.session_key)
        if session is None or session.is_idle(clock.now_ms(), self.idle):
            return None
        return self.tokens.find_session(session)


def reporter_of(token: TokenOfTask) -> Caller:
    """Who reports with a task's own token."""
    return Caller(f"task {token.task_id}", Role.REPORT, "", task_id=token.task_id, nonce=token.nonce)


def role_of(need: Role | Narrow) -> Role:
    """The role that a caller with a token of many uses must have."""
    return Role.REPORT if need is Narrow.TASK else Role(need)


def access_of(app: Flask) -> AccessControl:
    """The access rules of a service."""
    access: AccessControl = app.extensions[EXTENSION]
    return access


def task_nonce() -> str:
    """The nonce of the only task that the current request may report to; empty for any task."""
    caller = current_caller()
    return caller.nonce if caller else ""


def refuse_below(role: Role, what: str) -> None:
    """Refuse the current request to a caller whose role is too low for what it asks for in its body.

    Raises:
        Forbidden: it is.
    """
    if caller := current_caller():
        _refuse_lower(caller, role, what)


def _refuse_lower(caller: Caller, role: Role, what: str) -> None:
    if not caller.role.covers(role):
        raise Forbidden(
            f"{what} needs a token of the role `{role}`; {caller.name} has `{caller.role}`",
            reason="role",
            who=caller.name,
        )


def current_caller() -> Caller | None:
    """Who sent the current request; None where no token is asked for, or none was given."""
    caller: Caller | None = g.get("caller")
    return caller
