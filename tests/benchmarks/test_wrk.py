"""What is read of wrk, and that nothing is read of a run in which something went wrong."""

from __future__ import annotations

import pytest

from benchmarks.wrk import Load, read_report

PRINTED = """Running 2s test @ http://127.0.0.1:8097
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.73ms    1.90ms  10.92ms   52.50%
    Req/Sec     6.94k     2.90k   10.92k    52.50%
  Latency Distribution
     50%    1.73ms
     99%   {p99}
  13767 requests in 2.00s, 6.01MB read
{more}Requests/sec:   6883.57
Transfer/sec:      2.05MB
"""


@pytest.mark.parametrize(("p99", "seconds"), [("950.00us", 0.00095), ("35.26ms", 0.03526), ("1.02s", 1.02)])
def test_the_rate_and_the_slowest_of_a_hundred_are_read(p99: str, seconds: float) -> None:
    assert read_report(PRINTED.format(p99=p99, more="")) == pytest.approx(Load(6883.57, seconds))


@pytest.mark.parametrize(
    "more",
    [
        "  Non-2xx or 3xx responses: 3\n",
        "  Socket errors: connect 0, read 2, write 0, timeout 0\n",
    ],
)
def test_a_run_with_an_error_is_no_figure(more: str) -> None:
    with pytest.raises(RuntimeError, match=more.strip()[:10]):
        read_report(PRINTED.format(p99="1.00ms", more=more))


def test_what_is_not_a_report_is_no_figure() -> None:
    with pytest.raises(RuntimeError, match="unable to connect"):
        read_report("unable to connect to 127.0.0.1:8097 Connection refused")
