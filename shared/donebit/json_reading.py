"""Reading JSON strictly: an object with a name twice is refused, since one of its values would be lost."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from math import isinf
from typing import Any

from donebit.errors import InvalidInput

LONGEST_QUOTE = 120  # characters of a name or a number in a message
MOST = sys.float_info.max
MOST_LEVELS = 150  # of lists and objects in one another: what checks and answers them takes no more than 200


def read_json(text: str | bytes, *, any_number: bool = False) -> Any:
    """Parse JSON.

    Args:
        text: the JSON
        any_number: whether NaN, Infinity and numbers that no float can be are taken, as those of a file may
            be in a field that nobody looks at

    Raises:
        ValueError: the text is no JSON, or nested too deeply, or has an integer of too many digits.
        InvalidInput: an object in it, at any depth, has a name twice, or a number is out of range.
    """
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text), "surrogatepass")
    try:
        return (ANY_NUMBER if any_number else DECODER).decode(text)
    except RecursionError:
        raise ValueError("lists and objects are nested too deeply") from None
    except (json.JSONDecodeError, _NoNumber):
        raise
    except ValueError:  # which tells of a function of Python's to set its bound by
        raise ValueError(f"an integer has more than {sys.get_int_max_str_digits()} digits") from None


def read_json_line(line: bytes) -> Any:
    """Parse a line of JSON. It is UTF-8: a line of UTF-16 would not end at the byte of a line feed.

    Raises:
        ValueError, InvalidInput: as read_json.
    """
    return read_json(line.decode("utf-8-sig"))


def refuse_nested(values: Iterable[object], text: str) -> None:
    """Refuse JSON values that something which reads them later could not.

    Args:
        values: what is written in the text, each by itself.
        text: the JSON, by which most are known to be flat enough.

    Raises:
        ValueError: one has lists and objects in one another on more than 150 levels.
    """
    if text.count("[") + text.count("{") <= MOST_LEVELS:
        return
    level = _containers(values)
    for _ in range(MOST_LEVELS):
        level = _containers(
            inner for outer in level for inner in (outer.values() if isinstance(outer, dict) else outer)
        )
    if level:
        raise ValueError(f"lists and objects are nested on more than {MOST_LEVELS} levels")


def _containers(values: Iterable[object]) -> list[Any]:
    return [one for one in values if isinstance(one, (dict, list, tuple))]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make the object of these pairs; called for objects alone, so a list of numbers costs nothing more."""
    made = dict(pairs)
    if len(made) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        name = next(name for name, count in counts.items() if count > 1)[:LONGEST_QUOTE]
        raise InvalidInput(f"{name} is given twice in one object; only one of them could be used", field=name)
    return made


class _NoNumber(ValueError):
    """What Python reads as a number, and JSON does not."""


def _finite(text: str) -> float:
    """Read a number with a fraction or an exponent; 1e400 would be infinite, which JSON cannot say."""
    if isinf(number := float(text)):
        shown = text[:LONGEST_QUOTE]
        raise InvalidInput(f"{shown} is out of range; a number must be within ±{MOST:.1e}", field="body")
    return number


def _no_number(text: str) -> float:
    raise _NoNumber(f"{text} is no JSON number")


# Made once: json.loads would make it for every line.
ANY_NUMBER = json.JSONDecoder(object_pairs_hook=_object)
DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_finite, parse_constant=_no_number)
