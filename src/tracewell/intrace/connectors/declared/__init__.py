"""Connectors without code: a YAML manifest says what to ask and what the answer means.

Ours are in `manifests/`; a deployment's own lie in its folder of connectors.
"""
