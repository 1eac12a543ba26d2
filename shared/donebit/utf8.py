"""Texts from outside, made safe to store as UTF-8."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text, with question marks for what UTF-8 cannot hold, such as a file name in another encoding."""
    return text.encode(errors="replace").decode()
