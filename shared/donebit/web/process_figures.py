"""The figures that a process counts by itself, summed over the WEB_PROCESSES of a service.

Each process writes its own into a folder that all have in common, once a second and before it says them,
and whichever is asked adds up what is there. What a process has counted stays when it is replaced; what it
had open goes with it.
"""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Final

from flask import Flask
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

EXTENSION = "donebit_process_figures"
WRITTEN_EVERY_SECONDS: Final = 1.0
GONE_AFTER_SECONDS: Final = 5.0  # without a word: then it counts nothing any more
MEMORY = Path("/proc/self/smaps_rollup")  # of Linux
SHARE = "Pss:"  # of all memory, that which is shared divided by those who share it (kB)


class ProcessFigures(Collector):
    """Those of this process, and of the others of its service if they share a folder.

    Args:
        collectors: have the figures of this process
    """

    def __init__(self, collectors: Iterable[Collector]) -> None:
        self._collectors = [*collectors, ProcessItself()]
        self._folder: Path | None = None
        self._name = f"{uuid.uuid4().hex}.json"
        self._writing = threading.Lock()

    def share_in(self, folder: Path) -> None:
        """Begin to write the figures into a folder, and to add those of the others up."""
        self._folder = folder
        threading.Thread(target=self._write_on, name="figures", daemon=True).start()

    def collect(self) -> Iterable[Metric]:
        """The figures of all."""
        if self._folder is None:
            return self._own()
        return added_up(chain(self._written(self._folder), self._others(self._folder)))

    def _written(self, folder: Path) -> list[Metric]:
        """The figures of this process, once they are in its file.

        Whichever process is asked next must not say less: a counter that falls is one that began again.
        """
        with self._writing:
            own = self._own()
            with suppress(OSError):  # the folder has just gone, or its disk is full
                write_figures(folder / self._name, own)
        return own

    def _own(self) -> list[Metric]:
        return [metric for one in self._collectors for metric in one.collect()]

    def _others(self, folder: Path) -> Iterator[Metric]:
        for file in folder.glob("*.json"):
            if file.name != self._name:
                is_gone = time.time() - file.stat().st_mtime > GONE_AFTER_SECONDS
                yield from (one for one in read_figures(file) if not (is_gone and one.type == "gauge"))

    def _write_on(self) -> None:
        pause = threading.Event()
        while self._folder is not None and self._folder.exists():
            self._written(self._folder)
            pause.wait(WRITTEN_EVERY_SECONDS)


class ProcessItself(Collector):
    """That it is there, and the memory that it takes."""

    def collect(self) -> Iterator[Metric]:
        """A 1, to be added up, and its memory where the system says it."""
        yield GaugeMetricFamily("donebit_service_processes", "Processes of this service", 1)
        if (taken := memory_bytes()) is not None:
            yield GaugeMetricFamily("donebit_service_memory_bytes", "Memory of this service", taken)


def memory_bytes() -> int | None:
    """The memory of this process; None where the system does not say it."""
    try:
        lines = MEMORY.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(SHARE)), None)


def register(app: Flask, collectors: Iterable[Collector]) -> ProcessFigures:
    """Have the figures of a process that serves an application."""
    figures = app.extensions[EXTENSION] = ProcessFigures(collectors)
    return figures


def share_figures(app: Flask, folder: Path) -> None:
    """Add the figures of a service's processes up."""
    figures: ProcessFigures = app.extensions[EXTENSION]
    figures.share_in(folder)


def write_figures(file: Path, metrics: Iterable[Metric]) -> None:
    """Write figures, so that nobody reads half of them."""
    found = [
        (
            one.name,
            one.documentation,
            one.type,
            [(name, labels, value) for name, labels, value, *_ in one.samples],
        )
        for one in metrics
    ]
    unfinished = file.with_suffix(f".{os.getpid()}")
    unfinished.write_text(json.dumps(found))
    unfinished.replace(file)


def read_figures(file: Path) -> Iterator[Metric]:
    """The figures in a file."""
    for name, documentation, kind, samples in json.loads(file.read_text()):
        metric = Metric(name, documentation, kind)
        for sample in samples:
            metric.add_sample(*sample)
        yield metric


def added_up(metrics: Iterable[Metric]) -> list[Metric]:
    """The metrics, each name once, with the sums of the samples that have the same labels."""
    families: dict[str, Metric] = {}
    sums: dict[tuple[str, str, frozenset[tuple[str, str]]], float] = {}
    labels_of = {}
    for metric in metrics:
        families.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
        for name, labels, value, *_ in metric.samples:
            key = metric.name, name, frozenset(labels.items())
            labels_of[key] = labels
            sums[key] = sums.get(key, 0) + value
    for key, total in sums.items():
        families[key[0]].add_sample(key[1], labels_of[key], total)
    return list(families.values())
