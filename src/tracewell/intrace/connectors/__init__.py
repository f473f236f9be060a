"""Connectors: the sources that a lookup asks, and the runner that asks them.

One file per connector; `registry` lists them. Entities are made of the answers in `resolution`.
"""
