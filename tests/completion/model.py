"""A task in plain Python: what the store must say of one, whatever happened to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from donebit.completion.state import State
from donebit.retry_policy import MOST_ATTEMPTS

NOBODY = ""  # the token of a call that nobody makes again


@dataclass
class Model:
    """A task in plain Python."""

    count: int
    results: dict[int, int] = field(default_factory=dict)  # of the reports that set a bit
    bits: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)  # those that gave up
    tried: Counter[int] = field(default_factory=Counter)  # failed attempts, and those begun with care
    ordered: int = 0  # the count it was started with
    ordered_open: bool = False  # and whether it was open then
    left: int = 0  # as the counter has it: bits set by other hands are not known to it
    state: State = State.RUNNING
    claim: str = NOBODY  # the token of the call that ended it
    run: int = 1
    announced: bool = False
    open: bool = False  # it cannot end before it is closed

    def __post_init__(self) -> None:
        self.left = self.ordered = self.count
        self.ordered_open = self.open
        if not self.count and not self.open:  # all of no steps are done
            self.state = State.DONE

    def report_results(self, found: dict[int, int], token: str) -> tuple[int, bool]:
        """(newly done, completed)."""
        if self.state is not State.DONE:
            self.results |= {step: value for step, value in found.items() if step not in self.bits}
        in_ranges = {step for step in found if found.keys() & {step - 1, step + 1}}
        return self.report(found.keys() - in_ranges, in_ranges, token)

    def report(self, single: set[int], in_ranges: set[int], token: str) -> tuple[int, bool]:
        """(newly done, completed)."""
        heard_before = self.has_ended_by(token)
        if self.state is State.DONE:
            return 0, heard_before
        self.announced |= self.state is State.FAILED  # before it may become done
        had_failed, mended = bool(self.failed), self.failed & single - self.bits
        fresh = (single | in_ranges) - self.bits
        self.bits |= fresh
        self.failed -= mended
        self.left -= len(fresh) - len(mended)
        if had_failed and (self.failed & in_ranges or self.left <= 0):
            self.count_again()
        return len(fresh), self.end_if_none_is_left(token) or heard_before

    def begin_attempt(self, step: int, max_attempts: int, *, made_already: bool) -> int:
        """Which attempt it is, one beyond the last where it has no more, 0 where none is to be made."""
        if self.state is not State.RUNNING:
            return 0
        tried = self.tried[step]
        if made_already and tried:
            return tried
        self.tried[step] = max(tried, min(tried + 1, max_attempts))
        return tried + 1

    def fail(
        self, step: int, token: str, max_attempts: int, *, count_attempt: bool
    ) -> tuple[int, bool, bool]:
        """(attempts, gave up, completed)."""
        if self.state is not State.RUNNING or step in self.bits | self.failed:
            return 0, False, self.has_ended_by(token)
        if count_attempt:
            self.tried[step] = min(self.tried[step] + 1, MOST_ATTEMPTS)
        attempts = self.tried[step]
        if attempts < max_attempts:
            return attempts, False, False
        self.failed.add(step)
        self.left -= 1
        if self.left <= 0:
            self.count_again()
        return attempts, True, self.end_if_none_is_left(token)

    def resume(self) -> None:
        self.state, self.claim = State.RUNNING, NOBODY
        self.run, self.announced = self.run + 1, False
        self.failed.clear()
        self.tried.clear()
        self.count_again()
        self.end_if_none_is_left(NOBODY)

    def extend(self, count: int) -> None:
        self.left += count - self.count
        self.count = count

    def close(self, token: str) -> bool:
        """Whether it ends now."""
        self.open = False
        self.count_again()
        return self.end_if_none_is_left(token)

    def cancel(self) -> None:
        self.state, self.claim = State.CANCELLED, NOBODY

    def count_again(self) -> None:
        self.failed -= self.bits
        self.left = self.count - len(self.bits) - len(self.failed)

    def recount(self) -> bool:
        if self.state is not State.DONE:
            self.count_again()
        if self.left == 0 and not self.failed and self.state is State.FAILED:
            self.announced = True
        return self.end_if_none_is_left(NOBODY)

    def announce(self) -> bool:
        """Whether its end is told now."""
        told_now = self.state is not State.RUNNING and not self.announced
        self.announced |= told_now
        return told_now

    def end_if_none_is_left(self, token: str) -> bool:
        if self.left or self.open or self.state not in {State.RUNNING, State.FAILED}:
            return False
        if self.state is State.FAILED:
            if self.failed:
                return False
            self.run, self.announced = self.run + 1, False  # its last end is announced, this one is another
        self.state = State.FAILED if self.failed else State.DONE
        self.claim = token
        return True

    def has_ended_by(self, token: str) -> bool:
        """Whether a call of this token ended it: made again, it hears so again."""
        return self.state is not State.RUNNING and self.claim == token != NOBODY

    @property
    def missing(self) -> set[int]:
        return set(range(self.count)) - self.bits - self.failed
