"""Keys and fingerprints that are derived from secrets."""

from __future__ import annotations

import hashlib
import hmac

FINGERPRINT_CHARACTERS = 32


def digest(token: str) -> str:
    """The SHA-256 of a token, in hexadecimal: what is kept of it."""
    return hashlib.sha256(token.encode()).hexdigest()


def fingerprint(token_digest: str) -> str:
    """What names a token in a session's cookie: the beginning of its digest."""
    return token_digest[:FINGERPRINT_CHARACTERS]


def derived_key(secret: str, purpose: str) -> bytes:
    """A key for one purpose, from which neither the secret nor another purpose's key can be found."""
    return hmac.digest(secret.encode(), f"donebit {purpose}".encode(), "sha256")


def signature(key: bytes, *parts: str) -> str:
    """The HMAC-SHA256 of parts that hold no newline, in hexadecimal."""
    return hmac.digest(key, "\n".join(parts).encode(), "sha256").hex()


def is_same(given: str, expected: str) -> bool:
    """Compare two texts in a time that does not depend on how much of them agrees."""
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
