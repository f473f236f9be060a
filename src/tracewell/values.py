"""Plain values that the rooms `web`, `detection`, `extraction` and `resolution` hand to each other.

Nothing here does I/O, knows a database or a setting. Every value is frozen, so that it may be
shared between threads and processes and used as evidence later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType

_NOTHING: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Capture:
    """One fetched page as it came over the wire, body decoded from its content encoding only.

    `url` is the address that answered (after redirects). `headers` keep their order, names are as
    sent. `body` holds the bytes of the page; `text()` decodes them. `captured_at` is milliseconds
    since the epoch (UTC). `capture_id` leads back to the archive record: `<file name>:<offset>`,
    empty where the capture was never archived. `js` (names of globals and their values as text) and
    `xhr` (hosts that the page asked) are known only where a browser looked, and `dom_properties`
    (by CSS selector, the live properties of the elements it names and their values as text).
    """

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    captured_at: int
    capture_id: str = ""
    dns: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NOTHING)
    certificate_issuer: str | None = None
    robots_txt: str | None = None
    scripts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    js: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    xhr: tuple[str, ...] = ()
    dom_properties: Mapping[str, Mapping[str, str]] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def header(self, name: str) -> str | None:
        """The first header of that name, in any letter case, or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def __reduce__(self) -> tuple[type[Capture], tuple[object, ...]]:
        """Captures travel between processes, read-only views of mappings do not."""
        values = (getattr(self, field.name) for field in fields(self))
        return Capture, tuple(dict(v) if isinstance(v, Mapping) else v for v in values)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a technology use is claimed, so that anyone can check it against the capture again.

    `kind` is one of the contract's kinds (header, cookie, meta, script_src, script, html, text,
    url, css, dom, js, xhr, robots, dns, cert_issuer, implied). `start`/`end` are byte offsets of
    `excerpt` in the capture's body where the kind lives in the body, else None.
    """

    kind: str
    name: str
    pattern: str
    excerpt: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class TechnologyUse:
    """A technology that one capture shows: confidence is 0..100, version is None when not told."""

    name: str
    version: str | None
    confidence: int
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Observation:
    """One statement of one source about one subject, as a connector yields it (never an entity).

    `subject` groups the statements of one source record; `predicate` is a name of the result
    profile (`person.name`, `phone.carrier`, ...). `observed_at` is milliseconds since the epoch.
    """

    subject: str
    predicate: str
    value: str
    source_url: str
    record_hash: str
    observed_at: int
