"""Entities over lookups: the same one keeps its id; merges and splits are recorded, and undone."""
