"""Expressions as text: active@today & flag:newsletter - active@yesterday.

Six rules and one token of lookahead: a parser library would need a grammar of the same length, and its error
messages would not name the character and what may stand there.
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
    combine,
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
    """A symbol, an event or a flag at a character, counted from 1."""

    symbol: str  # of an operation's word its symbol; of all else the same as `text`
    character: int
    text: str

    @property
    def is_leaf(self) -> bool:
        """Whether this is an event or a flag."""
        return len(self.symbol) > 1 or self.symbol not in "()&|^!-"


def parse(text: str, field: str = "text") -> Expression:
    """The expression that a text describes.

    Args:
        field: what the text is called in error messages.

    Raises:
        InvalidInput: it is not an expression, or too long, deep or wide; the message names the character.
    """
    if len(text) > LONGEST:
        raise ExpressionError(f"{len(text)} characters; at most {LONGEST}", Place(field))
    return Parser(text, field).whole()


def render(expression: Expression, *, nested: bool = False) -> str:
    """The expression's canonical text; `parse` turns it into the same expression again.

    Args:
        nested: whether it is part of another expression, so that an operation needs parentheses.
    """
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
    """Whether an event of this name must be written with `event:` before it."""
    return name == "-" or name.lower() in WORDS


class Parser:
    """A recursive descent parser; each method reads what it is named for, up to the token after it."""

    def __init__(self, text: str, field: str) -> None:
        self.text, self.field = text, field
        self.tokens = list(self._tokens())
        self.size, self.depth = ExpressionSize(), 0

    def _tokens(self) -> Iterator[Token]:
        for match in TOKENS.finditer(self.text):
            yield Token(WORDS.get(match[0].lower(), match[0]), match.start() + 1, match[0])
        yield Token(END, len(self.text) + 1, "")

    def whole(self) -> Expression:
        """The expression of the whole text."""
        expression = self.operation()
        if self.tokens[0].symbol == ")":
            self.fail("no ( is open for this )")
        if self.tokens[0].symbol:
            hint = "; a minus has spaces on both sides" if "-" in self.tokens[0].text else ""
            self.fail(f"one of & | - ^ must stand here, not {self.next_quoted()}{hint}")
        return expression

    def operation(self, level: int = 0) -> Expression:
        """Operands of the operation at this level; each may be an operation that binds tighter."""
        if level == len(LOOSEST_FIRST):
            return self.operand()
        operation = LOOSEST_FIRST[level]
        parts = [self.operation(level + 1)]
        while self.tokens[0].symbol == SYMBOLS[operation]:
            self.next()
            parts.append(self.operation(level + 1))
        return combine(operation, parts)

    def operand(self) -> Expression:
        """An event, a flag, a negation or an expression in parentheses."""
        token = self.tokens[0]
        if token.symbol in ("!", "("):
            self.depth += 1
            self.size.refuse_deep(self.depth, self.place(token))
            expression = self.negated() if token.symbol == "!" else self.parenthesised()
            self.depth -= 1
            return expression
        if not token.is_leaf:
            self.fail(f"{OPERAND} here, not {self.next_quoted()}")
        self.size.add_leaf(self.place(token))
        return self.leaf(self.next())

    def negated(self) -> Expression:
        """A ! and its operand."""
        place = self.place(self.next())
        return Not(self.operand(), place)

    def parenthesised(self) -> Expression:
        """An expression in parentheses."""
        opened = self.next()
        inside = self.operation()
        if self.tokens[0].symbol != ")":
            self.fail(f"the ( of character {opened.character} must be closed here, not {self.next_quoted()}")
        self.next()
        return inside

    def leaf(self, token: Token) -> Expression:
        """The event, event@when or flag:name of a token."""
        match = LEAF.fullmatch(token.text)
        if not match or not NAME.fullmatch(match[2]):
            name = match[2] if match else token.text
            self.fail(f"{cut(name)} is no name; it must be {NAME_RULE}", token.character)
        prefix, name, when = match.groups()
        if prefix == "flag":
            if when is not None:
                self.fail("a flag has no periods, and so no @", token.character + match.start(3) - 1)
            return FlagUsers(name, self.place(token))
        if when is not None and not times.SHAPE.fullmatch(when):
            self.fail(f"{cut(when)} is no period; it must be {times.RULE}", token.character + match.start(3))
        return EventUsers(name, when or ALL, self.place(token))

    def next(self) -> Token:
        """Take the next token."""
        return self.tokens.pop(0)

    def place(self, token: Token) -> Place:
        """Where a token stands, for error messages."""
        return Place(self.field, token.character)

    def next_quoted(self) -> str:
        """The next token as error messages quote it."""
        return cut(self.tokens[0].text) if self.tokens[0].symbol else "the end"

    def fail(self, why: str, character: int = 0) -> NoReturn:
        """Raise ExpressionError for a character, by default that of the next token, and quote around it."""
        at = character or self.tokens[0].character
        before, after = self.text[max(0, at - 1 - EXCERPT) : at - 1], self.text[at - 1 : at - 1 + EXCERPT]
        raise ExpressionError(why, Place(self.field, at), f"{before}<here>{after}")


def cut(text: str) -> str:
    """The text in quotes, shortened to fit into an error message."""
    return repr(text if len(text) <= 2 * EXCERPT else text[: 2 * EXCERPT] + "...")
