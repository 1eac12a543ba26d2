"""What kinds of settings there are, and how secrets among them are read from files."""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import EnvSettingsSource, NoDecode

from donebit import amqp_url, redis_url
from donebit.names import checked_key_prefix
from donebit.secret_files import checked_token, read_secret, refuse_both
from donebit.wording import quoted
from donebit.zone_rules import NO_ZONES

PATH_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")  # so no //, which browsers read as another host
SHORTEST_SECRET, LONGEST_SECRET = 24, 64  # bytes, as Standard Webhooks asks for
HOW_TO_SIGN = "must be 24 to 64 bytes in base64, after whsec_ if you like: openssl rand -base64 32"
SHORTEST_KEY = 20  # characters
LONGEST_KEPT = timedelta(days=36_500)  # beyond some centuries neither Python nor a server can count
LONGEST_PATIENCE = timedelta(days=1)  # of a service; the system waits for no more than 24 days at once
HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")  # as a browser sends it
ANY_HOST = "*"
CALLBACK = re.compile(r"[^@\s]+(@\S+)?")  # the queue of one worker has an @ of its own
COLLECTOR = re.compile(r"https?://[^/\s]+(/\S*)?")
IN_THE_PROCESS = "memory://"  # a broker that no other process reaches, for tests of the services
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


def _seconds(longest: timedelta) -> BeforeValidator:
    """Reads a number of seconds above 0, up to so many.

    Left to itself, pydantic takes numbers as seconds but a text, as all of the environment is, as ISO 8601.
    """
    most = longest.total_seconds()

    def read(value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            seconds = float(value)
        except ValueError:
            seconds = 0
        if not timedelta.resolution.total_seconds() <= seconds <= most:
            raise ValueError(
                f"must be a number of seconds, above 0 and at most {most:.0f}; it is {quoted(value)}"
            )
        return seconds

    return BeforeValidator(read)


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


def _hosts(listed: tuple[str, ...]) -> tuple[str, ...]:
    for one in listed:
        if not HOST_NAME.fullmatch(one) and not _is_address(one):
            raise ValueError(
                "must be names such as example.org, or addresses, with commas between them, "
                f"without scheme, port and path; {one!r} is none"
            )
    return listed


def _callbacks(listed: tuple[str, ...]) -> tuple[str, ...]:
    for one in listed:
        if not CALLBACK.fullmatch(one):
            raise ValueError(f"must be names, or name@queue, with commas between them; {one!r} is neither")
    return listed


def _collector(value: str) -> str:
    if value and not COLLECTOR.fullmatch(value):
        raise ValueError(f"must be a URL such as http://collector:4318; it is {quoted(value)}")
    return value


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _hosts_or_any(listed: tuple[str, ...]) -> tuple[str, ...]:
    _hosts(tuple(one.removesuffix(".") for one in listed if one != ANY_HOST))
    return listed


def _split_at_commas(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _zone(value: str) -> str:
    if value not in available_timezones() - NO_ZONES:
        raise ValueError(f"no time zone {value!r}; it must be one of IANA's, such as Europe/Berlin")
    return value


def _store_url(value: str) -> str:
    redis_url.read(value)
    return value


def _broker_url(value: str) -> str:
    if amqp_url.is_rabbitmq(value):
        amqp_url.read(value)
    elif redis_url.is_redis(value):
        if redis_url.read(value).others:
            raise ValueError(amqp_url.SEVERAL)
    elif value and value != IN_THE_PROCESS:
        raise ValueError(f"{redis_url.BEGINNINGS}, or amqp:// of RabbitMQ")
    return value


def _api_token(value: SecretStr) -> SecretStr:
    checked_token(value.get_secret_value())
    return value


def _secret_key(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value().strip()) < SHORTEST_KEY:
        raise ValueError(f"must have {SHORTEST_KEY} characters or more: openssl rand -hex 32")
    return value


def _webhook_secrets(value: SecretStr) -> SecretStr:
    if not all(SHORTEST_SECRET <= _length(one) <= LONGEST_SECRET for one in listed_secrets(value) or [""]):
        raise ValueError(HOW_TO_SIGN)
    return value


def listed_secrets(secrets: SecretStr) -> tuple[str, ...]:
    """The secrets of a list with commas or spaces between them."""
    return tuple(secrets.get_secret_value().replace(",", " ").split())


def _length(secret: str) -> int:
    """How many bytes a webhook secret has; 0 for one that is no base64."""
    try:
        return len(base64.b64decode(secret.removeprefix("whsec_"), validate=True))
    except ValueError:
        return 0


PathPrefix = Annotated[str, AfterValidator(_path_prefix)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_at_commas)]
Callbacks = Annotated[Names, AfterValidator(_callbacks)]
CollectorUrl = Annotated[str, AfterValidator(_collector)]
Networks = Annotated[Names, AfterValidator(_networks)]
Hosts = Annotated[Names, AfterValidator(_hosts)]
HostsOrAny = Annotated[Names, AfterValidator(_hosts_or_any)]
KeyPrefix = Annotated[str, AfterValidator(checked_key_prefix)]
ZoneName = Annotated[str, AfterValidator(_zone)]
StoreUrl = Annotated[str, AfterValidator(_store_url)]
BrokerUrl = Annotated[str, AfterValidator(_broker_url)]
ApiToken = Annotated[SecretStr, AfterValidator(_api_token)]
SecretKey = Annotated[SecretStr, AfterValidator(_secret_key)]
WebhookSecrets = Annotated[SecretStr, AfterValidator(_webhook_secrets)]
Port = Annotated[int, Field(ge=1, le=65535)]
Duration = Annotated[timedelta, _seconds(LONGEST_KEPT), Field(gt=timedelta(0))]
Patience = Annotated[timedelta, _seconds(LONGEST_PATIENCE), Field(gt=timedelta(0))]
