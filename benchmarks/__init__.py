"""Measurements, run by `make bench`. The figures of record are in docs/benchmarks.md."""
