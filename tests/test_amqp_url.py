"""One reading of a BROKER_URL that is RabbitMQ: what it means, and in one sentence why it is none."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from donebit import config, queue
from donebit.amqp_url import AmqpUrl, read
from donebit.config import Settings
from donebit.errors import ConfigurationError
from donebit.redis_url import Tls

CA = str(Path(__file__).parent / "store/certificates/ca.pem")


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("amqp://h", AmqpUrl("h", 5672)),
        ("pyamqp://h/", AmqpUrl("h", 5672)),
        ("amqp://h//", AmqpUrl("h", 5672)),
        ("amqp://h:7/shop", AmqpUrl("h", 7, "shop")),
        ("amqp://h/%2Fshop", AmqpUrl("h", 5672, "/shop")),
        ("amqp://me:p%2F%3F%23%40@h", AmqpUrl("h", 5672, "/", "me", "p/?#@")),
        ("amqps://h", AmqpUrl("h", 5671, tls=Tls())),
        (f"amqps://h?ssl_ca_certs={CA}", AmqpUrl("h", 5671, tls=Tls(ca_file=CA))),
        ("amqps://h?ssl_cert_reqs=none", AmqpUrl("h", 5671, tls=Tls(ssl.CERT_NONE))),
    ],
)
def test_an_address_of_rabbitmq_means_this(url: str, meant: AmqpUrl) -> None:
    assert read(url) == meant
    assert read(meant.for_celery).virtual_host == meant.virtual_host


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("amqp://h?heartbeat=3", "it has an option 'heartbeat'; known are ssl_cert_reqs, "),
        ("amqp://h?ssl_cert_reqs=none", "its option ssl_cert_reqs is for TLS, which amqps:// stands for"),
        ("amqps://h?ssl_ca_certs=/nosuch.pem", "its option ssl_ca_certs names no file"),
        ("amqp://h:port", "it cannot be read"),
        ("amqp://h,i", "it names several servers; Celery's broker is one"),
        ("amqp://me:cret@h:5672;amqp://me:cret@i:5672", "it names several servers"),
        ("amqp://me:se/cret@h", "it cannot be read"),
        (
            "kafka://:cret@h",
            "it must begin with redis://, rediss://, unix:// or redis+sentinel://, or amqp://",
        ),
        ("sqs://", "it must begin with redis://"),
        ("rabbit:5672", "it must begin with redis://"),
    ],
)
def test_what_is_no_address_of_rabbitmq_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, url: str, why: str
) -> None:
    monkeypatch.setenv("BROKER_URL", url)

    with pytest.raises(ConfigurationError) as refusal:
        config.load()

    assert refusal.value.detail.startswith(f"settings: BROKER_URL: {why}")
    assert "cret" not in refusal.value.detail


@pytest.mark.parametrize(("length", "refused"), [(50, False), (51, True)])
def test_a_prefix_too_long_for_routing_keys_is_refused(
    monkeypatch: pytest.MonkeyPatch, length: int, refused: bool
) -> None:
    monkeypatch.setenv("BROKER_URL", "amqp://h")
    monkeypatch.setenv("KEY_PREFIX", "." * length)

    if not refused:
        assert config.load().key_prefix == "." * length
        return
    with pytest.raises(ConfigurationError, match="KEY_PREFIX is too long for RabbitMQ"):
        config.load()


def test_celery_shows_no_password_of_rabbitmq() -> None:
    app = queue.make_celery(Settings(broker_url="amqps://me:hush@h/shop"))

    assert app.connection_for_write().as_uri() == "amqp://me:**@h:5671/shop"
    assert "hush" not in app.conf.humanize(with_defaults=False, censored=True)
