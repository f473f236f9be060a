"""RFC 8785 canonical JSON: one value, one sequence of bytes."""

from __future__ import annotations

from typing import Any

import rfc8785

from tracewell.kernel.signing.errors import CanonicalJsonError


def canonical_json(value: Any) -> bytes:
    """The RFC 8785 bytes of a JSON value made of dict, list, tuple, str, int, float, bool, None.

    Raises CanonicalJsonError for a value that has no canonical form.
    """
    try:
        return rfc8785.dumps(value)
    except (ValueError, TypeError, RecursionError) as error:
        # The library's own text repeats the offending value, which may be personal data.
        raise CanonicalJsonError(f"no canonical form: {type(error).__name__}") from None
