"""A service that a proxy has under a path of its own host, such as /donebit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class UnderPrefix:
    """Answers the paths below a prefix, and gives out addresses that begin with it.

    A proxy may pass the whole path or leave the prefix away; both work. The prefix is a setting and no
    header: whoever can reach the service could send one, and a page's stream is drawn for all who listen.
    """

    def __init__(self, app: WSGIApplication, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == self._prefix or path.startswith(f"{self._prefix}/"):
            path = path[len(self._prefix) :]
        environ |= {"SCRIPT_NAME": self._prefix, "PATH_INFO": path or "/"}
        return self._app(environ, start_response)
