"""What an application may say of this backend, refused in one sentence where it cannot be meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celery.exceptions import ImproperlyConfigured

from donebit.names import DEFAULT_KEY_PREFIX, checked_key_prefix

OPTIONS = "result_backend_transport_options"
OWN = "donebit_"  # at the beginning of each option that is not Celery's
PREFIX_OPTION = f"{OWN}key_prefix"  # as KEY_PREFIX of the services
NO_SCHEME = "donebit"  # of `donebit://host`, which leaves out that it is Redis
SENTINEL = "sentinel"
SCHEMES = ("redis", "rediss", "socket", SENTINEL, NO_SCHEME)
KNOWN = (
    "donebit+redis://, donebit+rediss://, donebit+redis+socket:// or, of Sentinels, "
    "donebit+sentinel://host:26379;sentinel://host:26380"
)


def checked_address(url: str, options: Mapping[str, Any]) -> str:
    """The address as Celery's Redis backend reads it, which takes any other scheme for `redis://`.

    Raises:
        ImproperlyConfigured: it is none of Redis, or the name of the Sentinels' master is missing.
    """
    address = url.removeprefix("redis+") if url.startswith("redis+socket:") else url
    scheme = address.partition("://")[0]
    if scheme not in SCHEMES:
        raise ImproperlyConfigured(
            f"result_backend begins with donebit+{scheme}://; it must begin with {KNOWN}"
        )
    if scheme == SENTINEL and not options.get("master_name"):
        raise ImproperlyConfigured(
            "result_backend names Sentinels, but not what they call their master: "
            f"{OPTIONS} must have master_name"
        )
    return address


def checked_prefix(options: Mapping[str, Any]) -> str:
    """The prefix of the keys.

    Raises:
        ImproperlyConfigured: it is none that KEY_PREFIX may be, or another option of Donebit's is unknown.
    """
    unknown = sorted(name for name in options if name.startswith(OWN) and name != PREFIX_OPTION)
    if unknown:
        raise ImproperlyConfigured(f"{OPTIONS} has {unknown[0]}; known of Donebit is {PREFIX_OPTION}")
    try:
        return checked_key_prefix(options.get(PREFIX_OPTION, DEFAULT_KEY_PREFIX))
    except ValueError as error:
        raise ImproperlyConfigured(f"{PREFIX_OPTION} of {OPTIONS} {error}") from None
