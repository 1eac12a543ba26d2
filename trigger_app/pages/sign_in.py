"""Signing in to the dashboard with a cookie, as a browser sends no Authorization header by itself."""

from __future__ import annotations

from http import HTTPStatus
from math import ceil

from flask import Blueprint, current_app, g, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from donebit import clock
from donebit.access.sessions import COOKIE, DashboardSession
from donebit.access.sign_in_pauses import SignInPauses
from donebit.config import Settings
from donebit.web import audit
from donebit.web.access import AccessControl, access_of, current_caller
from donebit.web.problems import note_refusal
from trigger_app.pages.view import redirect_to


def add_routes(routes: Blueprint, settings: Settings) -> None:
    """Add the form and the address that it is sent to, and signing out."""
    add_sign_out(routes)
    pauses = SignInPauses()

    @routes.get("/sign-in")
    def sign_in() -> ResponseReturnValue:
        return render_template("sign_in.html", refused="", to=own_path(request.args.get("to", "/")))

    @routes.post("/sign-in")
    def check_token() -> ResponseReturnValue:
        access, to = access_of(current_app), own_path(request.form.get("to", "/"))
        led_on = redirect(f"{request.script_root}{to}")
        if not access.enabled:  # nothing to sign in to, and no key to sign a cookie with
            return led_on
        address = request.remote_addr or ""
        if wait := pauses.begin(address):
            return paused(wait, to)
        caller = access.tokens.find(request.form.get("token", "").strip())
        if caller is None:
            note_refusal("sign_in")
            return render_template("sign_in.html", refused="Wrong token.", to=to), HTTPStatus.UNAUTHORIZED
        pauses.succeed(address)
        audit.name("the dashboard", who=caller.name)
        secure = settings.cookie_secure or is_behind_tls()
        set_cookie(led_on, access, DashboardSession.begin(caller.fingerprint, clock.now_ms(), secure=secure))
        return led_on

    routes.after_app_request(renew)


def paused(wait_seconds: float, to: str) -> ResponseReturnValue:
    """Answer to a sign-in that is not looked at, since too many before it were wrong."""
    note_refusal("sign_in_pause")
    seconds = ceil(wait_seconds)
    refused = f"Too many wrong tokens. Try again in {seconds} s."
    page = render_template("sign_in.html", refused=refused, to=to)
    return page, HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": str(seconds)}


def add_sign_out(routes: Blueprint) -> None:
    """Add the address by which a session ends, or all of its token with `everywhere`."""

    @routes.post("/sign-out")
    def sign_out() -> ResponseReturnValue:
        access, caller = access_of(current_app), g.pop("caller", None)  # so that nothing renews its cookie
        if caller:
            everywhere = bool(request.form.get("everywhere"))
            access.tokens.sign_out(caller, access.idle, everywhere=everywhere)
            audit.name("the dashboard", "everywhere" if everywhere else "", caller.name)
        led_on = redirect_to("/sign-in" if access.enabled else "/")
        led_on.delete_cookie(COOKIE, path=request.script_root or "/", httponly=True, samesite="Strict")
        return led_on


def is_behind_tls() -> bool:
    """Whether the browser speaks TLS: a proxy says so, or the page's own origin.

    A browser that lies about it only keeps its own cookie from being sent.
    """
    forwarded = request.headers.get("X-Forwarded-Proto", "").split(",")[0].strip().lower()
    return request.is_secure or forwarded == "https" or request.headers.get("Origin", "").startswith("https:")


def renew(response: Response) -> Response:
    """Send the cookie again while its browser is active, so that the session ends when it is not."""
    caller, access = current_caller(), access_of(current_app)
    if caller and caller.session and caller.session.is_due(now_ms := clock.now_ms(), access.idle):
        set_cookie(response, access, caller.session.renewed(now_ms))
    return response


def set_cookie(response: Response, access: AccessControl, session: DashboardSession) -> None:
    """Give a browser the cookie of a session, for this service only."""
    response.set_cookie(
        COOKIE,
        session.to_cookie(access.session_key),
        path=request.script_root or "/",  # what else is on that host does not get it
        secure=session.secure,
        httponly=True,
        samesite="Strict",
    )


def own_path(to: str) -> str:
    """Return `to` if it is on this service, else `/`: browsers read "//" and "/\\" as another host."""
    within = to.startswith("/") and not to.startswith(("//", "/\\")) and to.isprintable()
    return to if within else "/"
