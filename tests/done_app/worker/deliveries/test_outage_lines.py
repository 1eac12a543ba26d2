"""What a courier logs while Redis is away, at which it looks several times a second."""

from __future__ import annotations

import pytest

from done_app.worker.deliveries.courier import Courier
from donebit.demo.ports import free_server_port
from donebit.store import Store


def test_an_outage_is_logged_once_and_not_at_every_look(caplog: pytest.LogCaptureFixture) -> None:
    away = Store.at(f"redis://127.0.0.1:{free_server_port()}/0")
    one = Courier(away, "webhook", lambda _: "sent")

    for _ in range(5):
        one.look()

    (line,) = caplog.messages
    assert line.startswith("deliveries by webhook are postponed: Redis cannot be reached")
