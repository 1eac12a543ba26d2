"""RabbitMQ killed, cut off and frozen under load: no step is lost or counted twice, and work goes on soon.

pytest tests/faults/torture/test_rabbitmq.py -s       prints how long a report and a new task took
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial

import pytest

from tests.faults.torture.at_work import try_at_work
from tests.faults.torture.rabbit_harms import HARMS, SAMPLE, OnRabbit
from tests.faults.torture.trial import Reporters
from tests.rabbit import RunningRabbit
from tests.stack import started_stack
from tests.tls import Certificates
from tests.torture import Healed, is_long

USUAL_TIMEOUT = timedelta(minutes=30)  # that RabbitMQ waits for an acknowledgement


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("name", HARMS if is_long(metafunc.config) else SAMPLE)


@pytest.fixture(scope="module")
def tried_rabbit(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningRabbit]:
    """In a long run one of the module's own, which waits as long as any does where it is frozen."""
    if not is_long(request.config):
        yield request.getfixturevalue("running_rabbit")
        return
    certificates: Certificates = request.getfixturevalue("certificates")
    with closing(RunningRabbit(tmp_path_factory.mktemp("rabbit"), certificates, USUAL_TIMEOUT)) as rabbit:
        yield rabbit


@pytest.fixture
def on_rabbit(tried_rabbit: RunningRabbit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnRabbit]:
    if not tried_rabbit.answers():
        tried_rabbit.start()
    with started_stack(tmp_path_factory.mktemp("stack"), BROKER_URL=tried_rabbit.url) as stack:
        yield OnRabbit(stack, tried_rabbit)


@pytest.mark.timeout(600)
def test_what_is_reported_and_run_outlasts_what_happens_to_rabbitmq(
    name: str,
    chance: random.Random,
    healed: Healed,
    reporters: Reporters,
    on_rabbit: OnRabbit,
    request: pytest.FixtureRequest,
) -> None:
    harm, stack = HARMS[name], on_rabbit.stack

    work = try_at_work(
        stack,
        stack.server.url,
        partial(harm.act, on_rabbit),
        reporters,
        chance,
        is_long_run=is_long(request.config),
    )

    assert stack.answer(work.task_id)["failed_attempts"] == 0
    work.trial.assert_whole()
    work.assert_soon(healed, harm.outage_seconds)
