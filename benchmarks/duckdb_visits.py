"""The visits in a table of DuckDB, and what one would ask it.

The only module that imports duckdb, which only `make bench` installs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from donebit.activity.users.ids import Ids

# Who was in week a and in week b, as books on cohorts have it.
BY_JOIN = """
    SELECT a.week, b.week, count(*) FROM visits a JOIN visits b ON a.user_id = b.user_id AND b.week >= a.week
    GROUP BY ALL ORDER BY ALL
"""
# The weeks of each user as the bits of a number, and how many users have each of these numbers.
BY_MASK = """
    WITH masks AS (SELECT user_id, bit_or(1::USMALLINT << week) AS mask FROM visits GROUP BY user_id),
         alike AS (SELECT mask, count(*) AS users FROM masks GROUP BY mask)
    SELECT a.week, b.week, sum(users)::BIGINT FROM alike, range(12) a(week), range(12) b(week)
    WHERE b.week >= a.week AND (mask >> a.week) & 1 = 1 AND (mask >> b.week) & 1 = 1
    GROUP BY ALL ORDER BY ALL
"""
# A bitmap of each week, as Donebit has them: only where the range of ids is known and small.
BY_BITMAP = """
    WITH weeks AS MATERIALIZED
        (SELECT week, bitstring_agg(user_id, 0, {last}) AS users FROM visits GROUP BY week)
    SELECT a.week, b.week, bit_count(a.users & b.users) FROM weeks a, weeks b WHERE b.week >= a.week
    ORDER BY a.week, b.week
"""
DISTINCT = "SELECT count(DISTINCT user_id) FROM visits"
DISTINCT_BY_BITMAP = "SELECT bit_count(bitstring_agg(user_id, 0, {last})) FROM visits"


class Visits:
    """The table in a file of its own, one row a visit, as few bytes a column as hold it."""

    def __init__(self, file: Path, weeks: Sequence[Ids]) -> None:
        self._file = file
        self._last = max(int(users.max()) for users in weeks)
        self._database = duckdb.connect(str(file))
        self._database.execute("CREATE TABLE visits (user_id UINTEGER, week UTINYINT)")
        for week, users in enumerate(weeks):
            rows = {"user_id": users, "week": np.full(len(users), week, np.uint8)}
            self._database.register("rows", rows)
            self._database.execute("INSERT INTO visits SELECT * FROM rows")
        self._database.execute("CHECKPOINT")

    def add(self, user: int, week: int) -> None:
        """One visit more."""
        self._database.execute("INSERT INTO visits VALUES (?, ?)", [user, week])

    def size(self) -> int:
        """The bytes of the file."""
        return self._file.stat().st_size

    def pairs(self, question: str) -> dict[tuple[int, int], int]:
        """How many users were in both of each two weeks."""
        return {(first, second): users for first, second, users in self._asked(question)}

    def count(self, question: str) -> int:
        """The only number of an answer."""
        ((users,),) = self._asked(question)
        return int(users)

    def _asked(self, question: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._database.execute(question.format(last=self._last)).fetchall()
        return rows
