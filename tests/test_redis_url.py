"""One reading of REDIS_URL: what an address means, and in one sentence why it is none."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from donebit import config, queue
from donebit.config import Settings
from donebit.errors import ConfigurationError
from donebit.redis_url import RedisUrl, Tls, read
from donebit.store.client import connect
from donebit.store.store import SERVICE_TIMEOUT

CA = str(Path(__file__).parent / "store/certificates/ca.pem")


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("redis://h", RedisUrl("h")),
        ("redis://h:7/3", RedisUrl("h", 7, database=3)),
        ("redis://h/3/", RedisUrl("h", database=3)),
        ("redis://h?db=3", RedisUrl("h", database=3)),
        ("redis://h/3?db=3", RedisUrl("h", database=3)),
        ("redis://[::1]:7/0", RedisUrl("::1", 7)),
        ("redis://:p%2F%3F%23%5B%40%3A%25@h/0", RedisUrl("h", password="p/?#[@:%")),
        ("redis://me:secret@h", RedisUrl("h", username="me", password="secret")),
        ("unix:///run/redis.sock", RedisUrl(socket_path="/run/redis.sock")),
        ("unix:///run/me@home.sock", RedisUrl(socket_path="/run/me@home.sock")),
        ("unix://me:secret@/run/redis.sock?db=2", RedisUrl("", 6379, "/run/redis.sock", 2, "me", "secret")),
        (
            "redis+socket:///run/redis.sock?virtual_host=2",
            RedisUrl(socket_path="/run/redis.sock", database=2),
        ),
        ("rediss://h", RedisUrl("h", tls=Tls())),
        ("rediss://h?ssl_cert_reqs=required", RedisUrl("h", tls=Tls())),
        ("rediss://h?ssl_cert_reqs=CERT_REQUIRED", RedisUrl("h", tls=Tls())),
        ("rediss://h?ssl_cert_reqs=CERT_NONE", RedisUrl("h", tls=Tls(ssl.CERT_NONE))),
        ("rediss://h?ssl_check_hostname=False", RedisUrl("h", tls=Tls(check_hostname=False))),
        (f"rediss://h?ssl_ca_certs={CA}", RedisUrl("h", tls=Tls(ca_file=CA))),
        ("redis://h:7,i:8/0", RedisUrl("h", 7, others=(("i", 8),))),
        ("redis://h,i", RedisUrl("h", others=(("i", 6379),))),
        ("redis://:a,b@h,[::1]:7,j?db=0", RedisUrl("h", password="a,b", others=(("::1", 7), ("j", 6379)))),
        ("redis://h:7,redis://i:8", RedisUrl("h", 7, others=(("i", 8),))),
        ("rediss://:p@h:7/0,rediss://:p@i:8/0", RedisUrl("h", 7, "", 0, "", "p", Tls(), (("i", 8),))),
        ("redis://:a,b@h", RedisUrl("h", password="a,b")),
        ("redis+sentinel://h/name", RedisUrl(sentinels=(("h", 26379),), master="name")),
        ("sentinel://h:7/name/0", RedisUrl(sentinels=(("h", 7),), master="name")),
        (
            "redis+sentinel://me:p%2C%40@h:7,[::1]:8,i/name/3?sentinel_username=you&sentinel_password=hush",
            RedisUrl(
                database=3,
                username="me",
                password="p,@",
                sentinels=(("h", 7), ("::1", 8), ("i", 26379)),
                master="name",
                sentinel_username="you",
                sentinel_password="hush",
            ),
        ),
        (
            f"rediss+sentinel://h/name?ssl_ca_certs={CA}",
            RedisUrl(sentinels=(("h", 26379),), master="name", tls=Tls(ca_file=CA)),
        ),
    ],
)
def test_an_address_means_the_same_in_every_spelling(url: str, meant: RedisUrl) -> None:
    assert read(url) == meant


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis://h/abc", "it names database 'abc'"),
        ("redis://h,i:99999", "it cannot be read: the port must be 1 to 65535"),
        ("redis://:p@h,redis://i", "the addresses in it differ in more than host and port"),
        ("redis://h/0,redis://i/1", "the addresses in it differ in more than host and port"),
        ("redis://h,rediss://i", "the addresses in it differ in more than host and port"),
        ("redis://h/-1", "it names database '-1'"),
        ("redis://h/1/2", "it names database '1/2'"),
        ("redis://h/1234567890123456789", "it names database '1234567890123456789'"),
        ("redis://h/1?db=2", "it names more than one database: 1, 2"),
        ("redis://h?protocol=3", "it has an option 'protocol'; known are db, "),
        ("redis://h?socket_timeout=9", "it has an option 'socket_timeout'"),
        ("redis://h?nonsense=1", "it has an option 'nonsense'"),
        ("redis://h?ssl_cert_reqs=none", "its option ssl_cert_reqs is for TLS"),
        ("rediss://h?ssl_cert_reqs=maybe", "its option ssl_cert_reqs is 'maybe'; it must be one of required"),
        ("rediss://h?ssl_ca_certs=/nosuch.pem", "its option ssl_ca_certs names no file: '/nosuch.pem'"),
        (f"rediss://h?ssl_ca_certs={__file__}", "its certificate files cannot be used"),
        ("redis://h?db=1&db=2", "it has an option twice"),
        ("redis://h:port", "it cannot be read"),
        ("redis://:se/cret@h/0", "it cannot be read"),
        ("redis://:sec#ret@h/0", "it cannot be read"),
        ("redis://:/secret@h:6379/0", "it cannot be read"),
        ("redis://:12/secret@h", "it cannot be read"),
        ("redis://:?secret@h/0", "it cannot be read"),
        ("redis://:12?db=secret@h/0", "it cannot be read"),
        ("redis://:/?db=1&secret@h/0", "it cannot be read"),
        ("unix://:12/secret@/run/redis.sock", "it cannot be read"),
        ("redis://[::1", "it cannot be read"),
        ("unix://", "it names no socket file"),
        ("unix://run/redis.sock", "it names no socket file, by its whole path: unix:///path/of/the.sock"),
        ("redis://h:7,", "it has a comma with no host beside it"),
        ("redis://h,:7,i", "it has a comma with no host beside it"),
        ("redis://me:cret@h,me:cret@i", "user and password stand in it once, before the first host"),
        ("redis+sentinel://me:cret@h,me:cret@i/name", "user and password stand in it once"),
        ("redis+sentinel://h:26379", "it must name Sentinels and what they call the server"),
        ("redis+sentinel://h:26379/", "it must name Sentinels and what they call the server"),
        ("redis+sentinel://h:26379/0?db=1", "it must name Sentinels and what they call the server"),
        ("redis+sentinel://h,,i/name", "it must name Sentinels and what they call the server"),
        (
            "sentinel://h:26379;sentinel://i:26379",
            "it must have commas between its Sentinels: redis+sentinel://h1,h2,h3/name/0",
        ),
        ("redis+sentinel://:cret@h;i/name", "it must have commas between its Sentinels"),
        ("redis+sentinel://h:port,i/name", "it cannot be read"),
        ("redis+sentinel://h,i:0/name", "it cannot be read"),
        ("redis+sentinel://:se/cret@h/name", "it cannot be read"),
        ("redis+sentinel://h/name/x", "it names database 'x'"),
        (
            "redis+sentinel://h/name?ssl_ca_certs=x",
            "its option ssl_ca_certs is for TLS, which rediss+sentinel://",
        ),
        ("redis://h?sentinel_password=cret", "it has an option 'sentinel_password'"),
        ("valkey://h", "it must begin with redis://, rediss://, unix:// or redis+sentinel://"),
        ("localhost:6379", "it must begin with redis://"),
    ],
)
def test_what_is_no_address_is_one_sentence_for_store_and_broker(url: str, why: str) -> None:
    with pytest.raises(ConfigurationError) as of_the_store:
        connect(url, connections=1, timeout=SERVICE_TIMEOUT)

    assert of_the_store.value.detail.startswith(f"REDIS_URL: {why}")
    assert "cret" not in of_the_store.value.detail


@pytest.mark.parametrize(
    ("broker", "same"),
    [
        ("", True),
        ("redis://localhost:6379", True),
        ("redis://localhost?db=0", True),
        ("redis://celery:another@localhost/0", True),
        ("redis://localhost/1", False),
        ("redis+sentinel://localhost:6379/name/0", False),
        ("redis://localhost:6380/0", False),
        ("unix:///run/redis.sock", False),
        ("amqp://localhost", False),
    ],
)
def test_the_broker_is_the_store_in_whatever_spelling(broker: str, same: bool) -> None:
    settings = Settings(redis_url="redis://:secret@localhost/0", broker_url=broker)

    assert settings.broker_is_the_store is same


@pytest.mark.parametrize("variable", ["REDIS_URL", "BROKER_URL"])
def test_both_settings_refuse_an_address_by_name(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "redis://:hush@h?nonsense=1")

    with pytest.raises(ConfigurationError) as refusal:
        config.load()

    assert refusal.value.detail.startswith(f"settings: {variable}: it has an option 'nonsense'")
    assert "hush" not in refusal.value.detail


def test_celery_shows_no_password() -> None:
    app = queue.make_celery(Settings(redis_url="redis://me:hush@h:7/3"))

    assert "hush" not in app.connection_for_write().as_uri(include_password=True)


def test_a_broker_is_one_server() -> None:
    with pytest.raises(ValueError, match="it names several servers; Celery's broker is one"):
        Settings(broker_url="redis://h,i/0")
