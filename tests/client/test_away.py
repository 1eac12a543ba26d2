"""Clients whose services are away, or do not answer."""

from __future__ import annotations

import pytest

from donebit import Donebit, ServiceUnreachable
from donebit.demo.ports import free_server_port
from tests.client.conftest import TOKEN, MakeClient
from tests.lossy_proxy import LossyWay


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("127.0.0.1", "refused the connection or cannot be reached"),
        ("no-such-host.invalid", "has a host name that is unknown here"),
    ],
)
def test_a_service_that_is_away_is_one_short_sentence(
    make_client: MakeClient, host: str, reason: str
) -> None:
    url = f"http://{host}:{free_server_port()}"

    with pytest.raises(ServiceUnreachable) as caught:
        make_client(url, timeout_seconds=0).start(1)

    assert str(caught.value) == f"trigger_app at {url} {reason} (TRIGGER_URL sets its address)"


def test_wait_does_not_outlast_its_timeout_when_the_service_is_away(make_client: MakeClient) -> None:
    url = f"http://127.0.0.1:{free_server_port()}"

    with pytest.raises(ServiceUnreachable):
        make_client(url, url, timeout_seconds=3600).wait("any", timeout_seconds=0.3)


def test_wait_does_not_outlast_its_timeout_when_the_service_hangs(
    make_client: MakeClient, lossy: LossyWay, donebit: Donebit
) -> None:
    task_id = donebit.start(0)
    lossy.seconds_to_answer = 2.0

    with pytest.raises(ServiceUnreachable, match="did not answer in time"):
        make_client(lossy.url, lossy.url, TOKEN).wait(task_id, timeout_seconds=0.3)
    patient = make_client(lossy.url, lossy.url, TOKEN, timeout_seconds=0)
    assert patient.get(task_id)["state"] == patient.wait(task_id, 60)["state"] == "done"


def test_a_closed_client_opens_new_connections(make_client: MakeClient, addresses: list[str]) -> None:
    with make_client(*addresses) as client:
        task_id = client.start(1)

    assert client.get(task_id)["count"] == 1


def test_an_answer_that_cannot_be_decoded_is_none(cut_off_briefly: Donebit, lossy: LossyWay) -> None:
    lossy.encoding = "gzip"

    with pytest.raises(ServiceUnreachable):
        cut_off_briefly.get("any")
