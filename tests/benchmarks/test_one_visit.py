"""What the benchmark of one visit compares is there: both routes of its service answer."""

from __future__ import annotations

import pytest

from benchmarks import one_visit
from benchmarks.own_server import own_server


def test_a_visit_and_a_bare_setbit_are_answered_by_one_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_visit, "SECONDS", 0.2)  # of full load, for each route
    with own_server() as client, one_visit.served(client) as port:
        rates = [one_visit.rate(port, route, 1) for route in one_visit.ROUTES]

        assert client.getbit("bare", 0) == 1

    assert all(rates)
