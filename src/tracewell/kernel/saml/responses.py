"""From the answer of an identity provider to who signed in (SAML core 2.3, profiles 4.1.4)."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree

from tracewell.kernel.saml.errors import SamlFault, SamlRefused
from tracewell.kernel.saml.hardened_xml import parse_xml, saml, samlp, text_of
from tracewell.kernel.saml.metadata import IdpMetadata
from tracewell.kernel.saml.signatures import read_signed_assertion
from tracewell.kernel.saml.times import parse_time

RESPONSE_CHARACTERS_MAX = 256 << 10
NAME_CHARACTERS_MAX = 255
EMAIL_CHARACTERS_MAX = 320
GROUP_CHARACTERS_MAX = 256
GROUPS_MAX = 1_000
FUTURE_SKEW_MS = 30_000
"""How far a provider's clock may run ahead. Nothing forgives an expiry."""

EMAIL_ATTRIBUTES = ("email", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress")

_SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
_STATUS_CODE = f"{samlp('Status')}/{samlp('StatusCode')}"
_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
_CONDITIONS = {saml(name) for name in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")}


@dataclass(frozen=True, slots=True)
class ServiceProvider:
    """This engine towards the identity provider."""

    entity_id: str
    acs_url: str
    groups_attribute: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an answer must fit. `request_id` None: none was sent, and the answer must name none."""

    provider: ServiceProvider
    metadata: IdpMetadata
    request_id: str | None
    now_ms: int


@dataclass(frozen=True, slots=True)
class Assertion:
    """Who signed in. Times are milliseconds since the epoch.

    `assertion_id` may be used once until `usable_until`; `session_ends_at` is the provider's word.
    """

    assertion_id: str
    issuer: str
    name_id: str
    email: str
    session_index: str | None
    groups: tuple[str, ...]
    usable_until: int
    session_ends_at: int | None


def parse_response(text: str, expected: Expectation) -> Assertion:
    """Judges the base64 of an HTTP-POST answer. That it was not used before is not known here.

    Raises SamlRefused.
    """
    if len(text) > RESPONSE_CHARACTERS_MAX:
        raise SamlRefused(SamlFault.TOO_LARGE)
    try:
        data = b64decode("".join(text.split()), validate=True)
    except ValueError as error:
        raise SamlRefused(SamlFault.MALFORMED) from error
    response = parse_xml(data)
    if response.tag != samlp("Response") or response.get("Version") != "2.0":
        raise SamlRefused(SamlFault.MALFORMED)
    _judge_envelope(response, expected)
    signed = read_signed_assertion(response, expected.metadata.certificates)
    try:
        return _Judge(signed, expected).judge()
    except ValueError as error:  # a time that is none
        raise SamlRefused(SamlFault.CONDITIONS) from error


def _judge_envelope(response: etree._Element, expected: Expectation) -> None:
    """What stands around the assertion need not be signed: it can only make things worse."""
    statuses = [code.get("Value") for code in response.iterfind(_STATUS_CODE)]
    if statuses != [_SUCCESS]:
        raise SamlRefused(SamlFault.STATUS)
    if response.get("Destination", expected.provider.acs_url) != expected.provider.acs_url:
        raise SamlRefused(SamlFault.RECIPIENT)
    if response.get("InResponseTo") not in (None, expected.request_id):
        raise SamlRefused(SamlFault.IN_RESPONSE_TO)
    if any(
        text_of(node) != expected.metadata.entity_id for node in response.iterfind(saml("Issuer"))
    ):
        raise SamlRefused(SamlFault.ISSUER)


class _Judge:
    """Reads one signed assertion against what is expected."""

    def __init__(self, signed: etree._Element, expected: Expectation) -> None:
        self._signed = signed
        self._expected = expected
        self._now = expected.now_ms

    def judge(self) -> Assertion:
        """In the order: kind, issuer, time and audience, subject, sign-in, attributes."""
        signed, expected = self._signed, self._expected
        if signed.get("Version") != "2.0":
            raise SamlRefused(SamlFault.MALFORMED)
        issuers = [text_of(node) for node in signed.iterfind(saml("Issuer"))]
        if issuers != [expected.metadata.entity_id]:
            raise SamlRefused(SamlFault.ISSUER)
        self._require_begun(signed.get("IssueInstant"))
        self._judge_conditions()
        name_id = self._parse_name_id()
        usable_until = self._judge_confirmations()
        session_index, session_ends_at = self._parse_statement()
        emails = self._values(EMAIL_ATTRIBUTES)
        return Assertion(
            assertion_id=_parse_text(signed.get("ID"), NAME_CHARACTERS_MAX, SamlFault.MALFORMED),
            issuer=issuers[0],
            name_id=name_id,
            email=_parse_email(emails[0] if emails else None),
            session_index=session_index,
            groups=self._parse_groups(),
            usable_until=usable_until,
            session_ends_at=session_ends_at,
        )

    def _require_begun(self, text: str | None) -> None:
        if text is not None and parse_time(text) > self._now + FUTURE_SKEW_MS:
            raise SamlRefused(SamlFault.NOT_YET_VALID)

    def _require_not_over(self, text: str | None) -> None:
        if text is not None and parse_time(text) <= self._now:
            raise SamlRefused(SamlFault.EXPIRED)

    def _judge_conditions(self) -> None:
        found = self._signed.findall(saml("Conditions"))
        if len(found) != 1 or any(child.tag not in _CONDITIONS for child in found[0]):
            raise SamlRefused(SamlFault.CONDITIONS)
        self._require_begun(found[0].get("NotBefore"))
        self._require_not_over(found[0].get("NotOnOrAfter"))
        restrictions = found[0].findall(saml("AudienceRestriction"))
        for restriction in restrictions:
            audiences = [text_of(node) for node in restriction.iterfind(saml("Audience"))]
            if self._expected.provider.entity_id not in audiences:
                raise SamlRefused(SamlFault.AUDIENCE)
        if not restrictions:
            raise SamlRefused(SamlFault.AUDIENCE)

    def _subject(self) -> etree._Element:
        subjects = self._signed.findall(saml("Subject"))
        if len(subjects) != 1:
            raise SamlRefused(SamlFault.SUBJECT)
        return subjects[0]

    def _parse_name_id(self) -> str:
        names = self._subject().findall(saml("NameID"))
        if len(names) != 1:
            raise SamlRefused(SamlFault.SUBJECT)
        if names[0].get("Format") == _TRANSIENT:
            raise SamlRefused(SamlFault.TRANSIENT)
        return _parse_text(text_of(names[0]), NAME_CHARACTERS_MAX, SamlFault.SUBJECT)

    def _judge_confirmations(self) -> int:
        """The end of the first confirmation that fits; else why the last one does not."""
        fault = SamlFault.CONFIRMATION
        for confirmation in self._subject().iterfind(saml("SubjectConfirmation")):
            data = confirmation.find(saml("SubjectConfirmationData"))
            if confirmation.get("Method") != _BEARER or data is None:
                continue
            try:
                return self._judge_confirmation(data)
            except SamlRefused as error:
                fault = error.reason
        raise SamlRefused(fault)

    def _judge_confirmation(self, data: etree._Element) -> int:
        if data.get("Recipient") != self._expected.provider.acs_url:
            raise SamlRefused(SamlFault.RECIPIENT)
        if data.get("InResponseTo") != self._expected.request_id:
            raise SamlRefused(SamlFault.IN_RESPONSE_TO)
        end = data.get("NotOnOrAfter")
        if end is None or data.get("NotBefore") is not None:  # profiles, 4.1.4.2
            raise SamlRefused(SamlFault.CONFIRMATION)
        self._require_not_over(end)
        return parse_time(end)

    def _parse_statement(self) -> tuple[str | None, int | None]:
        statements = self._signed.findall(saml("AuthnStatement"))
        if not statements:
            raise SamlRefused(SamlFault.STATEMENT)
        ends = [text for node in statements if (text := node.get("SessionNotOnOrAfter"))]
        for end in ends:
            self._require_not_over(end)
        index = statements[0].get("SessionIndex")
        if index is not None:
            index = _parse_text(index, NAME_CHARACTERS_MAX, SamlFault.STATEMENT)
        return index, min(map(parse_time, ends), default=None)

    def _values(self, names: Iterable[str]) -> list[str]:
        """The texts of the attributes, those of the first name first."""
        return [
            text_of(value)
            for name in names
            for attribute in self._signed.iterfind(
                f"{saml('AttributeStatement')}/{saml('Attribute')}"
            )
            if attribute.get("Name") == name
            for value in attribute.iterfind(saml("AttributeValue"))
        ]

    def _parse_groups(self) -> tuple[str, ...]:
        groups = dict.fromkeys(
            _parse_text(text, GROUP_CHARACTERS_MAX, SamlFault.ATTRIBUTES)
            for text in self._values((self._expected.provider.groups_attribute,))
        )
        if len(groups) > GROUPS_MAX:
            raise SamlRefused(SamlFault.ATTRIBUTES)
        return tuple(groups)


def _parse_text(text: str | None, characters_max: int, fault: SamlFault) -> str:
    # These texts go into the audit record and onto people's screens.
    if text is None or not text.strip() or len(text) > characters_max or not text.isprintable():
        raise SamlRefused(fault)
    return text


def _parse_email(text: str | None) -> str:
    email = _parse_text(text, EMAIL_CHARACTERS_MAX, SamlFault.EMAIL)
    local, at, domain = email.rpartition("@")
    if not local or not at or not domain or " " in email:
        raise SamlRefused(SamlFault.EMAIL)
    return email
