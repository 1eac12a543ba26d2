"""Settings that make no sense are refused by their names, before anything starts."""

from __future__ import annotations

import pytest

from donebit import config
from donebit.errors import ConfigurationError

NONSENSE = {"WAIT_REPLICAS": ("-1", "11", "all"), "WEB_PROCESSES": ("0", "129", "many")}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in NONSENSE for value in NONSENSE[name]])
def test_a_number_beyond_its_bounds_is_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match=rf"{name}: Input should be"):
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
