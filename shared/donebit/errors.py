"""Every error a user can meet: one small tree, each with its HTTP status."""

from __future__ import annotations

import sys
from http import HTTPStatus
from typing import Any, NoReturn

from donebit.utf8 import one_line

EXIT_BY_SETTING = 2  # of a program that stops at its start since a setting, or the server it names, is unfit


class DonebitError(Exception):
    """What all of them share. `field` names the input at fault, where there is one."""

    status: int = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field

    def __reduce__(self) -> tuple[Any, ...]:
        """Be the same error in another process, whatever a class of errors is made from."""
        return _made_again, (type(self), self.args, self.__dict__)

    @property
    def in_full(self) -> str:
        """The detail with the error that led to it, which may name commands and keys: for the log alone."""
        return f"{self.detail} ({self.__cause__})" if self.__cause__ else self.detail


def _made_again(kind: type[DonebitError], args: tuple[Any, ...], fields: dict[str, Any]) -> DonebitError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(fields)
    return error


class InvalidInput(DonebitError):
    """A value outside its bound; the message names both."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class NotFound(DonebitError):
    """Nothing is known under that name, or it has expired."""

    status = HTTPStatus.NOT_FOUND


class Conflict(DonebitError):
    """The request is sound, but the state of the thing does not allow it."""

    status = HTTPStatus.CONFLICT


# Why a request is refused, as /metrics counts it: no token; one that is unknown; one whose role is too low; a
# page of another site; a form of another session; an unknown Host; a wrong sign-in, and one during a pause;
# more than is allowed of something.
REASONS = (
    "token",
    "unknown_token",
    "role",
    "origin",
    "form",
    "host",
    "crowd",
    "connections",
    "sign_in",
    "sign_in_pause",
    "quota",
)


class Refused(DonebitError):
    """Refused by who sent the request, or by where it comes from.

    `reason` is one of REASONS, `who` the name of the token that it was sent with, if known.
    """

    def __init__(self, detail: str, *, reason: str, who: str = "") -> None:
        super().__init__(detail)
        self.reason, self.who = reason, who


class Unauthorized(Refused):
    """A token is asked for, and none or a wrong one was given."""

    status = HTTPStatus.UNAUTHORIZED


class Forbidden(Refused):
    """Refused by the role of the token, or by where the request comes from or is addressed to."""

    status = HTTPStatus.FORBIDDEN


class QuotaExceeded(Refused):
    """More than is allowed: of something, or of requests in a second. `setting` says how much is."""

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, detail: str, setting: str, who: str = "") -> None:
        super().__init__(detail, reason="quota", who=who)
        self.setting = setting


class StoreUnavailable(DonebitError):
    """Redis cannot be reached, or did not answer in time: try again later."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class TookTooLong(DonebitError):
    """A question was given up, as it takes longer than one may."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class AnswerLost(DonebitError):
    """The process that computed an answer was ended by something else."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class BrokerUnavailable(DonebitError):
    """A message could not be handed to the broker."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class TooManyStreams(DonebitError):
    """Every thread that event streams may hold is held: try again later."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class BadBackup(DonebitError):
    """A backup is damaged, cut short or of another kind, or what was restored is not what it says."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class ApiError(DonebitError):
    """A service answered the client with an error status; `status` and `detail` are the answer's."""

    status: int

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.args = (status, detail)  # what repr shows, and pickle gives to this function again
        self.status = status

    def __str__(self) -> str:
        return f"{self.status}: {self.detail}"


class ServiceUnreachable(DonebitError):
    """A service did not answer the client, however often it was tried."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class ConfigurationError(DonebitError):
    """A setting, or the server's own, that Donebit refuses to run with."""


def stop_program(detail: str) -> NoReturn:
    """End the process at its start, with one sentence and the exit code 2."""
    sys.stderr.write(f"{one_line(detail)}\n")
    raise SystemExit(EXIT_BY_SETTING)
