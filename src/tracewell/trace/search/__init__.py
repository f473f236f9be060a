"""Searching companies: the parameters of a request as a filter tree, a page of what fits."""
