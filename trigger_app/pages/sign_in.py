"""Signing in to the dashboard with a cookie, as a browser sends no Authorization header by itself."""

from __future__ import annotations

import hmac

from flask import Blueprint, redirect, render_template, request, session
from flask.typing import ResponseReturnValue

from donebit.config import Settings
from donebit.web.guard import SIGNED_IN, free


def add_routes(routes: Blueprint, settings: Settings) -> None:
    """Add the form and the address that it is sent to."""

    @routes.get("/sign-in")
    @free
    def sign_in() -> ResponseReturnValue:
        return render_template("sign_in.html", refused=False, to=own_path(request.args.get("to", "/")))

    @routes.post("/sign-in")
    @free
    def check_token() -> ResponseReturnValue:
        given, token = request.form.get("token", ""), settings.api_token
        to = own_path(request.form.get("to", "/"))
        if not token:  # nothing to sign in to, and no key to sign a cookie with
            return redirect(f"{request.script_root}{to}")
        if not hmac.compare_digest(given.encode(), token.get_secret_value().encode()):
            return render_template("sign_in.html", refused=True, to=to), 401
        session[SIGNED_IN] = True
        return redirect(f"{request.script_root}{to}")


def own_path(to: str) -> str:
    """Return `to` if it is on this service, else `/`: browsers read "//" and "/\\" as another host."""
    within = to.startswith("/") and not to.startswith(("//", "/\\")) and to.isprintable()
    return to if within else "/"
