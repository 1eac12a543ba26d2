"""Real services, and both clients of them: the tests of calls are run with each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import TypeAlias, cast

import pytest

from donebit import Donebit
from tests.client.blocking import Blocking
from tests.lossy_proxy import LossyWay, lossy_way_to
from tests.servers import RunningServer
from tests.web.real import RealServices, running_services

TOKEN = "a token that nobody guesses"

MakeClient: TypeAlias = Callable[..., Donebit]


@pytest.fixture(scope="package")
def services(tmp_path_factory: pytest.TempPathFactory, valkey: RunningServer) -> Iterator[RealServices]:
    valkey.client.flushall()  # another test's may have been of another zone
    with running_services(
        tmp_path_factory.mktemp("services"), valkey.url, API_TOKEN=TOKEN, JOBS="tests.integration.own_jobs"
    ) as running:
        yield running


@pytest.fixture(params=[Donebit, Blocking], ids=["Donebit", "AsyncDonebit"])
def make_client(request: pytest.FixtureRequest) -> Iterator[MakeClient]:
    """Makes clients of either kind, and closes them at the end of the test."""
    kind: type[Donebit | Blocking] = request.param
    with ExitStack() as made:
        yield cast(MakeClient, lambda *given, **options: made.enter_context(closing(kind(*given, **options))))


@pytest.fixture
def addresses(services: RealServices) -> list[str]:
    return [services.url("trigger"), services.url("done"), TOKEN]


@pytest.fixture
def donebit(make_client: MakeClient, addresses: list[str]) -> Donebit:
    return make_client(*addresses)


@pytest.fixture
def lossy(services: RealServices) -> Iterator[LossyWay]:
    with lossy_way_to(services.url("done")) as way:
        yield way


@pytest.fixture
def cut_off(
    make_client: MakeClient, services: RealServices, lossy: LossyWay, monkeypatch: pytest.MonkeyPatch
) -> Donebit:
    """A client that reaches done_app through a proxy that loses answers."""
    monkeypatch.setattr("donebit.transport.FIRST_PAUSE_SECONDS", 0.001)
    return make_client(services.url("trigger"), lossy.url, TOKEN)


@pytest.fixture
def cut_off_briefly(make_client: MakeClient, services: RealServices, lossy: LossyWay) -> Donebit:
    """The same, which retries for 0.3 seconds alone."""
    return make_client(services.url("trigger"), lossy.url, TOKEN, timeout_seconds=0.3)
