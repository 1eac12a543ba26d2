"""The one place that builds the names of keys; `catalogue.py` says what each of them is.

Where two things share a `{hash tag}`, they share a slot on a cluster, so one script may touch both.
"""

from __future__ import annotations

from donebit.names import DEFAULT_KEY_PREFIX
from donebit.store.key_names_of_activity import QUERY_SCRATCH, ActivityKeys
from donebit.store.key_names_of_tasks import TaskKeys
from donebit.store.slots import suffix_for

# What nobody is promised: signs of life, figures, logs; and what a question computes with.
PASSING = ("heartbeat:", "metrics", "log:", "access:requests:")
# What is counted of each token.
BEGUN = ("open_tasks", "events", "flags", "text_ids")


class Keys(TaskKeys, ActivityKeys):
    """The names of all keys of one installation, which its prefix keeps apart from other keys.

    Args:
        prefix: what every name begins with; without braces, which would move the hash tag
    """

    def __init__(self, prefix: str = DEFAULT_KEY_PREFIX) -> None:
        TaskKeys.__init__(self, prefix)
        ActivityKeys.__init__(self, prefix)
        self.prefix = prefix
        self._passing = tuple(prefix + name for name in PASSING)
        self.SCHEDULES = f"{prefix}schedule:next"
        self.EXPECTATIONS = f"{prefix}expectation:next"
        self.LAYOUT = f"{prefix}layout"
        self.ZONE_RULES = f"{prefix}zone_rules"
        self.WORKERS = f"{prefix}heartbeat:workers"
        self.SKEWS = f"{prefix}heartbeat:skews"
        self.SWEEPING = f"{prefix}heartbeat:sweeping"
        self.HEALS = f"{prefix}heartbeat:heals"
        self.JOBS = f"{prefix}job:names"
        self.METRICS = f"{prefix}metrics"
        self.TROUBLE_LOG = f"{prefix}log:trouble"
        self.WORKER_LOG = f"{prefix}log:worker"
        self.TOKENS = f"{prefix}access:tokens"
        self.SIGN_OUTS = f"{prefix}access:sign_outs"
        self.AUDIT = f"{prefix}access:audit"

    def unsharded(self) -> list[str]:
        """The keys of which a store without shards that holds anything has at least one."""
        directories = [self.numbers(self.TEXT_USERS), self.numbers(self.MAPPED_USERS)]
        return [*self.of_all_tasks(), self.EVENTS, self.FLAGS, *directories]

    def runs(self, job: str) -> str:
        """The past runs of a job."""
        return f"{self.prefix}job:{{{job}}}:runs"

    def runs_in_shards(self, job: str) -> str:
        """What the keys of a job's past runs begin with where tasks are in shards."""
        return f"{self.prefix}job:{job}:runs"

    def schedule(self, name: str) -> str:
        """What is known about a schedule."""
        return f"{self.prefix}schedule:{{{name}}}"

    def expectation(self, name: str) -> str:
        """What is known about an expectation."""
        return f"{self.prefix}expectation:{{{name}}}"

    def seen_by(self, name: str) -> str:
        """When something met an expectation."""
        return f"{self.prefix}expectation:{{{name}}}:seen"

    def job_permits(self, job: str) -> str:
        """Which processes may run steps of a job that limits them."""
        return f"{self.prefix}job:{{{job}}}:permits"

    def heartbeat(self, of: str) -> str:
        """When a kind of process was last seen."""
        return f"{self.prefix}heartbeat:{of}"

    def confirmation(self, slot: int) -> str:
        """What is written for replicas to confirm all before it, on the node of a slot."""
        name = f"{self.prefix}confirmed:"
        return name + suffix_for(name, slot)

    def is_passing(self, name: str) -> bool:
        """Whether a key holds what nobody is promised."""
        return name.startswith(self._passing) or QUERY_SCRATCH.search(name) is not None

    def steps_in_minute(self, minute: int) -> str:
        """What workers finished in a minute, counted from the epoch."""
        return f"{self.prefix}heartbeat:steps:{minute}"

    def throughput(self, seconds: int, start: int) -> str:
        """What was done and failed in so many seconds, from one since the epoch on."""
        return f"{self.prefix}throughput:{seconds}:{start}"

    def requests_in_second(self, second: int) -> str:
        """How many requests each token sent in a second, counted from the epoch."""
        return f"{self.prefix}access:requests:{second}"

    def begun_by(self, token: str, what: str) -> str:
        """What a token began of one of BEGUN."""
        return f"{self.prefix}access:{what}:{token}"

    def of_broker(self, name: str) -> str:
        """A key of Celery's broker, where it is this server: a queue's, or that of messages in progress."""
        return self.prefix + name
