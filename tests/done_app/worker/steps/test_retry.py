"""A report of finished steps outlasts an outage, and stays one report."""

from __future__ import annotations

from datetime import timedelta
from threading import Timer

import pytest

from done_app.worker.steps import retry
from done_app.worker.steps.retry import retry_until_stored
from donebit.completion import lifecycle, reporting
from donebit.completion.reporting import Report
from donebit.completion.spec import TaskSpec
from donebit.completion.state import State
from donebit.errors import InvalidInput, StoreUnavailable
from donebit.store import Store
from tests.completion.arranged import TTLS
from tests.servers import RunningServer, valkey_binary
from tests.servers import running as server_running

DONE = Report(fresh=1, completed_task=True, state=State.DONE, count=1, missing_steps=0, failed_steps=0)


class Outage:
    """Answers only from the third time on."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    def report(self, token: str) -> Report:
        self.tokens.append(token)
        if len(self.tokens) < 3:
            raise StoreUnavailable("Redis cannot be reached")
        return DONE


def test_every_repeat_of_a_report_carries_the_token_of_the_first() -> None:
    outage = Outage()

    report = retry_until_stored(outage.report)

    assert report is DONE
    assert len(outage.tokens) == 3
    assert len(set(outage.tokens)) == 1


def test_two_reports_carry_two_tokens() -> None:
    first, second = Outage(), Outage()

    retry_until_stored(first.report)
    retry_until_stored(second.report)

    assert first.tokens[0] != second.tokens[0]


def test_the_watcher_of_the_log_is_told_what_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    retry_until_stored(Outage().report)

    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "Redis is unavailable; the worker asks it again in 0.1 s",
        "Redis is unavailable; the worker asks it again in 0.2 s",
    ]


def test_a_report_that_is_wrong_is_not_repeated() -> None:
    tokens: list[str] = []

    def refuse(token: str) -> Report:
        tokens.append(token)
        raise InvalidInput("step 9 is not a step of it")

    with pytest.raises(InvalidInput):
        retry_until_stored(refuse)

    assert len(tokens) == 1


def test_after_a_long_time_it_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "RETRY_FOR", timedelta(0))
    outage = Outage()

    with pytest.raises(StoreUnavailable):
        retry_until_stored(outage.report)

    assert len(outage.tokens) == 1


def test_a_report_made_while_a_real_server_is_away_completes_its_task(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with server_running(valkey_binary(), tmp_path_factory.mktemp("away")) as server:
        store = Store.at(server.url)
        task = lifecycle.start(store, TaskSpec(2), ttls=TTLS, max_steps=2).task
        server.end()
        back = Timer(0.3, RunningServer.start, [server])
        back.start()

        report = retry_until_stored(lambda token: reporting.report(store, task.id, [0, 1], token=token))

        back.join()
    assert (report.fresh, report.completed_task, report.state) == (2, True, State.DONE)
