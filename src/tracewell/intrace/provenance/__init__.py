"""Provenance: where an entity, a data point or a source comes from, and what became of it."""
