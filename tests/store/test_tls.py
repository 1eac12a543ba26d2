"""Over TLS an address means the same for store and broker: whom they trust, who they are, and which name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as NoConnection

from donebit import queue
from donebit.config import Settings
from donebit.errors import BrokerUnavailable, ConfigurationError, StoreUnavailable
from donebit.queue import CONTROL, Publisher
from donebit.queue_lengths import read_lengths
from donebit.store import Store
from donebit.store.store import WORKER_TIMEOUT, refuse_unfit
from tests.rabbit import RunningRabbit
from tests.sentinel_group import MASTER
from tests.stack import Stack
from tests.store.test_addresses import BOTH, reach, written
from tests.tls import Certificates, TlsServer, tls_server


def refused_by_both(url: str, why: str) -> None:
    with pytest.raises((ConfigurationError, StoreUnavailable)) as by_store:
        refuse_unfit(Store.at(url, connections=1))
    assert why in by_store.value.in_full
    with (
        closing(queue.make_celery(Settings(redis_url=url), sends_only=True)) as app,
        pytest.raises((OperationalError, NoConnection)) as by_broker,
    ):
        app.send_task(queue.SWEEP, queue=queue.CONTROL)
    assert why in str(by_broker.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_ca_and_a_clients_certificate_are_enough_for_both(
    tls_redis: TlsServer, certificates: Certificates, host: str
) -> None:
    reach(f"rediss://{host}:{tls_redis.port}/0?{certificates.options}")

    assert written(tls_redis.client) == BOTH


def test_another_ca_is_refused_by_both(tls_redis: TlsServer, certificates: Certificates) -> None:
    options = f"ssl_ca_certs={certificates.another_ca}&{certificates.of_client}"

    refused_by_both(f"rediss://localhost:{tls_redis.port}/0?{options}", "certificate verify failed")


def test_without_a_certificate_the_server_refuses_both(
    tls_redis: TlsServer, certificates: Certificates
) -> None:
    url = f"rediss://localhost:{tls_redis.port}/0?ssl_ca_certs={certificates.ca}"

    refused_by_both(url, "")  # the server may close the connection before its reason is read


@pytest.fixture
def renamed(certificates: Certificates, tmp_path: Path) -> Iterator[TlsServer]:
    with tls_server(tmp_path / "renamed", certificates, certificates.renamed) as server:
        yield server


def test_a_server_of_another_name_is_refused_unless_it_may_have_one(
    renamed: TlsServer, certificates: Certificates
) -> None:
    url = f"rediss://localhost:{renamed.port}/0?{certificates.options}"

    refused_by_both(url, "Hostname mismatch")
    assert written(renamed.client) == set()
    reach(f"{url}&ssl_check_hostname=false")

    assert written(renamed.client) == BOTH


def test_sentinels_are_asked_over_tls_too(
    tls_redis: TlsServer, certificates: Certificates, tmp_path: Path
) -> None:
    watched = f"sentinel monitor {MASTER} 127.0.0.1 {tls_redis.port} 1"
    with tls_server(tmp_path / "sentinel", certificates, certificates.server, watched) as sentinel:
        reach(f"rediss+sentinel://localhost:{sentinel.port}/{MASTER}/0?{certificates.options}")

    assert written(tls_redis.client) == BOTH


def test_a_task_runs_over_tls_from_end_to_end(
    tls_redis: TlsServer, certificates: Certificates, tmp_path: Path
) -> None:
    url = f"rediss://localhost:{tls_redis.port}/0?{certificates.options}"
    (tmp_path / "stack").mkdir()
    stack = Stack(tmp_path / "stack")
    stack._environment["REDIS_URL"] = url
    stack.store = Store.at(url, timeout=WORKER_TIMEOUT)
    try:
        stack.start()
        task_id = stack.create(300, job="demo", params={"sleep_ms": 1}, then={"job": "demo", "count": 3})
        stack.await_told(task_id)
    finally:
        stack.close()

    assert stack.told(task_id) == [f"{task_id}.1.done"]


def publisher_at(url: str) -> Publisher:
    return Publisher(queue.make_celery(Settings(broker_url=url)))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_rabbitmq_is_reached_over_tls(
    rabbit: RunningRabbit, certificates: Certificates, real_store: Store, host: str
) -> None:
    url = rabbit.tls_url(host, certificates.options)

    publisher_at(url).announce("a")

    settings = Settings(redis_url="redis://127.0.0.1:1/0", broker_url=url)
    assert (read_lengths(real_store, settings) or {})[CONTROL] >= 1


def test_rabbitmq_of_another_ca_or_name_is_refused(rabbit: RunningRabbit, certificates: Certificates) -> None:
    options = (  # 127.1 is the loopback, and a name that the certificate lacks
        ("localhost", f"ssl_ca_certs={certificates.another_ca}&{certificates.of_client}", "verify failed"),
        ("localhost", f"ssl_ca_certs={certificates.ca}", ""),
        ("127.1", certificates.options, "ostname mismatch"),
    )
    for host, given, why in options:
        with pytest.raises(BrokerUnavailable) as refusal:
            publisher_at(rabbit.tls_url(host, given)).announce("a")
        assert why in refusal.value.in_full
