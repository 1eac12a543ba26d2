"""Texts from outside, made safe to store as UTF-8."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text, with question marks for what UTF-8 cannot hold, such as a file name in another encoding."""
    return text.encode(errors="replace").decode()


def is_encodable(text: str) -> bool:
    """Whether UTF-8 can hold the text: JSON can write half a character, as in "\\ud800"."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
