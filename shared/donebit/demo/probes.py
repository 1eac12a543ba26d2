"""Probes: functions that say whether a process is ready. They are quick and never raise."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from donebit.demo.local_http import NoAnswer, ask

Probe = Callable[[], bool]

TIMEOUT_SECONDS = 1.0
NEVER = datetime.min.replace(tzinfo=UTC)


def redis_answers(host: str, port: int) -> Probe:
    """Return a probe for a Redis server that has loaded its data."""

    def probe() -> bool:
        try:
            with socket.create_connection((host, port), TIMEOUT_SECONDS) as connection:
                connection.sendall(b"*1\r\n$4\r\nPING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    return probe


def is_listened_on(host: str, port: int) -> Probe:
    """Return a probe for a program that listens only once it is ready."""

    def probe() -> bool:
        try:
            socket.create_connection((host, port), TIMEOUT_SECONDS).close()
        except OSError:
            return False
        return True

    return probe


def health_is_ok(address: str, service: str) -> Probe:
    """Return a probe for a service whose `GET /health` is 200 and names it: another may have its port."""
    return lambda: _health(address, service) is not None


def health_has_seen(address: str, part: str, since: datetime) -> Probe:
    """Return a probe for a done_app whose health says that a part, such as worker, was seen since a time."""

    def probe() -> bool:
        said = (_health(address, "done_app") or {}).get(part)
        return isinstance(said, dict) and bool(said.get("seen")) and _moment(said.get("last_seen")) >= since

    return probe


def _moment(text: object) -> datetime:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return NEVER


def _health(address: str, service: str) -> Mapping[str, Any] | None:
    try:
        answer = ask("GET", f"{address}/health", TIMEOUT_SECONDS)
    except NoAnswer:
        return None
    found = answer.status == HTTPStatus.OK and answer.said.get("service") == service
    return answer.said if found else None
