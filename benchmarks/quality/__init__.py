"""How right detection is, measured on real pages and on examples that others have labelled.

What is expected stands in data files beside the modules; how quick detection is, is not asked here.
"""
