"""A service that a proxy has under a path of its own host, such as /donebit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask
from flask_openapi3 import Server

from donebit.config import Settings
from donebit.errors import ConfigurationError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def prefix_of(name: str, settings: Settings) -> str:
    """The prefix that is set for a service such as `done_app`; empty for none."""
    return str(getattr(settings, f"{name.removesuffix('_app')}_prefix", ""))


def servers_at(prefix: str) -> list[Server] | None:
    """What an OpenAPI document says of where its paths are."""
    return [Server(url=prefix)] if prefix else None


def put_under(app: Flask, prefix: str) -> None:
    """Have a service answer below a prefix, if it is not empty."""
    if prefix:
        app.wsgi_app = UnderPrefix(app.wsgi_app, prefix)  # type: ignore[method-assign]  # as Flask has it


def within_prefix(app: Flask, environ: WSGIEnvironment) -> WSGIEnvironment:
    """The environ of a request as the routes of a service see it."""
    return app.wsgi_app.within(environ) if isinstance(app.wsgi_app, UnderPrefix) else environ


def path_below(prefix: str, path: str) -> str:
    """A path without the prefix, if it begins with one."""
    return path[len(prefix) :] if path == prefix or path.startswith(f"{prefix}/") else path


def refuse_own_path(app: Flask, prefix: str) -> None:
    """Refuse a prefix that is a path of the service itself, or the beginning of one.

    A proxy may leave the prefix away, so `/done` would be either the service's root or its route.

    Raises:
        ConfigurationError: it is one; the error names a route.
    """
    for rule in app.url_map.iter_rules():
        if prefix and begins(rule.rule, prefix):
            setting = f"{app.name.removesuffix('_app').upper()}_PREFIX"
            raise ConfigurationError(
                f"settings: {setting} is {prefix!r}, where {app.name} has its own path {rule.rule}"
            )


def begins(rule: str, prefix: str) -> bool:
    """Return whether a path of this rule may be the prefix, or begin with it."""
    parts, wanted = rule.strip("/").split("/"), prefix.strip("/").split("/")
    if len(parts) < len(wanted) and not parts[-1].startswith("<path:"):
        return False
    return all(part == one or part.startswith("<") for part, one in zip(parts, wanted, strict=False))


class UnderPrefix:
    """Answers the paths below a prefix, and gives out addresses that begin with it.

    A proxy may pass the whole path or leave the prefix away; both work. The prefix is a setting and no
    header: every caller could send one, and a page's stream is drawn for all who listen.
    """

    def __init__(self, app: WSGIApplication, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._app(self.within(environ), start_response)

    def within(self, environ: WSGIEnvironment) -> WSGIEnvironment:
        """The environ with the path below the prefix."""
        return environ | {
            "SCRIPT_NAME": self._prefix,
            "PATH_INFO": path_below(self._prefix, environ.get("PATH_INFO", "")) or "/",
        }
