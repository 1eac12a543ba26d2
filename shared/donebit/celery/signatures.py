"""Signatures as text, so that a chord's body can be called by another process than the one that has it."""

from __future__ import annotations

import base64
import json
from typing import Any, cast

from celery import Celery
from celery.canvas import Signature, maybe_signature
from kombu import serialization

from donebit.completion.chords import raw


def packed(signature: Signature[Any], serializer: str) -> bytes:
    """A signature as text, with what is needed to read it again."""
    content_type, encoding, payload = serialization.dumps(signature, serializer=serializer)
    return json.dumps([content_type, encoding, base64.b64encode(raw(payload)).decode()]).encode()


def unpacked(app: Celery, text: bytes) -> Signature[Any]:
    """The signature that was packed."""
    content_type, encoding, payload = json.loads(text)
    # What the application accepts as a message and no more: a pickle in Redis is none, unless it allows that.
    accept = serialization.prepare_accept_content(app.conf.accept_content)
    fields = serialization.loads(base64.b64decode(payload), content_type, encoding, accept=accept)
    return cast(Signature[Any], maybe_signature(fields, app=app))
