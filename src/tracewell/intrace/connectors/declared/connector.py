"""A YAML manifest as a connector: fills the request, reads the answer, follows the pages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from jmespath.exceptions import JMESPathError

from tracewell.intrace.connectors.declared.expressions import evaluate
from tracewell.intrace.connectors.declared.model import Manifest, RequestBody, Text
from tracewell.intrace.connectors.lent import Http, Reply
from tracewell.intrace.connectors.model import (
    AskContext,
    Condition,
    Connector,
    ConnectorError,
    ConnectorSpec,
    HealthStatus,
    NotApplicableError,
    PartialAnswerError,
    SourceFailedError,
    observe,
)
from tracewell.intrace.connectors.network.replies import JSON_TYPES, parse_json
from tracewell.intrace.identifiers.model import Identifier
from tracewell.values import Observation

RECORDS_MAX: Final = 500
_PLACEHOLDER: Final = re.compile(r"\{([a-z0-9_]+)\}")
_NEXT_LINK: Final = re.compile(r'<([^<>]{1,2000})>\s*;[^,<]*\brel="?next"?')
_ODD_SHAPE: Final = "the answer has another shape than the manifest says"


class DeclaredConnector(Connector):
    """The connector that a manifest describes."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.spec: ConnectorSpec = manifest.to_spec()  # type: ignore[misc]  # one per manifest

    async def ask(self, identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        """What the answer's records state, page by page; partial when a later page is missing."""
        request = self.manifest.requests[identifier.type]
        known = _placeholders(identifier)
        if request.platform is not None and known["platform"] != request.platform:
            raise NotApplicableError(f"the profile page is none of {request.platform}")
        reply = await self._get(request, known, context.http)
        if reply is None:
            return ()
        url, answer = reply.url, parse_json(reply.body)
        observations = self._read(answer, url, known, context)
        pages = 1
        while (onward := self._next_page(answer, reply)) is not None:
            if pages == (self.manifest.paging.pages_max if self.manifest.paging else 1):
                raise PartialAnswerError(f"only the first {pages} pages were read", observations)
            try:
                reply = await context.http.get(onward, media_types=JSON_TYPES, absent=())
                assert reply is not None
                answer = parse_json(reply.body)
                observations += self._read(answer, reply.url, known, context)
            except ConnectorError as error:
                reason = f"page {pages + 1} could not be read: {error.reason}"
                raise PartialAnswerError(reason, observations) from None
            pages += 1
        return observations

    async def check_health(self, context: AskContext) -> Condition:
        """Asks what the manifest names for that, which is about nobody."""
        health = self.manifest.health
        answer = await context.http.get_json(health.path, params=health.params, absent=())
        if not _find(health.expect, answer):
            return Condition(HealthStatus.DEGRADED, _ODD_SHAPE)
        return Condition(HealthStatus.REACHABLE)

    async def _get(
        self, request: RequestBody, known: Mapping[str, str], http: Http
    ) -> Reply | None:
        return await http.get(
            _fill(request.path, known, is_path=True),
            params={name: _fill(text, known) for name, text in request.params.items()},
            headers={
                "Accept": "application/json",
                **{name: _fill(text, known) for name, text in request.headers.items()},
            },
            absent=self.manifest.answer.absent_status,
            media_types=JSON_TYPES,
        )

    def _read(
        self, answer: Any, url: str, known: Mapping[str, str], context: AskContext
    ) -> list[Observation]:
        rules = self.manifest.answer
        if not _find(rules.found, answer):
            if rules.absent is not None and _find(rules.absent, answer):
                return []
            raise SourceFailedError(_ODD_SHAPE)
        records = _find(rules.records, answer)
        records = records if isinstance(records, list) else [records]
        observations: list[Observation] = []
        for record in records[:RECORDS_MAX]:
            subject = _one_text(rules.subject, record, known)
            if not isinstance(record, dict) or subject is None:
                raise SourceFailedError(_ODD_SHAPE)
            source_url = _one_text(rules.source_url, record, known) if rules.source_url else None
            statements = [
                (rule.predicate, text)
                for rule in rules.observations
                for text in _texts(rule.value, record, known)
            ]
            observations += observe(
                f"{self.spec.id}:{subject}",
                statements,
                source_url=source_url or url,
                observed_at=context.clock(),
                record=record,
            )
        if not observations:
            # It says that it knows something, and nothing of it could be read.
            raise SourceFailedError(_ODD_SHAPE)
        return observations

    def _next_page(self, answer: Any, reply: Reply) -> str | None:
        paging = self.manifest.paging
        if paging is None:
            return None
        if paging.link_header:
            link = _NEXT_LINK.search(reply.headers.get("link", ""))
            return link[1] if link else None
        assert paging.next is not None
        onward = _find(paging.next, answer)
        if onward is not None and not isinstance(onward, str):
            raise SourceFailedError(_ODD_SHAPE)
        return onward or None


def _placeholders(identifier: Identifier) -> dict[str, str]:
    lowered = identifier.value.lower().encode("utf-8")
    local_part, _, domain = identifier.value.rpartition("@")
    return {
        "value": identifier.value,
        "handle": identifier.details.get("handle", identifier.value),
        "platform": identifier.details.get("platform", ""),
        "domain": identifier.details.get("domain", domain),
        "local_part": local_part,
        "sha256": hashlib.sha256(lowered).hexdigest(),
        # Some services name e-mail addresses by this digest; it protects nothing.
        "md5": hashlib.md5(lowered, usedforsecurity=False).hexdigest(),
    }


def _fill(template: str, known: Mapping[str, str], *, is_path: bool = False) -> str:
    def value(match: re.Match[str]) -> str:
        text = known[match[1]]
        return quote(text, safe="" if match[1] != "domain" else ".-[]:") if is_path else text

    return _PLACEHOLDER.sub(value, template)


def _find(expression: str, value: Any) -> Any:
    try:
        return evaluate(expression, value)
    except JMESPathError:
        raise SourceFailedError(_ODD_SHAPE) from None


def _texts(rule: str | Text, record: Any, known: Mapping[str, str]) -> Iterator[str]:
    """The texts of a rule's value: numbers and truth values as JSON writes them."""
    if isinstance(rule, Text):
        yield _fill(rule.text, known)
        return
    found = _find(rule, record)
    for item in found if isinstance(found, list) else [found]:
        if isinstance(item, bool):
            yield "true" if item else "false"
        elif isinstance(item, int | float):
            yield f"{item:.15g}" if isinstance(item, float) else str(item)
        elif isinstance(item, str):
            if item.strip():
                yield item.strip()
        elif item is not None:
            raise SourceFailedError(_ODD_SHAPE)


def _one_text(rule: str | Text, record: Any, known: Mapping[str, str]) -> str | None:
    return next(_texts(rule, record, known), None)
