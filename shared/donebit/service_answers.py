"""What the client makes of a service's answer."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from donebit.addresses import url_setting
from donebit.errors import ApiError


def was_deleted(method: str, status: int, data: bytes) -> bool:
    """Whether a repeat is a DELETE that an earlier try has done: the service finds nothing to delete."""
    is_own = data.lstrip().startswith(b"{")  # no page of a proxy
    return method == "DELETE" and status == HTTPStatus.NOT_FOUND and is_own


def content_of(service: str, status: int, data: bytes, location: str | None) -> Any:
    """Return an answer's JSON.

    Args:
        service: which was asked: `done_app`. Another may have answered, as where an address is wrong.
        location: the header of that name, where a redirect leads to.

    Raises:
        ApiError: It has an error status, is a redirect, or its body is no JSON object.
    """
    if status == HTTPStatus.NO_CONTENT:
        return None
    text = data[:200].decode(errors="replace")
    answer = f"the answer of {service} ({url_setting(service)} sets its address)"
    if location and HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise ApiError(status, f"{answer} is a redirect to {location}, which is not followed")
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):  # the page of a proxy, or of another service
        raise ApiError(status, f"{answer} is not JSON: {text}") from None
    if not isinstance(content, dict):
        raise ApiError(status, f"{answer} is not a JSON object: {text}")
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        raise ApiError(status, str(content.get("detail") or text))
    return content
