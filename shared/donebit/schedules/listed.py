"""The tasks that are listed, read once for all expectations that are looked at together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from donebit.completion import listing
from donebit.completion.listing import MAX_ENTRIES_READ, Filter
from donebit.completion.task import Task
from donebit.schedules.expectation import ExpectationSpec
from donebit.store import Store

MOST_LISTED = 100  # tasks of an expectation that are looked for among those that are listed


@dataclass(slots=True)
class ListedTasks:
    """The newest tasks that are listed, by what they may be meant by; read when they are first asked for."""

    _groups: dict[Hashable, list[Task]] = field(default_factory=dict)

    def meant_by(self, store: Store, spec: ExpectationSpec) -> list[Task]:
        """The newest of those that an expectation means."""
        if not self._groups:
            self._groups = _grouped(listing.list_tasks(store, Filter(), limit=MAX_ENTRIES_READ).tasks)
        group = ("label", spec.label) if spec.label else ("job", spec.job) if spec.job else "all"
        wanted = spec.task_filter
        meant = (
            one for one in self._groups.get(group, ()) if wanted.may_match(one.id) and wanted.matches(one)
        )
        return list(islice(meant, MOST_LISTED))


def _grouped(tasks: Sequence[Task]) -> dict[Hashable, list[Task]]:
    """The tasks in their order: all of them, and those of each label and of each job."""
    groups: defaultdict[Hashable, list[Task]] = defaultdict(list)
    groups["all"] = [*tasks]
    for one in tasks:
        groups["label", one.spec.label].append(one)
        groups["job", one.spec.job].append(one)
    return groups
