"""Settings that make no sense are refused by their names, before anything starts."""

from __future__ import annotations

import pytest

from donebit import config
from donebit.errors import ConfigurationError

ONE_CENTURY = "a number of seconds, above 0 and at most 3153600000"
ONE_DAY = "a number of seconds, above 0 and at most 86400"
OUT_OF_BOUNDS = [
    ("WAIT_REPLICAS", "-1", "at least 0"),
    ("WAIT_REPLICAS", "11", "at most 10"),
    ("WAIT_REPLICAS", "all", "an integer"),
    ("WAIT_REPLICAS", "1.5", "an integer"),
    ("WEB_PROCESSES", "0", "at least 1"),
    ("WEB_PROCESSES", "129", "at most 128"),
    ("TRIGGER_PORT", "65536", "at most 65535"),
    ("MAX_STEPS", "100000001", "at most 100000000"),
    ("MAX_STEPS", "9" * 30, "at most 100000000"),
    ("MAX_SEGMENTS", "0", "more than 0"),
    ("MAX_OPEN_TASKS", "-1", "at least 0"),
    ("AUDIT_ENTRIES", "1000000001", "at most 1000000000"),
    ("SAMPLE", "2", "0 or 1"),
    ("LOG_FORMAT", "JSON", "'text' or 'json'"),
    *(("TASK_TTL", text, ONE_CENTURY) for text in ("0", "1e-9", "-1", "1d", "nan", "inf", "1e300", "1e10")),
    *(("QUESTION_TIMEOUT", text, ONE_DAY) for text in ("0", "86401", "soon")),
]


@pytest.mark.parametrize(("name", "value", "bound"), OUT_OF_BOUNDS)
def test_a_value_beyond_its_bounds_is_named_with_them(
    name: str, value: str, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError) as refusal:
        config.load()

    assert refusal.value.detail == f"settings: {name}: must be {bound}; it is {value!r}"


BOUNDS = [("AUDIT_ENTRIES", "1000000000"), ("TASK_TTL", "3153600000"), ("QUESTION_TIMEOUT", "86400")]


@pytest.mark.parametrize(("name", "value"), BOUNDS)
def test_a_bound_itself_is_taken(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)

    config.load()


NO_HOSTS = (
    "https://a.example/",
    "a.example:8000",
    "a.example/x",
    ".a.example",
    "*.a.example",
    "[::1]",
    "a b",
    "ä.example",
)


@pytest.mark.parametrize("name", ["ALLOWED_HOSTS", "WEBHOOK_HOSTS"])
@pytest.mark.parametrize("value", NO_HOSTS)
def test_what_is_no_host_is_refused_since_it_would_match_nothing(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, f"b.example,{value}")

    with pytest.raises(ConfigurationError) as refusal:
        config.load()

    assert refusal.value.detail.startswith(f"settings: {name}: must be names such as example.org")
    assert refusal.value.detail.endswith(f"{value!r} is none")


def test_names_and_addresses_are_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = ("trigger", "a_b.c-d.example", "127.0.0.1", "::1", "xn--4ca.example")
    monkeypatch.setenv("ALLOWED_HOSTS", ", ".join((*hosts, "a.example.", "*")))
    monkeypatch.setenv("WEBHOOK_HOSTS", ",".join(hosts))
    monkeypatch.setenv("WEBHOOK_SECRET", "x" * 32)

    settings = config.load()

    assert settings.allowed_hosts == (*hosts, "a.example.", "*")
    assert settings.webhook_hosts == hosts


@pytest.mark.parametrize("value", ["*", "a.example."])
def test_a_webhook_host_that_would_match_nothing_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBHOOK_HOSTS", value)

    with pytest.raises(ConfigurationError, match="settings: WEBHOOK_HOSTS: must be names such as"):
        config.load()


NO_CALLBACKS = ("shop.mail,@mails", "shop.mail@", "shop mail", "mail@a b")
NO_COLLECTORS = ("collector:4318", "grpc://collector:4317", "http://", "http://a b")


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        *(("CALLBACKS", one, "must be names, or name@queue") for one in NO_CALLBACKS),
        *(("OTEL_EXPORTER_OTLP_ENDPOINT", one, "must be a URL such as") for one in NO_COLLECTORS),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector", "must be a URL such as"),
    ],
)
def test_what_nothing_could_be_sent_to_is_refused(
    name: str, value: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError) as refusal:
        config.load()

    assert refusal.value.detail.startswith(f"settings: {name}: {why}")
    assert repr(value.rpartition(",")[2]) in refusal.value.detail


def test_callbacks_are_names_with_or_without_a_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLBACKS", "shop.mail, shop.bill@bills, shop.log@celery@here.dq")

    queues = config.load().callback_queues

    assert queues == {"shop.mail": "celery", "shop.bill": "bills", "shop.log": "celery@here.dq"}
