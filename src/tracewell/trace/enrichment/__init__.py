"""Enrichment: the partnerships of many domains in one call."""
