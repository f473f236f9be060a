"""What can go wrong with a fingerprint collection, apart so that a command's help stays quick."""

from __future__ import annotations


class CollectionRefused(Exception):  # noqa: N818
    """What was asked of a collection cannot be done; the text says why."""


class RegistryUnreachable(Exception):  # noqa: N818
    """The registry did not give the archive; the text says why."""
