"""Assertions that must sign nobody in: unsigned, stolen, too old, or not what they seem."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from tests.saml.idp import EMAIL_CLAIM, Person, SamlIdp, start_idp
from tests.saml.responses import (
    ACS_URL,
    ENTITY_ID,
    Change,
    Element,
    Responses,
    now_ms,
)

from tracewell.kernel.saml import (
    SamlFault,
    ServiceProvider,
    render_sp_metadata,
)
from tracewell.kernel.saml.hardened_xml import ds, saml, samlp
from tracewell.kernel.saml.times import format_time

WITH_COMMENTS = CanonicalizationMethod("http://www.w3.org/2001/10/xml-exc-c14n#WithComments")
HOUR_MS = 3_600_000


def find(element: Element, name: str) -> Element:
    return next(element.iter(saml(name)))


def test_a_genuine_answer_names_person_session_and_groups(responses: Responses) -> None:
    found = responses.accept(responses.genuine())

    assert (found.name_id, found.email) == ("ada-7", "ada@example.org")
    assert found.session_index is not None
    assert found.session_index.startswith("id-")
    assert found.groups == ("desk", "leads")
    assert now_ms() < found.usable_until <= now_ms() + 301_000


def test_the_claim_that_microsoft_uses_for_addresses_counts_too(
    responses: Responses, idp: SamlIdp
) -> None:
    idp.person = Person(attributes={EMAIL_CLAIM: "eve@example.org", "roles": ["r"]})
    try:
        provider = ServiceProvider(ENTITY_ID, ACS_URL, "roles")
        found = responses.accept(responses.genuine(), provider=provider)
    finally:
        idp.person = Person()
    assert (found.email, found.groups) == ("eve@example.org", ("r",))


@pytest.mark.parametrize(
    ("person", "fault"),
    [
        (Person(attributes={"mail": "ada@example.org"}), SamlFault.EMAIL),
        (Person(attributes={"email": "no address"}), SamlFault.EMAIL),
        (Person(attributes={"email": "a@example.org", "groups": [""]}), SamlFault.ATTRIBUTES),
        (
            Person(name_format="urn:oasis:names:tc:SAML:2.0:nameid-format:transient"),
            SamlFault.TRANSIENT,
        ),
        (Person(name_id="a\u202eb"), SamlFault.SUBJECT),
        (Person(name_id="x" * 300), SamlFault.SUBJECT),
    ],
    ids=["no email", "no address", "empty group", "transient", "hidden characters", "long"],
)
def test_a_person_who_cannot_be_named_is_refused(
    person: Person, fault: SamlFault, responses: Responses, idp: SamlIdp
) -> None:
    idp.person = person
    try:
        assert responses.refuse(responses.genuine()) is fault
    finally:
        idp.person = Person()


def test_an_unsigned_assertion(responses: Responses) -> None:
    assert responses.refuse(responses.genuine(sign_assertion=False)) is SamlFault.UNSIGNED


def test_an_assertion_without_the_signature_that_it_had(responses: Responses) -> None:
    root = responses.tree()
    signature = next(root.iter(ds("Signature")))
    parent = signature.getparent()
    assert parent is not None
    parent.remove(signature)
    assert responses.refuse(root) is SamlFault.UNSIGNED


@pytest.mark.parametrize("name", ["NameID", "Audience", "AttributeValue", "Issuer"])
def test_a_signed_text_that_was_changed(name: str, responses: Responses) -> None:
    root = responses.tree()
    assertion = root.find(saml("Assertion"))
    assert assertion is not None
    find(assertion, name).text = "admin@example.org"
    assert responses.refuse(root) is SamlFault.SIGNATURE


def test_another_key_with_its_own_certificate_in_the_answer(
    responses: Responses, tmp_path: Path
) -> None:
    with start_idp(tmp_path) as stranger:
        stranger.know(responses.idp._sp_metadata)
        own = Responses(stranger)
        forged = own.genuine(issuer=None)
        renamed = forged.replace(
            stranger.metadata_url.encode(), responses.idp.metadata_url.encode()
        )
        assert responses.refuse(forged) is SamlFault.ISSUER
        assert responses.refuse(renamed) is SamlFault.SIGNATURE

        root = own.tree(sign_assertion=False)
        for issuer in root.iter(saml("Issuer")):
            issuer.text = responses.idp.metadata_url
        assertion = root.find(saml("Assertion"))
        assert assertion is not None
        assert responses.refuse(own.sign(root, assertion)) is SamlFault.SIGNATURE


def test_a_wrong_issuer_under_the_right_key(responses: Responses) -> None:
    def change(assertion: Element) -> None:
        find(assertion, "Issuer").text = "https://evil.example"

    assert responses.refuse(responses.signed_after(change)) is SamlFault.ISSUER


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"now_ms": now_ms() + HOUR_MS}, SamlFault.EXPIRED),
        ({"now_ms": now_ms() - HOUR_MS}, SamlFault.NOT_YET_VALID),
        ({"request_id": "_another"}, SamlFault.IN_RESPONSE_TO),
        ({"request_id": None}, SamlFault.IN_RESPONSE_TO),
        (
            {"provider": ServiceProvider("https://else.example", ACS_URL, "groups")},
            SamlFault.AUDIENCE,
        ),
        (
            {"provider": ServiceProvider(ENTITY_ID, "https://else.example/acs", "groups")},
            SamlFault.RECIPIENT,
        ),
    ],
    ids=["expired", "not yet valid", "another request", "no request", "audience", "recipient"],
)
def test_an_assertion_for_another_time_request_or_place(
    changes: dict[str, Any], fault: SamlFault, responses: Responses
) -> None:
    assert responses.refuse(responses.genuine(), **changes) is fault


def test_an_assertion_is_good_to_the_millisecond_of_its_end(responses: Responses) -> None:
    document = responses.genuine()
    end = responses.accept(document).usable_until
    assert responses.accept(document, now_ms=end - 1).name_id == "ada-7"
    assert responses.refuse(document, now_ms=end) is SamlFault.EXPIRED


def _set(name: str, attribute: str, value: str | None) -> Change:
    def change(assertion: Element) -> None:
        element = find(assertion, name)
        if value is None:
            element.attrib.pop(attribute)
        else:
            element.set(attribute, value)

    return change


def _drop(name: str) -> Change:
    def change(assertion: Element) -> None:
        element = find(assertion, name)
        parent = element.getparent()
        assert parent is not None
        parent.remove(element)

    return change


def _add(name: str, below: str) -> Change:
    def change(assertion: Element) -> None:
        etree.SubElement(find(assertion, below), name)

    return change


def _double(name: str) -> Change:
    def change(assertion: Element) -> None:
        element = find(assertion, name)
        again = etree.fromstring(etree.tostring(element))
        again.text = "admin"
        element.addprevious(again)

    return change


LATE, EARLY = format_time(now_ms() + HOUR_MS), format_time(now_ms() - HOUR_MS)
_DATA = "SubjectConfirmationData"

SIGNED: list[tuple[str, Change, SamlFault]] = [
    ("another recipient", _set(_DATA, "Recipient", "https://e.example"), SamlFault.RECIPIENT),
    ("no recipient", _set(_DATA, "Recipient", None), SamlFault.RECIPIENT),
    ("no request", _set(_DATA, "InResponseTo", None), SamlFault.IN_RESPONSE_TO),
    ("no end of confirmation", _set(_DATA, "NotOnOrAfter", None), SamlFault.CONFIRMATION),
    ("confirmation is over", _set(_DATA, "NotOnOrAfter", EARLY), SamlFault.EXPIRED),
    ("a beginning", _set(_DATA, "NotBefore", EARLY), SamlFault.CONFIRMATION),
    ("no data", _drop(_DATA), SamlFault.CONFIRMATION),
    ("no confirmation", _drop("SubjectConfirmation"), SamlFault.CONFIRMATION),
    (
        "holder of key",
        _set("SubjectConfirmation", "Method", "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"),
        SamlFault.CONFIRMATION,
    ),
    ("no conditions", _drop("Conditions"), SamlFault.CONDITIONS),
    ("conditions are over", _set("Conditions", "NotOnOrAfter", EARLY), SamlFault.EXPIRED),
    ("conditions begin", _set("Conditions", "NotBefore", LATE), SamlFault.NOT_YET_VALID),
    ("a local time", _set("Conditions", "NotBefore", "2026-01-01T00:00:00"), SamlFault.CONDITIONS),
    ("no time", _set("Conditions", "NotOnOrAfter", "soon"), SamlFault.CONDITIONS),
    ("an unknown condition", _add(saml("Condition"), "Conditions"), SamlFault.CONDITIONS),
    ("no audience", _drop("AudienceRestriction"), SamlFault.AUDIENCE),
    ("a second audience", _add(saml("AudienceRestriction"), "Conditions"), SamlFault.AUDIENCE),
    ("no sign-in", _drop("AuthnStatement"), SamlFault.STATEMENT),
    (
        "the session is over",
        _set("AuthnStatement", "SessionNotOnOrAfter", EARLY),
        SamlFault.EXPIRED,
    ),
    ("no subject", _drop("Subject"), SamlFault.SUBJECT),
    ("no name", _drop("NameID"), SamlFault.SUBJECT),
    ("two names", _double("NameID"), SamlFault.SUBJECT),
    ("a name with children", _add(saml("X"), "NameID"), SamlFault.SUBJECT),
    ("SAML 1.1", lambda assertion: assertion.set("Version", "1.1"), SamlFault.MALFORMED),
    (
        "issued in the future",
        lambda assertion: assertion.set("IssueInstant", LATE),
        SamlFault.NOT_YET_VALID,
    ),
]


@pytest.mark.parametrize(
    ("change", "fault"), [case[1:] for case in SIGNED], ids=[case[0] for case in SIGNED]
)
def test_what_the_provider_signed_must_say_all_that_is_needed(
    change: Change, fault: SamlFault, responses: Responses
) -> None:
    assert responses.refuse(responses.signed_after(change)) is fault


def test_the_end_of_the_providers_session_is_told(responses: Responses) -> None:
    document = responses.signed_after(_set("AuthnStatement", "SessionNotOnOrAfter", LATE))
    assert format_time(responses.accept(document).session_ends_at or 0) == LATE


@pytest.mark.parametrize(
    ("signing", "fault"),
    [
        ({"signature_algorithm": SignatureMethod.RSA_SHA512}, None),
        ({"signature_algorithm": SignatureMethod.SHA256_RSA_MGF1}, None),
        ({"digest_algorithm": DigestAlgorithm.SHA512}, None),
        ({"digest_algorithm": DigestAlgorithm.SHA3_256}, SamlFault.ALGORITHM),
        (
            {"c14n_algorithm": CanonicalizationMethod.CANONICAL_XML_1_0},
            SamlFault.ALGORITHM,
        ),
        (
            {"c14n_algorithm": WITH_COMMENTS},
            SamlFault.ALGORITHM,
        ),
    ],
    ids=["rsa-sha512", "rsa-pss", "sha512", "sha3", "inclusive", "comments"],
)
def test_algorithms_are_those_of_a_short_list(
    signing: dict[str, Any], fault: SamlFault | None, responses: Responses
) -> None:
    document = responses.signed_after(lambda assertion: None, **signing)
    if fault is None:
        assert responses.accept(document).name_id == "ada-7"
    else:
        assert responses.refuse(document) is fault


def test_sha1_is_refused(responses: Responses) -> None:
    document = responses.genuine(
        sign_alg="http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        digest_alg="http://www.w3.org/2000/09/xmldsig#sha1",
    )
    assert responses.refuse(document) is SamlFault.ALGORITHM


def test_the_public_certificate_is_no_shared_secret(responses: Responses) -> None:
    """An HMAC under the certificate that everybody knows."""
    root = responses.tree()
    method = next(root.iter(ds("SignatureMethod")))
    method.set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")
    info = next(root.iter(ds("SignedInfo")))
    secret = (responses.idp.folder / "idp.pem").read_bytes()
    signed = etree.tostring(info, method="c14n", exclusive=True)
    value = hmac.new(secret, signed, hashlib.sha256).digest()
    next(root.iter(ds("SignatureValue"))).text = b64encode(value).decode()
    assert responses.refuse(root) is SamlFault.ALGORITHM


@pytest.mark.parametrize(
    "transform",
    [
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "http://www.w3.org/2000/09/xmldsig#base64",
    ],
)
def test_a_transform_that_could_leave_something_out(transform: str, responses: Responses) -> None:
    root = responses.tree()
    next(root.iter(ds("Transform"))).set("Algorithm", transform)
    assert responses.refuse(root) is SamlFault.ALGORITHM


def test_a_key_value_in_the_answer_is_not_looked_at(responses: Responses) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    root = responses.tree(sign_assertion=False)
    assertion = root.find(saml("Assertion"))
    assert assertion is not None
    assert responses.refuse(responses.sign(root, assertion, key=pem)) is SamlFault.SIGNATURE


def test_a_failed_sign_in_is_no_sign_in(responses: Responses) -> None:
    root = responses.tree()
    next(root.iter(samlp("StatusCode"))).set(
        "Value", "urn:oasis:names:tc:SAML:2.0:status:Responder"
    )
    assert responses.refuse(root) is SamlFault.STATUS


def test_an_encrypted_assertion_is_told_as_such(responses: Responses) -> None:
    root = responses.tree()
    etree.SubElement(root, saml("EncryptedAssertion"))
    assert responses.refuse(root) is SamlFault.ENCRYPTED


def test_the_dates_of_a_certificate_say_nothing(tmp_path: Path) -> None:
    with start_idp(tmp_path) as idp:
        idp.new_keys(expired=True)
        idp.know(render_sp_metadata(ENTITY_ID, ACS_URL).decode())
        responses = Responses(idp)
        assert responses.accept(responses.genuine()).name_id == "ada-7"
