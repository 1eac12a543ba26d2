"""The Lua scripts of the store: `python -m checks.lua` names what a server would refuse only when it runs.

Redis refuses global variables, but only where a script comes upon one: a misspelt name, or a `local`
left out, may wait for a rare branch.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from luaparser import ast, astnodes

from donebit.store.client import source_of

SCRIPTS = Path(__file__).parents[1] / "shared" / "donebit" / "store" / "scripts"
# What Redis and Valkey give to every script.
GLOBALS = {
    *("KEYS", "ARGV", "redis", "server", "bit", "cjson", "cmsgpack", "struct"),
    *("math", "string", "table", "assert", "error", "ipairs", "next", "pairs", "pcall", "select"),
    *("tonumber", "tostring", "type", "unpack"),
}


def main() -> int:
    """Print each problem with its file; 1 if there is any."""
    problems = [
        f"{file.name}: {problem}"
        for file in sorted(SCRIPTS.glob("*.lua"))
        for problem in problems_of(source_of(file))
    ]
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    return int(bool(problems))


def problems_of(source: str) -> list[str]:
    """Return what is wrong with a script: its syntax, names without a `local`, locals that nobody uses."""
    try:
        tree = ast.parse(source)
    except ast.SyntaxException as error:
        return [f"syntax: {error}"]
    declared = {name.id for node in ast.walk(tree) for name in declared_by(node)}
    fields = {id(field) for node in ast.walk(tree) for field in fields_named_by(node)}
    names = Counter(
        node.id for node in ast.walk(tree) if isinstance(node, astnodes.Name) and id(node) not in fields
    )
    return [
        *(
            f"{name} is no local and nothing that Redis has"
            for name in sorted(names.keys() - declared - GLOBALS)
        ),
        *(f"{name} is never used" for name in sorted(declared) if names[name] == 1 and name != "_"),
    ]


def declared_by(node: astnodes.Node) -> Iterator[astnodes.Name]:
    """Yield the names that a statement declares as locals."""
    if isinstance(node, (astnodes.LocalAssign, astnodes.Forin)):
        yield from node.targets
    if isinstance(node, astnodes.Fornum):
        yield node.target
    if isinstance(node, astnodes.LocalFunction):
        yield node.name
    if isinstance(node, (astnodes.LocalFunction, astnodes.Function, astnodes.AnonymousFunction)):
        yield from (one for one in node.args if isinstance(one, astnodes.Name))


def fields_named_by(node: astnodes.Node) -> Iterator[astnodes.Node]:
    """Yield the names that are no variables: `call` of `redis.call`, `x` of `{x = 1}`."""
    if isinstance(node, astnodes.Index) and node.notation is astnodes.IndexNotation.DOT:
        yield node.idx
    if isinstance(node, astnodes.Field) and not node.between_brackets:
        yield node.key
    if isinstance(node, astnodes.Invoke):
        yield node.func


if __name__ == "__main__":
    sys.exit(main())
