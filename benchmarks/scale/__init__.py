"""Trace at 10 thousand, 100 thousand and a million companies: seeded data, figures over HTTP.

`make bench-scale`, or `python -m benchmarks.scale --help`.
"""
