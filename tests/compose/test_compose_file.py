"""What docker-compose.yml promises, read without Docker."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from dotenv import dotenv_values

from tests.compose.compose_file import CLUSTER_FILE, FILE, Missing, services
from tests.faults.test_least_privilege import OF_OTHER_QUEUES, USER
from tests.started import REPOSITORY

SECRETS = ("REDIS_PASSWORD", "API_TOKEN")
LIMITS = (
    "MAX_OPEN_TASKS",
    "MAX_OPEN_TASKS_OF_TOKEN",
    "MAX_EVENTS",
    "MAX_EVENTS_OF_TOKEN",
    "MAX_FLAGS",
    "MAX_FLAGS_OF_TOKEN",
    "MAX_TEXT_IDS",
    "MAX_TEXT_IDS_OF_TOKEN",
    "REQUESTS_PER_SECOND",
    "REQUESTS_PER_SECOND_OF_TOKEN",
)
SECRETS_OF_CLUSTER = (*SECRETS, "CLUSTER_PASSWORD", "BROKER_PASSWORD")
GIVEN = dict.fromkeys(SECRETS_OF_CLUSTER, "a-secret")
EXAMPLE = {name: value or "" for name, value in dotenv_values(REPOSITORY / ".env.example").items()}


@pytest.fixture
def parts() -> dict[str, Any]:
    return services(GIVEN)


def test_the_files_are_ones_that_compose_understands() -> None:
    checker = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec")
    command = (*checker, FILE, CLUSTER_FILE)

    said = subprocess.run(command, capture_output=True, text=True, check=False)

    assert said.returncode == 0, said.stdout


def test_env_example_names_every_variable_of_the_files_and_no_other() -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", FILE.read_text() + CLUSTER_FILE.read_text()))

    assert set(EXAMPLE) == used


def test_the_example_gives_the_files_own_defaults_and_no_secret() -> None:
    filled = {**EXAMPLE, **GIVEN}

    assert services(filled) == services(GIVEN)
    assert services(filled, CLUSTER_FILE) == services(GIVEN, CLUSTER_FILE)
    assert [EXAMPLE[name] for name in SECRETS_OF_CLUSTER] == ["", "", "", ""]


@pytest.mark.parametrize("missing", SECRETS)
def test_a_secret_that_is_missing_is_named_with_what_to_do(missing: str) -> None:
    for file in (FILE, CLUSTER_FILE):
        with pytest.raises(Missing, match=rf"{missing} is empty, copy .env.example"):
            services({**GIVEN, missing: ""}, file)


def test_secrets_come_from_the_environment_alone() -> None:
    text = FILE.read_text() + CLUSTER_FILE.read_text()
    written = re.findall(r"^ +(?!REQUESTS|MAX_)\w*(?:PASSWORD|PASS|TOKEN|AUTH): *(.*)", text, re.MULTILINE)

    assert written
    assert all(re.match(r'"\$\{\w+:(\?|-\})', value) for value in written)


def test_no_command_carries_a_secret_among_its_arguments(parts: dict[str, Any]) -> None:
    commands = {
        name: " ".join([*part["command"], *part["healthcheck"]["test"]]) for name, part in parts.items()
    }

    # Valkey hides its arguments only after it has started; in the file's script they stand before `<<`.
    assert not any(GIVEN["REDIS_PASSWORD"] in command for command in commands.values())
    assert "--requirepass" not in commands["redis"]
    assert " -a " not in commands["redis"]


def test_nothing_is_published_beyond_this_machine(parts: dict[str, Any]) -> None:
    published = {name: part["ports"] for name, part in parts.items() if "ports" in part}

    assert published == {
        "trigger": ["127.0.0.1:8098:8098"],
        "done": ["127.0.0.1:8097:8097"],
        "distinct": ["127.0.0.1:8096:8096"],
    }
    assert not any("network_mode" in part for part in parts.values())


def test_ports_can_be_moved() -> None:
    moved = services({**GIVEN, "TRIGGER_PORT": "1", "DONE_PORT": "2", "DISTINCT_PORT": "3"})

    ports = [moved[name]["ports"][0] for name in ("trigger", "done", "distinct")]

    assert ports == ["127.0.0.1:1:8098", "127.0.0.1:2:8097", "127.0.0.1:3:8096"]


def test_every_part_is_confined_checked_and_started_again(parts: dict[str, Any]) -> None:
    assert set(parts) == {"redis", "trigger", "done", "distinct", "worker", "beat"}
    for part in parts.values():
        assert part["restart"] == "unless-stopped"
        assert part["read_only"] is True
        assert part["cap_drop"] == ["ALL"]
        assert part["security_opt"] == ["no-new-privileges:true"]
        assert part["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
        assert re.fullmatch(r"\d+g", part["mem_limit"])
        assert 0 < part["pids_limit"] <= 512
        assert part["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
        assert "privileged" not in part
        assert "cap_add" not in part


def test_the_server_may_hold_half_of_what_its_container_may(parts: dict[str, Any]) -> None:
    redis = parts["redis"]

    holds, limit = redis["environment"]["REDIS_MAXMEMORY"], redis["mem_limit"]
    assert 2 * int(holds.removesuffix("gb")) == int(limit.removesuffix("g"))


def test_the_server_has_the_documented_user_with_the_least_rights(parts: dict[str, Any]) -> None:
    script = parts["redis"]["command"][-1]

    rules = USER.removeprefix("ACL SETUSER donebit on >PASSWORD ")
    assert rules in script
    assert all(key in script for key in OF_OTHER_QUEUES.removeprefix("ACL SETUSER donebit ").split())
    assert "requirepass" not in script


def test_what_a_proxy_needs_is_passed_on() -> None:
    asked = {
        "TRIGGER_PREFIX": "/a",
        "DONE_PREFIX": "/b",
        "DISTINCT_PREFIX": "/c",
        "TRUSTED_PROXIES": "10.1.2.3",
    }
    parts = services({**GIVEN, "ALLOWED_HOSTS": "bits.example,x.example", **asked})

    for name in ("trigger", "done", "distinct", "worker", "beat"):
        given = parts[name]["environment"]
        assert given["ALLOWED_HOSTS"] == "trigger,done,distinct,bits.example,x.example"
        assert {key: given[key] for key in asked} == asked


def test_limits_are_passed_on_to_whoever_holds_to_them() -> None:
    asked = {**dict.fromkeys(LIMITS, "7"), "EXAMPLE_GETS": "0"}
    parts = services({**GIVEN, **asked})

    for name in ("trigger", "done", "distinct", "worker", "beat"):
        assert {key: parts[name]["environment"][key] for key in asked} == asked


def test_images_can_be_pinned_by_their_digests() -> None:
    digest = f"@sha256:{'0' * 64}"
    named = {"REDIS_IMAGE": f"valkey/valkey:9{digest}", "PYTHON_IMAGE": f"python:3.13-slim{digest}"}
    parts = services({**GIVEN, **named})

    assert parts["redis"]["image"] == named["REDIS_IMAGE"]
    assert parts["done"]["build"]["args"] == {"PYTHON_IMAGE": named["PYTHON_IMAGE"], "LOCK": "run"}


def test_every_part_waits_for_the_server(parts: dict[str, Any]) -> None:
    waiting = {name for name, part in parts.items() if "depends_on" in part}

    assert waiting == set(parts) - {"redis"}
    assert all(parts[name]["depends_on"]["redis"]["condition"] == "service_healthy" for name in waiting)


def test_workers_can_be_many_and_beat_is_one(parts: dict[str, Any]) -> None:
    assert not {"container_name", "ports", "deploy", "hostname"} & set(parts["worker"])
    assert parts["beat"]["deploy"] == {"replicas": 1}


def test_the_data_outlives_the_server(parts: dict[str, Any]) -> None:
    assert parts["redis"]["volumes"] == ["redis:/data"]
