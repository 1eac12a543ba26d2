"""Traces of OpenTelemetry, as services and a worker send them to a collector."""

from __future__ import annotations

import secrets
import signal
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from donebit.demo.ports import free_server_port
from donebit.store import keys
from tests.collector import Collector, Seen, collecting
from tests.receiver import receiving
from tests.stack import DONE_SECONDS, START_SECONDS, Stack, ask, started_stack
from tests.started import Started, eventually

DISPATCH, SLICE, ANNOUNCE, WEBHOOK = (
    f"donebit.{name}" for name in ("dispatch", "run_steps", "announce", "webhook")
)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def traced_stack(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Stack]:
    """A stack that sends its spans to the collector."""
    with started_stack(tmp_path_factory.mktemp("traced"), **collector.environment) as stack:
        yield stack


def spans_of(collector: Collector, task_id: str, *others: str, end: str = ANNOUNCE) -> dict[str, list[Seen]]:
    """The spans of a task's whole trace, by name, once its end and these others have come.

    Each process sends its own, a request's after all that it did: the last one may come first.

    Args:
        collector: whom they are sent to
        task_id: of the task
        others: names of spans, each as often as there are to be some
        end: the name of the last one
    """
    (last, *_) = collector.await_spans(
        lambda seen: seen.name == end and seen.attributes.get("donebit.task_id") == task_id
    )

    def is_of_trace(name: str, seen: Seen) -> bool:
        return seen.name == name and seen.trace == last.trace

    for name, count in Counter(others).items():
        collector.await_spans(partial(is_of_trace, name), count)
    found: dict[str, list[Seen]] = {}
    for seen in collector.spans():
        if seen.trace == last.trace:
            found.setdefault(seen.name, []).append(seen)
    return found


def parents(spans: list[Seen]) -> set[str]:
    return {seen.parent for seen in spans}


def test_one_trace_from_the_request_to_the_webhook(traced_stack: Stack, collector: Collector) -> None:
    trace, caller = secrets.token_hex(16), secrets.token_hex(8)
    with receiving() as receiver:
        body = {"count": 40, "job": "demo", "params": {"sleep_ms": 0}, "batch": 20, "webhook": receiver.url}
        headers = {"traceparent": f"00-{trace}-{caller}-01"}
        answer = ask("POST", f"{traced_stack.trigger}/tasks", body, headers=headers)
        others = ("POST /tasks", DISPATCH, SLICE, SLICE, ANNOUNCE)
        found = spans_of(collector, answer.said["task_id"], *others, end=WEBHOOK)

    (request,), (dispatch,) = found["POST /tasks"], found[DISPATCH]
    (announcement,), (webhook,) = found[ANNOUNCE], found[WEBHOOK]
    slices = found[SLICE]
    assert (request.trace, request.parent, request.program) == (trace, caller, "donebit.trigger_app")
    assert request.attributes["http.response.status_code"] == 202
    assert (dispatch.parent, dispatch.program) == (request.id, "donebit.worker")
    assert (len(slices), parents(slices)) == (2, {dispatch.id})
    assert parents(found["donebit.report"]) == {one.id for one in slices}
    assert sum(one.attributes["donebit.steps"] for one in found["donebit.report"]) == 40
    assert announcement.parent in {one.id for one in slices}
    assert announcement.attributes["donebit.state"] == "done"
    assert webhook.parent == announcement.id
    assert receiver.requests[0].headers["traceparent"] == f"00-{trace}-{webhook.id}-01"
    kinds = {one.name: one.kind for spans in found.values() for one in spans}
    assert Counter(kinds.values()) == {"CONSUMER": 3, "SERVER": 1, "INTERNAL": 1, "CLIENT": 1}
    assert not any(one.failed or one.links for spans in found.values() for one in spans)


def test_the_rest_of_a_slice_stands_beside_it(
    traced_stack: Stack, collector: Collector, tmp_path: Path
) -> None:
    params = {"folder": str(tmp_path), "pause_ms": 100}
    task_id = traced_stack.create(8, job="note", params=params, batch=8)

    found = spans_of(collector, task_id, DISPATCH, SLICE, SLICE)

    assert len(found[SLICE]) > 1
    assert parents(found[SLICE]) == {found[DISPATCH][0].id}


def test_failed_attempts_are_exceptions_of_their_slice(
    traced_stack: Stack, collector: Collector, tmp_path: Path
) -> None:
    (tmp_path / "block-1").touch()
    task_id = traced_stack.create(3, job="blocked", params={"folder": str(tmp_path)})

    (announcement,) = spans_of(collector, task_id)[ANNOUNCE]
    found = collector.await_spans(lambda seen: bool(seen.exceptions) and seen.trace == announcement.trace, 2)

    assert {seen.name for seen in found} == {SLICE}
    failing = sorted(found, key=lambda seen: seen.exceptions[0]["donebit.attempts"])
    exceptions = [one for seen in failing for one in seen.exceptions]
    assert [one["donebit.attempts"] for one in exceptions] == [1, 2]
    assert {one["exception.type"] for one in exceptions} == {"ValueError"}
    assert {one["exception.message"] for one in exceptions} == {"ValueError: step 1 is blocked"}
    assert 'raise ValueError(f"step {step} is blocked")' in exceptions[0]["exception.stacktrace"]
    assert [seen.failed for seen in failing] == [False, True]
    assert announcement.attributes["donebit.state"] == "failed"


def test_an_end_that_the_sweep_announces_is_linked_to_its_start(
    traced_stack: Stack, collector: Collector
) -> None:
    task_id = traced_stack.create(1)
    begun_by = traced_stack.task(task_id).traceparent or ""
    (start,) = collector.await_spans(lambda seen: seen.name == "POST /tasks" and seen.id in begun_by)
    assert begun_by.startswith(f"00-{start.trace}-{start.id}-")
    traced_stack.server.client.setbit(keys.bitmap(task_id), 0, 1)
    traced_stack.await_told(task_id, swept=True)

    (announcement,) = spans_of(collector, task_id)[ANNOUNCE]

    assert announcement.trace != start.trace
    assert announcement.links == [start.trace]


def test_a_process_that_replaces_a_killed_one_sends_its_spans(
    traced_stack: Stack, collector: Collector, tmp_path: Path
) -> None:
    params = {"folder": str(tmp_path), "victim": 0}
    killed = traced_stack.create(1, job="deadly", params=params)
    traced_stack.await_told(killed)
    tasks = [
        traced_stack.create(1, job="demo", params={"sleep_ms": 0})
        for _ in range(4 * 4)  # each of the processes has some
    ]

    for task_id in tasks:
        assert len(spans_of(collector, task_id, SLICE)[SLICE]) == 1


def test_refused_requests_and_probes_have_no_span(traced_stack: Stack, collector: Collector) -> None:
    url = traced_stack.done
    refused = ask("GET", f"{url}/tasks/refused", headers={"Host": "elsewhere.example.org"})
    probed = ask("GET", f"{url}/health")
    ask("GET", f"{url}/tasks/known")

    collector.await_spans(lambda seen: seen.attributes.get("donebit.task_id") == "known")

    assert (refused.status, probed.status) == (403, 200)
    assert "refused" not in [seen.attributes.get("donebit.task_id") for seen in collector.spans()]
    assert "GET /health" not in [seen.name for seen in collector.spans()]


def test_requests_that_have_a_short_way_without_traces_have_a_span(
    traced_stack: Stack, collector: Collector
) -> None:
    task_id = traced_stack.create(1)
    trace = secrets.token_hex(16)
    headers = {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}

    ask("PUT", f"{traced_stack.done}/tasks/{task_id}/steps/0", headers=headers)
    ask("POST", f"{traced_stack.distinct}/distinct?userId=7", headers=headers)

    name = "PUT /tasks/<task_id>/steps/<n>"
    found = spans_of(collector, task_id, name)
    (report,), (announcement,) = found[name], found[ANNOUNCE]
    (visit,) = collector.await_spans(lambda seen: seen.name == "POST /distinct")
    assert (report.trace, report.attributes["donebit.task_id"], visit.trace) == (trace, task_id, trace)
    assert (announcement.parent, announcement.trace) == (report.id, trace)


def late(stack: Stack, program: str, **environment: str) -> Started:
    """Another process of a program, which sends its spans an hour later, or as it ends."""
    (found,) = [one for one in stack.programs() if one.name == program]
    return stack.started("late", found.argv, OTEL_BSP_SCHEDULE_DELAY="3600000", **environment)


def test_a_worker_sends_its_last_spans_as_it_ends(traced_stack: Stack, collector: Collector) -> None:
    traced_stack.worker.send(signal.SIGTERM)
    traced_stack.worker.exit_code(DONE_SECONDS)
    worker = late(traced_stack, "worker")
    try:
        with receiving() as receiver:
            task_id = traced_stack.create(1, job="demo", params={"sleep_ms": 0}, webhook=receiver.url)
            eventually(lambda: receiver.requests, DONE_SECONDS, what="no webhook came")
        eventually(lambda: traced_stack.answer(task_id)["deliveries"][0]["outcome"] == "delivered")
        spans = [seen for seen in collector.spans() if seen.program == "donebit.worker"]
        assert not [seen for seen in spans if seen.attributes.get("donebit.task_id") == task_id]

        worker.send(signal.SIGTERM)
        worker.exit_code(DONE_SECONDS)
    finally:
        worker.end()
        traced_stack.start()

    assert {SLICE, ANNOUNCE} < set(spans_of(collector, task_id, end=WEBHOOK))


def test_a_service_sends_its_last_spans_as_it_ends(traced_stack: Stack, collector: Collector) -> None:
    port = free_server_port()
    service = late(traced_stack, "done", DONE_PORT=str(port))
    url = f"http://127.0.0.1:{port}/tasks/nobody"
    try:
        eventually(lambda: ask("GET", url).status == 404, START_SECONDS, what=service.err)

        service.send(signal.SIGTERM)
        service.exit_code(DONE_SECONDS)
    finally:
        service.end()

    assert collector.await_spans(lambda seen: seen.attributes.get("donebit.task_id") == "nobody")
