"""Expressions as text: active@today & flag:newsletter - active@yesterday.

Six rules and one token of lookahead: a parser library would bring a grammar of the same length, and its own
words for what is wrong, where ours name the character and what may stand there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from donebit.activity.query import times
from donebit.activity.query.tree import (
    ALL,
    Combination,
    EventUsers,
    Expression,
    ExpressionError,
    ExpressionSize,
    FlagUsers,
    Not,
    Place,
    taken,
)
from donebit.activity.sets.algebra import Operation
from donebit.names import NAME_PATTERN, NAME_RULE

LONGEST = 10_000  # characters
EXCERPT = 30  # characters of the text on either side of a mistake

SYMBOLS = {Operation.OR: "|", Operation.XOR: "^", Operation.AND: "&", Operation.MINUS: "-"}
LOOSEST_FIRST = tuple(SYMBOLS)  # as in Python's own sets: a | b - c is a | (b - c)
WORDS = {"or": "|", "xor": "^", "and": "&", "minus": "-", "not": "!"}
TOKENS = re.compile(r"[()&|^!]|[^\s()&|^!]+")
LEAF = re.compile(r"(?:(event|flag):)?([^@:]*)(?:@(.*))?", re.DOTALL)
NAME = re.compile(NAME_PATTERN)
OPERAND = "an event, flag:<name>, ! or ( must stand"
END = ""


class Token(NamedTuple):
    """What is said at a character, counted from 1: a symbol, or an event or a flag as it is written."""

    said: str
    character: int
    written: str

    @property
    def is_leaf(self) -> bool:
        return len(self.said) > 1 or self.said not in "()&|^!-"


def parse(text: str, field: str = "text") -> Expression:
    """The expression that a text is.

    Raises:
        InvalidInput: it is none, or too long, deep or wide; the message names the character.
    """
    if len(text) > LONGEST:
        raise ExpressionError(f"{len(text)} characters; at most {LONGEST}", Place(field))
    return Parser(text, field).whole()


def render(expression: Expression, *, nested: bool = False) -> str:
    """The canonical text, of which `read` makes the same expression again."""
    match expression:
        case EventUsers():
            name = f"event:{expression.event}" if is_reserved(expression.event) else expression.event
            return name if expression.when == ALL else f"{name}@{expression.when}"
        case FlagUsers():
            return f"flag:{expression.flag}"
        case Not():
            return f"!{render(expression.users, nested=True)}"
        case Combination():
            symbol = f" {SYMBOLS[expression.operation]} "
            text = symbol.join(render(part, nested=True) for part in expression.parts)
            return f"({text})" if nested else text


def is_reserved(name: str) -> bool:
    return name == "-" or name.lower() in WORDS


class Parser:
    """Recursive descent. Each method reads what it is named for and leaves the token behind it."""

    def __init__(self, text: str, field: str) -> None:
        self.text, self.field = text, field
        self.tokens = list(self._tokens())
        self.counted, self.depth = ExpressionSize(), 0

    def _tokens(self) -> Iterator[Token]:
        for found in TOKENS.finditer(self.text):
            yield Token(WORDS.get(found[0].lower(), found[0]), found.start() + 1, found[0])
        yield Token(END, len(self.text) + 1, "")

    def whole(self) -> Expression:
        expression = self.taken_together()
        if self.tokens[0].said == ")":
            self.fail("no ( is open for this )")
        if self.tokens[0].said:
            hint = "; a minus has spaces on both sides" if "-" in self.tokens[0].written else ""
            self.fail(f"one of & | - ^ must stand here, not {self.found()}{hint}")
        return expression

    def taken_together(self, level: int = 0) -> Expression:
        """Operands of one operation, each of them of those that bind tighter."""
        if level == len(LOOSEST_FIRST):
            return self.operand()
        operation = LOOSEST_FIRST[level]
        parts = [self.taken_together(level + 1)]
        while self.tokens[0].said == SYMBOLS[operation]:
            self.next()
            parts.append(self.taken_together(level + 1))
        return taken(operation, parts)

    def operand(self) -> Expression:
        token = self.tokens[0]
        if token.said in ("!", "("):
            self.depth += 1
            self.counted.refuse_deep(self.depth, self.place(token))
            found = self.negated() if token.said == "!" else self.parenthesised()
            self.depth -= 1
            return found
        if not token.is_leaf:
            self.fail(f"{OPERAND} here, not {self.found()}")
        self.counted.leaf(self.place(token))
        return self.leaf(self.next())

    def negated(self) -> Expression:
        place = self.place(self.next())
        return Not(self.operand(), place)

    def parenthesised(self) -> Expression:
        opened = self.next()
        inside = self.taken_together()
        if self.tokens[0].said != ")":
            self.fail(f"the ( of character {opened.character} must be closed here, not {self.found()}")
        self.next()
        return inside

    def leaf(self, token: Token) -> Expression:
        """event, event@when or flag:name."""
        found = LEAF.fullmatch(token.written)
        if not found or not NAME.fullmatch(found[2]):
            name = found[2] if found else token.written
            self.fail(f"{cut(name)} is no name; it must be {NAME_RULE}", token.character)
        prefix, name, when = found.groups()
        if prefix == "flag":
            if when is not None:
                self.fail("a flag has no periods, and so no @", token.character + found.start(3) - 1)
            return FlagUsers(name, self.place(token))
        if when is not None and not times.SHAPE.fullmatch(when):
            self.fail(f"{cut(when)} is no period; it must be {times.RULE}", token.character + found.start(3))
        return EventUsers(name, when or ALL, self.place(token))

    def next(self) -> Token:
        return self.tokens.pop(0)

    def place(self, token: Token) -> Place:
        return Place(self.field, token.character)

    def found(self) -> str:
        return cut(self.tokens[0].written) if self.tokens[0].said else "the end"

    def fail(self, why: str, character: int = 0) -> NoReturn:
        """Say what is wrong at a character, the next token's unless given, and show it."""
        at = character or self.tokens[0].character
        before, behind = self.text[max(0, at - 1 - EXCERPT) : at - 1], self.text[at - 1 : at - 1 + EXCERPT]
        raise ExpressionError(why, Place(self.field, at), f"{before}<here>{behind}")


def cut(text: str) -> str:
    """Quoted, and not longer than a line has room for."""
    return repr(text if len(text) <= 2 * EXCERPT else text[: 2 * EXCERPT] + "...")
