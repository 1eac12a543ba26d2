"""The names of the keys of tasks, and of the chords that they count."""

from __future__ import annotations

from zlib import crc32

KINDS = ("webhook", "callback", "then")  # of deliveries; one must not wait for a slow other


class TaskKeys:
    """The names of all keys of tasks. Those of one task share a hash tag.

    Args:
        prefix: what every name begins with
    """

    def __init__(self, prefix: str) -> None:
        # Up to the brace of the hash tag: a name is then one concatenation, in the way of every report.
        self._done = f"{prefix}done:{{"
        self._pending = f"{prefix}done:pending:"
        self.OPEN_TASKS = f"{prefix}done:open"
        self.ALL_TASKS = f"{prefix}done:tasks"
        self.LEASES = f"{prefix}done:leases"
        self.CHORDS = f"{prefix}done:chords"
        self.TASK_SHARDS = f"{prefix}done:shards"

    def bitmap(self, task_id: str) -> str:
        """The bitmap of a task's steps."""
        return f"{self._done}{task_id}}}"

    def record(self, task_id: str) -> str:
        """What is known about a task."""
        return f"{self._done}{task_id}}}:task"

    def failed(self, task_id: str) -> str:
        """The bitmap of a task's steps that gave up."""
        return f"{self._done}{task_id}}}:failed"

    def attempts(self, task_id: str) -> str:
        """How often each step of a task failed."""
        return f"{self._done}{task_id}}}:attempts"

    def errors(self, task_id: str) -> str:
        """The last error of each step of a task that failed."""
        return f"{self._done}{task_id}}}:errors"

    def reasons(self, task_id: str) -> str:
        """Why each step of a task failed last: four bits a step, the number of a group of errors."""
        return f"{self._done}{task_id}}}:reasons"

    def error_groups(self, task_id: str) -> str:
        """The groups of a task's errors."""
        return f"{self._done}{task_id}}}:groups"

    def leases(self, task_id: str) -> str:
        """Which processes run steps of a task."""
        return f"{self._done}{task_id}}}:leases"

    def results(self, task_id: str) -> str:
        """What the steps of a task returned."""
        return f"{self._done}{task_id}}}:results"

    def items(self, task_id: str) -> str:
        """The inputs of a task's steps."""
        return f"{self._done}{task_id}}}:items"

    def failed_scratch(self, task_id: str) -> str:
        """Where a script lays which steps have given up and are done."""
        return f"{self._done}{task_id}}}:scratch"

    def deliveries(self, task_id: str) -> str:
        """What is delivered of a task's ends, and to whom."""
        return f"{self._done}{task_id}}}:deliveries"

    def chord_body(self, task_id: str) -> str:
        """The signature that is called when a chord has ended."""
        return f"{self._done}{task_id}}}:body"

    def chord_results(self, task_id: str) -> str:
        """What the parts of a chord have returned."""
        return f"{self._done}{task_id}}}:parts"

    def chord_owners(self, task_id: str) -> str:
        """Which part each step of a chord is."""
        return f"{self._done}{task_id}}}:owners"

    def chord_extras(self, task_id: str) -> str:
        """The parts of a chord whose step is not their index in the header."""
        return f"{self._done}{task_id}}}:extras"

    def of_chord(self, task_id: str) -> list[str]:
        """What is kept of a chord until its body is called, the body first."""
        return [
            self.chord_body(task_id),
            self.chord_results(task_id),
            self.chord_owners(task_id),
            self.chord_extras(task_id),
        ]

    def pending(self, kind: str) -> str:
        """The deliveries of a kind that are still to be made, of all tasks."""
        return self._pending + kind

    def of_all_tasks(self) -> list[str]:
        """The indexes of all tasks and of their deliveries: in as many keys each as tasks have shards."""
        return [self.OPEN_TASKS, self.ALL_TASKS, *map(self.pending, KINDS)]

    def of_failures(self, task_id: str) -> list[str]:
        """What the failures of a task leave."""
        of_groups = [self.reasons(task_id), self.error_groups(task_id)]
        return [self.failed(task_id), self.attempts(task_id), self.errors(task_id), *of_groups]

    def of_task(self, task_id: str) -> list[str]:
        """The keys of a task that live as long as it does, the record first."""
        others = [*self.of_failures(task_id), self.leases(task_id)]
        others += [self.results(task_id), self.items(task_id)]
        return [self.record(task_id), self.bitmap(task_id), *others]

    def task_permits(self, task_id: str) -> str:
        """Which processes may run steps of a task that limits them."""
        return f"{self._done}{task_id}}}:permits"

    def reclaiming(self, task_id: str, message_id: str) -> str:
        """Set while one process sends the steps of a lease again that has run out."""
        return f"{self._done}{task_id}}}:reclaiming:{message_id}"

    def reply(self, task_id: str, idempotency_key: str) -> str:
        """The answer that was given under an Idempotency-Key."""
        return f"{self._done}{task_id}}}:reply:{idempotency_key}"

    def replies(self, task_id: str, idempotency_key: str | None) -> list[str]:
        """The answer that was given under an Idempotency-Key; none without a key."""
        return [] if idempotency_key is None else [self.reply(task_id, idempotency_key)]


def shards_of_tasks(index: str, count: int) -> list[str]:
    """The keys of an index of all tasks that is in so many."""
    return [index] if count == 1 else [_shard(index, number) for number in range(count)]


def shard_of_tasks(index: str, task_id: bytes, count: int) -> str:
    """The key of an index of all tasks that a task is in, of so many.

    By a checksum, which is quick for one id; those of users come many at once, and are hashed together
    (`id_shards.py`).
    """
    return _shard(index, crc32(task_id) % count)


def _shard(index: str, number: int) -> str:
    """A shard's key of an index, which shares a slot with its keys of the other indexes."""
    return f"{index}:{{{number:x}}}"
