"""What kinds of settings there are, and how secrets among them are read from files."""

from __future__ import annotations

import re
from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import EnvSettingsSource, NoDecode

from donebit.secret_files import read_secret, refuse_both

PATH_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")  # so no //, which browsers read as another host
SECRETS = ("api_token", "secret_key", "webhook_secret", "redis_url", "broker_url")


class SecretFiles(EnvSettingsSource):
    """Reads each secret from the file that a variable with _FILE at its end names."""

    def __call__(self) -> dict[str, str]:
        """The secrets by their settings' names; empty where no file is named."""
        named = {one: path for one in SECRETS if (path := self.env_vars.get(f"{one}_file"))}
        for one in named:
            if self.env_vars.get(one):
                refuse_both(one.upper())
        fields = self.settings_cls.model_fields
        return {one: read_secret(f"{one.upper()}_FILE", path) for one, path in named.items() if one in fields}


def _seconds(value: object) -> object:
    # Left to itself, pydantic takes numbers as seconds but a text, as all of the environment is, as ISO 8601.
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"Input should be a number of seconds; it is {value!r}") from None


def _path_prefix(value: str) -> str:
    prefix = value.rstrip("/")
    if not PATH_PREFIX.fullmatch(prefix) or {".", ".."} & set(prefix.split("/")):
        raise ValueError(
            f"must be a path such as /donebit, of letters, digits and . _ ~ - only; it is {value!r}"
        )
    return prefix


def _networks(listed: tuple[str, ...]) -> tuple[str, ...]:
    for one in listed:
        try:
            ip_network(one, strict=False)
        except ValueError:
            raise ValueError(
                f"must be addresses or networks such as 10.0.0.0/8; {one!r} is neither"
            ) from None
    return listed


PathPrefix = Annotated[str, AfterValidator(_path_prefix)]
Names = Annotated[tuple[str, ...], NoDecode]
Networks = Annotated[tuple[str, ...], NoDecode, AfterValidator(_networks)]
Port = Annotated[int, Field(ge=1, le=65535)]
Duration = Annotated[timedelta, BeforeValidator(_seconds), Field(gt=timedelta(0))]
