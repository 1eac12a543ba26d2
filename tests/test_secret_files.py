"""Secrets from files and tokens that are none: each is one sentence that names the variable."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from donebit import Donebit, config
from donebit.config import Settings
from donebit.errors import ConfigurationError, InvalidInput
from donebit.setting_types import SECRETS
from donebit.web.guard import refuse_open_address
from tests.servers import RunningServer
from tests.started import Started
from tests.web.real import running_services

LONG = "0123456789abcdef0123456789abcdef"
VALUES = {
    "api_token": LONG,
    "secret_key": LONG,
    "webhook_secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "redis_url": "redis://:hush@h:7/3",
    "broker_url": "redis://:hush@b:7/3",
}


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_each_secret_may_stand_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, end: str
) -> None:
    file = tmp_path / name
    file.write_text(VALUES[name] + end)
    monkeypatch.setenv(f"{name.upper()}_FILE", str(file))

    value = getattr(config.load(), name)

    assert getattr(value, "get_secret_value", lambda: value)() == VALUES[name]


def test_every_secret_setting_is_among_them() -> None:
    secret = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}

    assert secret | {"redis_url", "broker_url"} == set(SECRETS)


@pytest.mark.parametrize(
    ("content", "why"), [(None, "cannot be read: No such file"), (b"", "is empty"), (b"\xff", "is not UTF-8")]
)
def test_a_file_that_holds_no_secret_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, why: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("API_TOKEN_FILE", str(file))

    with pytest.raises(ConfigurationError, match=f"^settings: API_TOKEN_FILE names .*which {why}"):
        config.load_addresses()
    with pytest.raises(InvalidInput, match="API_TOKEN_FILE"):
        Donebit()


def test_a_secret_that_is_given_both_ways_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(LONG)
    monkeypatch.setenv("API_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("API_TOKEN", LONG)

    with pytest.raises(ConfigurationError, match="both API_TOKEN and API_TOKEN_FILE"):
        config.load()
    with pytest.raises(InvalidInput, match="both API_TOKEN and API_TOKEN_FILE"):
        Donebit()


@pytest.mark.parametrize("token", [" ", "\t", "x\n", "\x00", "a\x7fb", " x", "\u2028"])
def test_what_is_no_token_is_refused(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    with pytest.raises(ValueError, match="blank, or has control characters"):
        Settings(api_token=SecretStr(token))
    if "\x00" not in token:
        monkeypatch.setenv("API_TOKEN", token)
        with pytest.raises(ConfigurationError, match=r"^settings: API_TOKEN: is blank"):
            config.load()
        with pytest.raises(InvalidInput, match=r"^API_TOKEN is blank"):
            Donebit()


@pytest.mark.parametrize("token", ["x\n", " "])
def test_a_service_does_not_start_with_what_is_no_token(tmp_path: Path, token: str) -> None:
    started = Started([sys.executable, "-m", "done_app"], tmp_path, API_TOKEN=token)
    try:
        code = started.exit_code(20)
        (sentence,) = started.err.splitlines()
    finally:
        started.end()

    assert code == 2
    assert sentence.startswith("settings: API_TOKEN: is blank, or has control characters")


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="20 characters or more"):
        Settings(secret_key=SecretStr("a-short-one"))


@pytest.mark.parametrize(("token", "warns"), [("a", True), ("n" * 19, True), ("n" * 20, False)])
def test_a_token_that_can_be_guessed_is_warned_of(
    caplog: pytest.LogCaptureFixture, token: str, *, warns: bool
) -> None:
    with caplog.at_level(logging.WARNING):
        refuse_open_address(Settings(api_token=SecretStr(token)))

    assert ("API_TOKEN HAS LESS THAN 20 CHARACTERS" in caplog.text) is warns
    assert "nnn" not in caplog.text


def test_the_real_services_and_the_client_take_files(tmp_path: Path, valkey: RunningServer) -> None:
    (tmp_path / "token").write_text(f"{LONG}\n")
    (tmp_path / "url").write_text(f"{valkey.url}\n")
    files = {"API_TOKEN_FILE": str(tmp_path / "token"), "REDIS_URL_FILE": str(tmp_path / "url")}

    with running_services(tmp_path, "", API_TOKEN="", **files) as services:
        refused = services.ask("done", "GET", "/tasks").status
        with Donebit(services.url("trigger"), services.url("done"), LONG) as client:
            task_id = client.start(1)
            ended = client.report(task_id, [0])["completed_task"]

    assert (refused, ended) == (401, True)
