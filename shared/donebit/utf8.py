"""Texts that come from anywhere, as they can be kept."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text, with question marks for what no UTF-8 can hold, such as a file's name in another encoding."""
    return text.encode(errors="replace").decode()
