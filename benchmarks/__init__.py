"""`make bench`: the figures of docs/benchmarks.md, measured anew, with their peers in the same run."""
