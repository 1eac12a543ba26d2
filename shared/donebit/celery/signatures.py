"""Signatures as text, so that a chord's body can be called by another process than the one that has it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

from celery import Celery
from celery.canvas import Signature, _chain, chord, group, maybe_signature
from kombu import serialization
from kombu.exceptions import EncodeError

from donebit.completion.chords import raw

BUILT_IN = "celery."  # so begin the names of the tasks that every application has
MARK = "donebit_chord"  # the header of a body's message: its group and the nonce of its task


def first_of(signature: Signature[Any]) -> Signature[Any]:
    """What is sent first of a chain or a group, else the signature itself."""
    tasks = list(signature.tasks) if isinstance(signature, (_chain, group)) else []
    return first_of(tasks[0]) if tasks else signature


def is_known(app: Celery, signature: Signature[Any]) -> bool:
    """Whether the application has the task that is sent first, or that a chord leads to."""
    first = first_of(signature)
    if isinstance(first, chord):
        return is_known(app, first.body)
    around = first.options.get("chord")
    if around and str(first.task).startswith(BUILT_IN):  # it gathers what a part was replaced by
        return is_known(app, cast(Signature[Any], maybe_signature(around, app=app)))
    return str(first.task) in app.tasks


def marked(body: Signature[Any], group_id: str, nonce: str) -> Signature[Any]:
    """The body, whose first message says of which chord it is: its worker then notes that it has begun."""
    first = first_of(body)
    if isinstance(first, chord):  # which would hand its headers on to all that it sends
        return body
    first.options["headers"] = {**(first.options.get("headers") or {}), MARK: [group_id, nonce]}
    return body


def serializers_of(app: Celery, signature: Signature[Any]) -> Iterator[str]:
    """By what the messages of a signature's tasks are written."""
    if isinstance(signature, chord):
        yield from serializers_of(app, signature.body)
        signature = group(signature.tasks, app=app)
    if isinstance(signature, (_chain, group)):
        for task in signature.tasks:
            yield from serializers_of(app, task)
        return
    of_task = getattr(app.tasks.get(str(signature.task)), "serializer", app.conf.task_serializer)
    yield str(signature.options.get("serializer") or of_task)


def packed(app: Celery, signature: Signature[Any]) -> bytes:
    """A signature as text, with what is needed to read it again.

    Raises:
        EncodeError: none of the serializers that its messages are written by can write all of it.
    """
    usual = app.conf.task_serializer
    for serializer in sorted({*serializers_of(app, signature)} - {usual}):
        with suppress(EncodeError):  # the usual one comes last: it may change what another one keeps
            return _packed_by(serializer, signature)
    return _packed_by(usual, signature)


def _packed_by(serializer: str, signature: Signature[Any]) -> bytes:
    content_type, encoding, payload = serialization.dumps(signature, serializer=serializer)
    return json.dumps([content_type, encoding, base64.b64encode(raw(payload)).decode()]).encode()


def unpacked(app: Celery, text: bytes) -> Signature[Any]:
    """The signature that was packed."""
    content_type, encoding, payload = json.loads(text)
    # What the application accepts as a message and no more: a pickle in Redis is none, unless it allows that.
    accept = serialization.prepare_accept_content(app.conf.accept_content)
    fields = serialization.loads(base64.b64decode(payload), content_type, encoding, accept=accept)
    return cast(Signature[Any], maybe_signature(fields, app=app))
