"""What goes wrong at the front door is answered and logged, as what goes wrong in a view is."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from done_app.service import create_app
from donebit.config import Settings
from donebit.store import Store
from donebit.web.guard import EXTENSION
from tests.web.front.asked import Asked, Door
from tests.web.services import ELSEWHERE


def test_an_error_before_the_view_is_a_problem_and_a_line_of_the_log(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(redis_url=ELSEWHERE, broker_url="memory://")
    app = create_app(settings, store)

    def fail(_: object) -> bool:
        raise KeyError("a mistake")

    monkeypatch.setattr(app.extensions[EXTENSION], "is_operator", fail)

    with caplog.at_level(logging.ERROR):
        answered = asyncio.run(Door(app, settings).ask(Asked("GET", b"/tasks")))

    assert answered.status == 500
    assert json.loads(answered.body)["detail"] == "internal error of the service; its log has the details"
    (record,) = caplog.records
    assert record.getMessage() == "GET /tasks failed"
    assert record.exc_info is not None
