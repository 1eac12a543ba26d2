"""From layout 3 to 4: every key gets the prefix, and some another name; what they hold stays as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from donebit.store.key_names import Keys
from donebit.store.key_names_of_tasks import KINDS
from donebit.store.layout import OLD_KEYS, OLD_LAYOUT

NAME = r"[A-Za-z0-9._-]{1,100}"
PERIOD = r"(?:all|\d{4}-[0-9TW-]+)"
NewName = Callable[[Keys, re.Match[str]], str]


class Rule(NamedTuple):
    """Keys of one kind of layout 3, and their names in layout 4."""

    pattern: re.Pattern[str]
    redis_type: str
    new_name: NewName


class Ambiguous(NamedTuple):
    """Which names events and flags have: in layout 3 an event called 7 had the keys of a segment 7."""

    events: frozenset[str]
    flags: frozenset[str]


def rule(pattern: str, redis_type: str, new_name: NewName) -> Rule:
    return Rule(re.compile(pattern, re.DOTALL), redis_type, new_name)


def prefixed(keys: Keys, found: re.Match[str]) -> str:
    """The old name, after the prefix."""
    return keys.prefix + found[0]


RULES: Final = (
    rule(rf"done:\{{({NAME})\}}:told", "hash", lambda keys, found: keys.deliveries(found[1])),
    rule(rf"done:\{{({NAME})\}}:tried", "string", lambda keys, found: keys.attempts(found[1])),
    rule(rf"done:\{{({NAME})\}}(?::failed|:reply:.+)?", "string", prefixed),
    rule(rf"done:\{{({NAME})\}}:(?:task|errors)", "hash", prefixed),
    rule(rf"done:deliveries:({'|'.join(KINDS)})", "zset", lambda keys, found: keys.pending(found[1])),
    rule(r"done:(?:open|tasks)", "zset", prefixed),
    rule(rf"seen:\{{({NAME})\}}:about", "hash", lambda keys, found: keys.event_meta(found[1])),
    rule(rf"seen:\{{({NAME})\}}:periods", "zset", lambda keys, found: keys.periods(found[1])),
    rule(r"seen:events", "hash", lambda keys, _: keys.EVENTS),
    rule(r"seen:\{(?:users|mapped)\}:numbers", "hash", prefixed),
    rule(r"seen:\{(?:users|mapped)\}:ids:\d+", "list", prefixed),
    rule(r"seen:\{(?:users|mapped)\}:(?:next|erasures)", "string", prefixed),
    rule(r"seen:\{(?:users|mapped)\}:erasing", "set", prefixed),
    rule(rf"seen:\{{\d+\}}:{NAME}:(?:{PERIOD}|integers|texts|mapped)", "string", prefixed),
    rule(rf"flag:\{{({NAME})\}}:about", "hash", lambda keys, found: keys.flag_meta(found[1])),
    rule(
        rf"flag:\{{(\d+)\}}:({NAME})",
        "string",
        lambda keys, found: keys.flag_segment(int(found[1]), found[2]),
    ),
    rule(r"flag:names", "hash", prefixed),
    rule(r"flag:erasures", "string", prefixed),
    rule(rf"may:\{{{NAME}\}}:names", "list", prefixed),
    rule(rf"may:\{{{NAME}:{NAME}\}}", "string", prefixed),
    rule(r"pulse:(worker|sweep)", "string", lambda keys, found: keys.heartbeat(found[1])),
    rule(r"pulse:workers", "hash", lambda keys, _: keys.WORKERS),
    rule(r"pulse:heals", "zset", lambda keys, _: keys.HEALS),
    rule(r"pulse:steps:(\d+)", "hash", lambda keys, found: keys.steps_in_minute(int(found[1]))),
    rule(r"log:worker", "stream", prefixed),
    # Messages that wait for a worker. Those in `unacked` stay: they may be another application's, and the
    # sweep sends again what is missing.
    rule(r"donebit\.(?:control|steps|slices)(?:\x06\x16\d)?", "list", prefixed),
    rule(r"_kombu\.binding(?:_permanent)?\.donebit\.(?:control|steps|slices)", "set", prefixed),
)
# Of a name that two kinds of keys could have, by whose they are known to be.
EVENT_REGISTRY = re.compile(rf"seen:\{{({NAME})\}}:segments:({PERIOD})")
FLAG_REGISTRY = re.compile(rf"flag:\{{({NAME})\}}:segments")

# Moved after all others, the last one last: while one of them is there, a service refuses the store.
LAST: Final = (*(name for name in OLD_KEYS if name != "done:tasks"), "done:tasks")
LAYOUT = OLD_LAYOUT
HEARTBEATS = ("pulse:worker", "pulse:sweep")


def inventory(keys: Keys) -> Mapping[str, tuple[str, str]]:
    """Of each thing that is counted the key that lists it: its old name and its new one."""
    return {
        "tasks": ("done:tasks", keys.ALL_TASKS),
        "open tasks": ("done:open", keys.OPEN_TASKS),
        **{f"pending deliveries: {kind}": (f"done:deliveries:{kind}", keys.pending(kind)) for kind in KINDS},
        "events": ("seen:events", keys.EVENTS),
        "users with text ids": ("seen:{users}:numbers", keys.numbers(keys.TEXT_USERS)),
        "users with mapped ids": ("seen:{mapped}:numbers", keys.numbers(keys.MAPPED_USERS)),
        "flags": ("flag:names", keys.FLAGS),
        "lines of the workers' log": ("log:worker", keys.WORKER_LOG),
    }


def new_name(old: str, redis_type: str, keys: Keys, known: Ambiguous) -> str | None:
    """What a key of layout 3 is called in layout 4; None for a key that is not Donebit's."""
    if redis_type == "string" and (name := _registry(old, keys, known)):
        return name
    for one in RULES:
        if redis_type == one.redis_type and (found := one.pattern.fullmatch(old)):
            return one.new_name(keys, found)
    return None


def _registry(old: str, keys: Keys, known: Ambiguous) -> str | None:
    if (found := EVENT_REGISTRY.fullmatch(old)) and _is_registry(found[1], known.events):
        return keys.segments(found[1], found[2])
    if (found := FLAG_REGISTRY.fullmatch(old)) and _is_registry(found[1], known.flags):
        return keys.flag_segments(found[1])
    return None


def _is_registry(name: str, names: frozenset[str]) -> bool:
    """Whether what follows is a registry: a segment has a number, and its event or flag the name."""
    return not name.isdigit() or name in names or "segments" not in names
