"""Texts from outside, made safe to store as UTF-8 and to show."""

from __future__ import annotations

OMISSION = "\n[...]\n"  # in place of what is cut out
# Kept although not printable: spaces of other scripts, and what joins or separates letters and emoji.
HARMLESS = "\N{NO-BREAK SPACE}\N{IDEOGRAPHIC SPACE}\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"


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


def one_line(text: str, keep: str = "") -> str:
    """The text on one line: what ends a line, a terminal obeys or turns the writing round is shown escaped.

    Args:
        text: it may come from anywhere.
        keep: characters that are left as they are, such as a newline on a page.
    """
    if text.isprintable():
        return text
    kept = HARMLESS + keep
    return "".join(one if one.isprintable() or one in kept else _escaped(one) for one in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def shortened(text: str, most: int) -> str:
    """Shorten a text to `most` characters by cutting out its middle, the least useful part of a traceback."""
    if len(text) <= most:
        return text
    head = most // 3
    return text[:head] + OMISSION + text[-(most - head - len(OMISSION)) :]
