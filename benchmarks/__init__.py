"""`make bench`: measures the figures of docs/benchmarks.md, and their peers in the same run."""
