"""Files of visits, and a plain model of what they mean."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from donebit import clock
from tests.command_line.command import Donebit


@dataclass(frozen=True, slots=True)
class Visit:
    user: int | str
    at: str


def some(count: int, seed: int, *, days: int = 3, users: int = 500, text: bool = False) -> list[Visit]:
    """Visits of lately, in no order."""
    chance = random.Random(seed)
    newest = clock.now().replace(microsecond=0) - timedelta(minutes=1)
    return [
        Visit(
            f"user {chance.randrange(users)}, 'é'" if text else chance.randrange(users),
            clock.iso(newest - timedelta(seconds=chance.randrange(days * 86_400))),
        )
        for _ in range(count)
    ]


def write_csv(file: Path, visits: Iterable[Visit]) -> Path:
    rows = (
        f'"{visit.user}",{visit.at}\n' if isinstance(visit.user, str) else f"{visit.user},{visit.at}\n"
        for visit in visits
    )
    file.write_text("user,at\n" + "".join(rows))
    return file


def write_ndjson(file: Path, visits: Iterable[Visit]) -> Path:
    file.write_text("".join(json.dumps({"user": visit.user, "at": visit.at}) + "\n" for visit in visits))
    return file


def by_day(visits: Iterable[Visit]) -> dict[str, set[int | str]]:
    """Who was here, each day."""
    days: dict[str, set[int | str]] = defaultdict(set)
    for visit in visits:
        days[datetime.fromisoformat(visit.at).astimezone(UTC).strftime("%Y-%m-%d")].add(visit.user)
    return days


def fresh(visits: Iterable[Visit]) -> int:
    return sum(map(len, by_day(visits).values()))


def counted(donebit: Donebit, event: str, visits: list[Visit]) -> dict[str, int]:
    """What the service has for each of these days."""
    days = by_day(visits)
    return {
        day: donebit("count", event, "--period", "day", "--at", day, "--json").json["count"] for day in days
    }


def expected(visits: list[Visit]) -> dict[str, int]:
    return {day: len(users) for day, users in by_day(visits).items()}
