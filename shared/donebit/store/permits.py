"""Permits in Redis: how many processes may run steps of a task, or of a job, at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from redis import Redis
from redis.commands.core import Script

from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.milliseconds import milliseconds

KEY_TTL = timedelta(minutes=1)  # after the last permit was taken or renewed


class PermitStore:
    """Every method raises StoreUnavailable when the server cannot be reached or does not answer in time."""

    def __init__(self, client: Redis, scripts: Mapping[str, Script], keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts

    def key_of(self, kind: str, name: str) -> str:
        """The permits of a task or of a job."""
        return self._keys.task_permits(name) if kind == "task" else self._keys.job_permits(name)

    @outages_named
    def take_permit(self, key: str, holder: str, most: int, lease: timedelta) -> bool:
        """Let a holder run, if fewer than `most` do; whether it may."""
        args: list[str | int] = [holder, most, milliseconds(lease), milliseconds(KEY_TTL)]
        return bool(self._scripts["take_permit"](keys=[key], args=args))

    @outages_named
    def renew_permit(self, key: str, holder: str, lease: timedelta) -> bool:
        """Keep a permit; False when the holder has none any more."""
        args: list[str | int] = [holder, milliseconds(lease), milliseconds(KEY_TTL)]
        return bool(self._scripts["renew_permit"](keys=[key], args=args))

    @outages_named
    def release(self, key: str, holder: str) -> None:
        self._client.zrem(key, holder)
