"""Tokens in Redis: what is kept of each, and nothing that opens anything; and the nonces of tasks."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

from redis import Redis

from donebit.store.client import outages_named
from donebit.store.key_names import BEGUN, Keys
from donebit.store.milliseconds import milliseconds


class AccessStore:
    """The named tokens.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.
    """

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    @outages_named
    def tokens(self) -> dict[str, str]:
        """What is kept of each token, by its name."""
        found = cast(dict[bytes, bytes], self._client.hgetall(self._keys.TOKENS))
        return {name.decode(): text.decode() for name, text in found.items()}

    @outages_named
    def tokens_and_sign_outs(self, now_ms: int) -> tuple[dict[str, str], list[str]]:
        """What is kept of each token, and the notes of sign-outs that still matter."""
        with self._client.pipeline(transaction=False) as pipe:
            pipe.hgetall(self._keys.TOKENS)
            pipe.zrangebyscore(self._keys.SIGN_OUTS, now_ms, "+inf")
            tokens, notes = cast(tuple[dict[bytes, bytes], list[bytes]], pipe.execute())
        return {name.decode(): text.decode() for name, text in tokens.items()}, [
            one.decode() for one in notes
        ]

    @outages_named
    def note_sign_out(self, note: str, now_ms: int, keep: timedelta) -> None:
        """Keep the note of a sign-out for as long as a cookie made before it could be taken."""
        key, keep_ms = self._keys.SIGN_OUTS, milliseconds(keep)
        with self._client.pipeline(transaction=False) as pipe:
            pipe.zremrangebyscore(key, "-inf", now_ms - 1)
            pipe.zadd(key, {note: now_ms + keep_ms})
            pipe.pexpire(key, keep_ms, nx=True)
            pipe.pexpire(key, keep_ms, gt=True)
            pipe.execute()

    @outages_named
    def count_tokens(self) -> int:
        """How many tokens there are."""
        return self._client.hlen(self._keys.TOKENS)

    @outages_named
    def add_token(self, name: str, text: str) -> bool:
        """Keep a token; False, and nothing changed, if there is one of that name."""
        return bool(self._client.hsetnx(self._keys.TOKENS, name, text))

    @outages_named
    def remove_token(self, name: str) -> bool:
        """Remove a token, and the notes of what it began; whether there was one of that name."""
        with self._client.pipeline(transaction=False) as pipe:
            for what in BEGUN:
                pipe.unlink(self._keys.begun_by(name, what))
            pipe.hdel(self._keys.TOKENS, name)
            return bool(pipe.execute()[-1])

    @outages_named
    def task_nonce(self, task_id: str) -> str:
        """The nonce of a task; empty if there is no such task."""
        found = cast(bytes | None, self._client.hget(self._keys.record(task_id), "nonce"))
        return (found or b"").decode()
