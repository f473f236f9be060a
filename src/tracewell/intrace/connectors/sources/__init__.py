"""The connectors that are written in code, one file each, and the indexes that they look in.

Those that need no code are manifests (`../manifests`).
"""
