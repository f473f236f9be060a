"""The two error pages: their rows and bodies, read from the pages where they are at hand.

The same rows and bodies stand here as literals, so that the suite says the same without the pages;
`test_seeds.py` compares both.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Product = Literal["trace", "intrace"]

FILES: Mapping[Product, str] = {
    "trace": "000_9a2427eca064a932.txt",
    "intrace": "004_da061c7684242417.txt",
}

STATUSES: Mapping[Product, tuple[int, ...]] = {
    "trace": (400, 401, 402, 403, 404, 422, 429, 500),
    "intrace": (400, 401, 403, 404, 422, 429, 500),
}

CODES: Mapping[Product, Mapping[str, int]] = {
    "trace": {
        "authentication_required": 401,
        "invalid_api_key": 401,
        "user_credential_required": 403,
        "key_missing_org_association": 403,
        "email_verification_required": 403,
        "credit_exhausted": 402,
        "operational_rate_limit_exceeded": 429,
        "company_not_found": 404,
    },
    "intrace": {
        "request_malformed": 400,
        "field_required": 400,
        "field_invalid": 400,
        "credentials_missing": 401,
        "token_expired": 401,
        "token_invalid": 401,
        "api_key_invalid": 401,
        "insufficient_scope": 403,
        "not_found": 404,
        "invalid_identifier_type": 422,
        "identifier_format_invalid": 422,
        "no_identifiers": 422,
        "too_many_identifiers": 422,
        "rate_limit_exceeded": 429,
        "internal_error": 500,
        "signing_failed": 500,
        "database_error": 500,
    },
}

RATE_HEADERS = ("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")

BODIES: Mapping[str, Any] = {
    "invalid_api_key": {"error": "invalid_api_key", "message": "Invalid or revoked API key"},
    "company_not_found": {
        "error": {
            "code": "company_not_found",
            "message": "No company found for 'not-a-real-domain.example'",
        }
    },
    "internal_error": {"error": "Internal server error"},
    "credit_exhausted": {
        "error": "credit_exhausted",
        "message": "Insufficient credits to complete this request.",
        "requested": 50,
        "shortfall": 12,
    },
    "operational_rate_limit_exceeded": {
        "error": "operational_rate_limit_exceeded",
        "message": "Too many requests. Please wait before retrying.",
        "retry_after_seconds": 30,
    },
    "user_credential_required": {
        "error": "user_credential_required",
        "message": "This endpoint operates on user-scoped resources and requires a user-bound "
        "credential. Org-level and admin API keys cannot access it. Use a user-scoped API key "
        "(trace_…) or authenticate via the app.",
        "credential_type_used": "org_api_key",
        "credential_type_required": "user_api_key_or_jwt",
    },
    "invalid_identifier_type": {
        "error": {
            "code": "invalid_identifier_type",
            "message": "The identifier type is not recognized.",
            "details": [
                {
                    "field": "identifiers[0].type",
                    "issue": "Must be one of: email, phone, username, ip, domain, name, url, "
                    "address, company_name, social_url",
                }
            ],
        },
        "request_id": "req_01JNQBC4X8Y2Z3A",
    },
}


def compact(value: Any) -> bytes:
    """The bytes of a body on the wire: no blanks, keys in their order, UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def find_page(product: Product) -> Path | None:
    """The error page of a product; TRACEWELL_SHARED names the folder of the shared material."""
    root = Path(__file__).parents[2]
    shared = Path(os.environ.get("TRACEWELL_SHARED") or root.parent / "shared" / "data")
    for folder in (shared.parent / "seeds", shared / "seeds", root.parent / "shared" / "seeds"):
        page = folder / FILES[product]
        if page.is_file():
            return page
    return None


@dataclass(frozen=True)
class Page:
    """What an error page says: statuses and codes of its tables, bodies, header names."""

    statuses: tuple[int, ...]
    codes: Mapping[str, int]
    bodies: Mapping[str, Any]
    headers: tuple[str, ...] = ()


def parse_trace_page(text: str) -> Page:
    """The first page. A code that it shows in a body and in no table counts as a row as well."""
    # "400 |\nBad request | A malformed ... |" and "credit_exhausted |\n402 | Out of credits. |"
    statuses = re.findall(r"^(\d{3}) \|\n[^|\n]+ \| .+ \|$", text, re.MULTILINE)
    codes = {
        code: int(status)
        for code, status in re.findall(r"^([a-z_]+) \|\n(\d{3}) \| .+ \|$", text, re.MULTILINE)
    }
    bodies: dict[str, Any] = {}
    for body in _iter_objects(text):
        error = body["error"]
        if isinstance(error, dict):
            codes.setdefault(error["code"], 404)
            bodies[error["code"]] = body
        else:
            bodies["internal_error" if error not in codes else error] = body
    return Page(tuple(map(int, statuses)), codes, bodies)


def parse_intrace_page(text: str) -> Page:
    """The second page: a section for each status, its table without a mark between the cells."""
    sections = re.split(r"^(\d{3}) [A-Z][A-Za-z ]+$", text, flags=re.MULTILINE)
    statuses = tuple(map(int, sections[1::2]))
    codes: dict[str, int] = {}
    headers: list[str] = []
    for status, section in zip(statuses, sections[2::2], strict=True):
        _, mark, table = section.partition("CodeCauseResolution\n")
        for line in table.splitlines() if mark else ():
            # The code ends where the cause's first capital letter stands.
            row = re.match(r"([a-z_]+)[A-Z]", line)
            if row is None:
                break
            codes[row.group(1)] = status
        headers += re.findall(r"^(Retry-After|X-RateLimit-[A-Z][a-z]+)[A-Z]", section, re.MULTILINE)
    bodies = {body["error"]["code"]: body for body in _iter_objects(text)}
    return Page(statuses, codes, bodies, tuple(headers))


def _iter_objects(text: str) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder()
    end = 0
    for match in re.finditer(r'\{\s*"error"', text):
        if match.start() >= end:
            body, end = decoder.raw_decode(text, match.start())
            yield body
