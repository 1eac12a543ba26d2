"""docker-compose.yml and compose.cluster.yml as Docker Compose would read them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.started import REPOSITORY

FILE, CLUSTER_FILE = REPOSITORY / "docker-compose.yml", REPOSITORY / "compose.cluster.yml"
VARIABLE = re.compile(
    r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?:(?P<kind>:-|:\?)(?P<text>[^}]*))?\}|(?P<other>))"
)


class Missing(Exception):
    """A variable that must be set is empty."""


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """`$$`, `${VAR}`, `${VAR:-default}` and `${VAR:?message}`; any other dollar is a mistake of the file."""

    def value(found: re.Match[str]) -> str:
        if found["dollar"]:
            return "$"
        if found["name"] is None:
            raise ValueError(f"a dollar that is no variable: {text!r}")
        if given := variables.get(found["name"]):
            return given
        if found["kind"] == ":?":
            raise Missing(f"{found['name']} {found['text']}")
        return found["text"] or ""

    return VARIABLE.sub(value, text)


def resolved(node: Any, variables: Mapping[str, str]) -> Any:
    """The same tree with every string in it interpolated."""
    if isinstance(node, dict):
        return {key: resolved(value, variables) for key, value in node.items()}
    if isinstance(node, list):
        return [resolved(value, variables) for value in node]
    return interpolate(node, variables) if isinstance(node, str) else node


def project(file: Path) -> str:
    """The name that a file gives to all that is made of it."""
    return str(yaml.safe_load(file.read_text())["name"])


def services(variables: Mapping[str, str], file: Path = FILE) -> dict[str, Any]:
    return dict(resolved(yaml.safe_load(file.read_text())["services"], variables))
