"""Analyses: what stored results say of one entity when they are read together."""
