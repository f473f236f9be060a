"""Records as the JSON that is stored of them, and their digests. Pure."""

from __future__ import annotations

import hashlib

import orjson

from tracewell.extraction import Fact
from tracewell.trace.loading.model import Identifier, Place, Record


def encode(record: Record) -> tuple[str, bytes]:
    """The body that is stored, and a digest of what it says, dates left out."""
    said = {
        "names": record.names,
        "domains": record.domains,
        "places": [
            {"country": one.country, "locality": one.locality, "postal_code": one.postal_code}
            for one in record.places
        ],
        "identifiers": [list(one) for one in record.identifiers],
        "facts": [[one.field, one.value, one.weight, one.source_url] for one in record.facts],
        "is_found_by_name": record.is_found_by_name,
    }
    body = orjson.dumps(said)
    return body.decode(), hashlib.blake2b(body, digest_size=16).digest()


def decode(source: str, key: str, body: str, observed_at: int) -> Record:
    """The record again."""
    said = orjson.loads(body)
    return Record(
        source,
        key,
        tuple(said["names"]),
        tuple(said["domains"]),
        tuple(Identifier(*one) for one in said["identifiers"]),
        tuple(Place(**place) for place in said["places"]),
        tuple(
            Fact(what, value, weight, url, observed_at)
            for what, value, weight, url in said["facts"]
        ),
        said["is_found_by_name"],
        observed_at,
    )
