"""What exceptions say of themselves; their classes are others' own, and may be written in any way."""

from __future__ import annotations


def describe(error: BaseException) -> str:
    """An exception's class and text; the text of some cannot be read.

    Raises:
        BaseException: what is no Exception, where the text's code raises that.
    """
    try:
        return f"{name_of(type(error))}: {error}"
    except Exception:
        return without_text(error)


def without_text(error: object) -> str:
    """The same of one whose text cannot be read, or of anything else that is given as an error."""
    return f"{name_of(type(error))}, whose text cannot be read"


def name_of(kind: type) -> str:
    """The name of a class; its own `__name__` may be something else, or raise."""
    return str(type.__dict__["__name__"].__get__(kind))
