"""What an application says of its result backend: taken as Celery takes it, or refused in one sentence."""

from __future__ import annotations

from typing import Any

import pytest
from celery import Celery
from celery.exceptions import ImproperlyConfigured

from donebit.celery.backend import DonebitBackend


def backend(address: str, **options: Any) -> DonebitBackend:
    """The backend of an application with these settings; nothing is connected to."""
    app = Celery("configured", backend=address, set_as_current=False)
    app.conf.result_backend_transport_options = options
    found = app.backend
    assert isinstance(found, DonebitBackend)
    return found


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("donebit+redis://h:7/3", {"host": "h", "port": 7, "db": 3}),
        ("donebit+rediss://h:7?ssl_cert_reqs=required", {"host": "h", "port": 7, "db": 0}),
        ("donebit+redis+socket:///run/r.sock?virtual_host=3", {"path": "/run/r.sock", "db": 3}),
        ("donebit+socket:///run/r.sock", {"path": "/run/r.sock", "db": 0}),
        ("donebit://h:7/3", {"host": "h", "port": 7, "db": 3}),
    ],
)
def test_an_address_of_redis_is_read_as_by_celery(address: str, place: dict[str, object]) -> None:
    assert place.items() <= backend(address).connparams.items()


@pytest.mark.parametrize(
    ("address", "begins"),
    [
        ("donebit+memcached://h:7", "donebit+memcached://"),
        ("donebit+amqp://me:cret@h", "donebit+amqp://"),
        ("donebit+redis+sentinel://:cret@h,i/name/0", "donebit+redis+sentinel://"),
        ("donebit+unix:///run/r.sock", "donebit+unix://"),
    ],
)
def test_what_is_no_address_of_redis_is_refused_not_taken_for_one(address: str, begins: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        backend(address)

    assert str(refusal.value).startswith(
        f"result_backend begins with {begins}; it must begin with donebit+redis://"
    )
    assert "cret" not in str(refusal.value)


def test_sentinels_whose_master_is_not_named_are_refused_at_once() -> None:
    with pytest.raises(ImproperlyConfigured, match="result_backend_transport_options must have master_name"):
        backend("donebit+sentinel://h:26379;sentinel://i:26379")


@pytest.mark.parametrize("prefix", ["", 5, "a b", "{a}", "ä"])
def test_a_prefix_that_no_service_can_have_is_refused(prefix: object) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"donebit_key_prefix of .* must be 1 to 100 printable"):
        backend("donebit+redis://h", donebit_key_prefix=prefix)


def test_the_prefix_is_taken_from_the_options_of_the_backend() -> None:
    named = backend("donebit+redis://h", donebit_key_prefix="shop:", global_keyprefix="celerys")

    assert (named.key_prefix, backend("donebit+redis://h").key_prefix) == ("shop:", "donebit:")


def test_an_option_of_donebits_that_does_not_exist_is_refused() -> None:
    with pytest.raises(
        ImproperlyConfigured, match="has donebit_prefix; known of Donebit is donebit_key_prefix"
    ):
        backend("donebit+redis://h", donebit_prefix="shop:")
