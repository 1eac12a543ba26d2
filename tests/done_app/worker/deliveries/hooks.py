"""What the tests of webhooks share: a delivery, and names that resolve as a test wants them to."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

import pytest

from done_app.worker.deliveries.webhooks import WebhookSender
from donebit.completion.delivery import Delivery
from tests.receiver import SECRET

NAME = "hooks.example.org"
EVENT = {
    "type": "task.done",
    "data": {"announcement_id": "msg_3f2a", "task_id": "nightly", "run": 1, "state": "done"},
}


def delivery_to(url: str) -> Delivery:
    return Delivery("nonce", url, EVENT, enqueued_at_ms=0)


def send(url: str, *hosts: str) -> str:
    return WebhookSender(hosts, [SECRET]).send(delivery_to(url))


class Names:
    """The name service as one name sees it: each question is answered with the next of the addresses.

    The last is given again and again. What else is asked is answered by the real one.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._answers: dict[str, list[Sequence[str]]] = {}
        self._real = socket.getaddrinfo
        self.asked: list[str] = []
        patch.setattr(socket, "getaddrinfo", self.answer)

    def set(self, name: str, *answers: Sequence[str]) -> None:
        self._answers[name] = list(answers)

    def answer(self, host: str, port: Any, *args: Any, **given: Any) -> list[Any]:
        if host not in self._answers:
            return self._real(host, port, *args, **given)
        self.asked.append(host)
        answers = self._answers[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [found for address in addresses for found in self._real(address, port, *args, **given)]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)
