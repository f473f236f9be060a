"""Signature wrapping: a genuine signature, kept somewhere, beside an assertion of the attacker's.

The numbers are those of Somorovsky et al., "On Breaking SAML: Be Whoever You Want to Be" (2012).
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
from lxml import etree
from tests.saml.responses import Element, Responses, forged_from, unsigned

from tracewell.kernel.saml import SamlFault
from tracewell.kernel.saml.hardened_xml import PROTOCOL_NS, ds, saml, samlp

Attack = Callable[[Element, Element, Element], Element | None]


def parts(root: Element) -> tuple[Element, Element]:
    assertion = root.find(saml("Assertion"))
    assert assertion is not None
    signature = assertion.find(ds("Signature"))
    assert signature is not None
    return assertion, signature


def xsw3_forged_before_the_genuine(root: Element, assertion: Element, signature: Element) -> None:
    assertion.addprevious(forged_from(assertion))


def xsw3_forged_behind_the_genuine(root: Element, assertion: Element, signature: Element) -> None:
    assertion.addnext(forged_from(assertion))


def xsw3_with_the_same_id(root: Element, assertion: Element, signature: Element) -> None:
    assertion.addprevious(forged_from(assertion, new_id=None))


def xsw4_genuine_inside_the_forged(root: Element, assertion: Element, signature: Element) -> None:
    forged = forged_from(assertion)
    root.replace(assertion, forged)
    forged.append(assertion)


def xsw5_signature_in_the_forged_genuine_behind(
    root: Element, assertion: Element, signature: Element
) -> None:
    forged = forged_from(assertion)
    forged.insert(1, copy.deepcopy(signature))
    genuine = unsigned(assertion)
    root.replace(assertion, forged)
    root.append(genuine)


def xsw6_genuine_inside_the_signature(
    root: Element, assertion: Element, signature: Element
) -> None:
    forged = forged_from(assertion)
    moved = copy.deepcopy(signature)
    moved.append(unsigned(assertion))
    forged.insert(1, moved)
    root.replace(assertion, forged)


def xsw7_forged_in_extensions(root: Element, assertion: Element, signature: Element) -> None:
    extensions = etree.Element(samlp("Extensions"))
    extensions.append(forged_from(assertion, new_id=None))
    assertion.addprevious(extensions)


def xsw8_genuine_in_an_object(root: Element, assertion: Element, signature: Element) -> None:
    forged = forged_from(assertion)
    moved = copy.deepcopy(signature)
    etree.SubElement(moved, ds("Object")).append(unsigned(assertion))
    forged.insert(1, moved)
    root.replace(assertion, forged)


def genuine_under_another_name(root: Element, assertion: Element, signature: Element) -> None:
    """The genuine one becomes what nobody counts as an assertion."""
    forged = forged_from(assertion)
    forged.insert(1, copy.deepcopy(signature))
    wrapper = etree.Element("{urn:x}Box")
    root.replace(assertion, forged)
    wrapper.append(unsigned(assertion))
    root.append(wrapper)


def forged_of_another_namespace(root: Element, assertion: Element, signature: Element) -> None:
    forged = forged_from(assertion)
    forged.tag = "{urn:x}Assertion"
    assertion.addprevious(forged)


def genuine_in_the_status(root: Element, assertion: Element, signature: Element) -> None:
    forged = forged_from(assertion, new_id=None)
    status = root.find(samlp("Status"))
    assert status is not None
    root.replace(assertion, forged)
    etree.SubElement(status, samlp("StatusDetail")).append(assertion)


def two_signatures_on_one(root: Element, assertion: Element, signature: Element) -> None:
    again = copy.deepcopy(signature)
    again.set("Id", "Signature3")
    signature.addnext(again)


def signature_of_the_assertion_on_the_response(
    root: Element, assertion: Element, signature: Element
) -> None:
    """Only the answer as a whole seems signed; the assertion is forged."""
    root.insert(1, copy.deepcopy(signature))
    root.replace(assertion, forged_from(assertion))


def response_inside_a_response(root: Element, assertion: Element, signature: Element) -> Element:
    outer = copy.deepcopy(root)
    outer.set("ID", "_outer")
    inner = outer.find(saml("Assertion"))
    assert inner is not None
    outer.replace(inner, forged_from(inner))
    outer.append(copy.deepcopy(root))
    return outer


def reference_to_the_whole_document(root: Element, assertion: Element, signature: Element) -> None:
    next(signature.iter(ds("Reference"))).set("URI", "")


def reference_to_another_element(root: Element, assertion: Element, signature: Element) -> None:
    next(signature.iter(ds("Reference"))).set("URI", f"#{root.get('ID')}")


def two_references(root: Element, assertion: Element, signature: Element) -> None:
    reference = next(signature.iter(ds("Reference")))
    reference.addnext(copy.deepcopy(reference))


def the_same_id_under_another_attribute(
    root: Element, assertion: Element, signature: Element
) -> None:
    forged = forged_from(assertion)
    root.replace(assertion, forged)
    forged.insert(1, copy.deepcopy(signature))
    decoy = etree.SubElement(root, samlp("Decoy"))
    decoy.set("{http://www.w3.org/XML/1998/namespace}id", str(assertion.get("ID")))


ATTACKS: list[tuple[Attack, SamlFault]] = [
    (xsw3_forged_before_the_genuine, SamlFault.ASSERTIONS),
    (xsw3_forged_behind_the_genuine, SamlFault.ASSERTIONS),
    (xsw3_with_the_same_id, SamlFault.ASSERTIONS),
    (xsw4_genuine_inside_the_forged, SamlFault.ASSERTIONS),
    (xsw5_signature_in_the_forged_genuine_behind, SamlFault.ASSERTIONS),
    (xsw6_genuine_inside_the_signature, SamlFault.ASSERTIONS),
    (xsw7_forged_in_extensions, SamlFault.ASSERTIONS),
    (xsw8_genuine_in_an_object, SamlFault.ASSERTIONS),
    (genuine_under_another_name, SamlFault.ASSERTIONS),
    (forged_of_another_namespace, SamlFault.ASSERTIONS),
    (genuine_in_the_status, SamlFault.ASSERTIONS),
    (two_signatures_on_one, SamlFault.SIGNATURES),
    (signature_of_the_assertion_on_the_response, SamlFault.SIGNATURES),
    (response_inside_a_response, SamlFault.ASSERTIONS),
    (reference_to_the_whole_document, SamlFault.SIGNATURES),
    (reference_to_another_element, SamlFault.SIGNATURES),
    (two_references, SamlFault.SIGNATURES),
    (the_same_id_under_another_attribute, SamlFault.SIGNATURES),
]


@pytest.mark.parametrize(
    ("attack", "fault"), ATTACKS, ids=lambda value: getattr(value, "__name__", None)
)
def test_a_wrapped_assertion_signs_nobody_in(
    attack: Attack, fault: SamlFault, responses: Responses
) -> None:
    root = responses.tree()
    assert responses.accept(etree.tostring(root)).name_id == "ada-7"
    changed = attack(root, *parts(root))
    assert responses.refuse(root if changed is None else changed) is fault


@pytest.mark.parametrize("place", ["before", "inside the signature"])
def test_a_wrapped_response_signs_nobody_in(place: str, responses: Responses) -> None:
    """XSW1 and XSW2: the answer as a whole was signed."""
    genuine = responses.tree(sign_response=True)
    assert responses.accept(etree.tostring(genuine)).name_id == "ada-7"
    forged = copy.deepcopy(genuine)
    forged.set("ID", "_forged")
    signature = forged.find(ds("Signature"))
    inner = forged.find(saml("Assertion"))
    assert signature is not None
    assert inner is not None
    forged.replace(inner, forged_from(inner))
    plain = copy.deepcopy(genuine)
    own = plain.find(ds("Signature"))
    assert own is not None
    plain.remove(own)
    if place == "before":
        signature.addprevious(plain)
    else:
        signature.append(plain)
    assert responses.refuse(forged) is SamlFault.ASSERTIONS


def test_a_signed_response_does_not_make_up_for_an_unsigned_assertion(
    responses: Responses,
) -> None:
    genuine = responses.genuine(sign_response=True, sign_assertion=False)
    assert responses.refuse(genuine) is SamlFault.UNSIGNED


def test_a_second_signature_that_does_not_match_is_not_passed_over(
    responses: Responses,
) -> None:
    root = responses.tree(sign_response=True)
    root.set("Consent", "urn:x")
    assert responses.refuse(root) is SamlFault.SIGNATURE


def test_the_namespace_of_the_protocol_is_what_it_must_be(responses: Responses) -> None:
    document = responses.genuine().replace(PROTOCOL_NS.encode(), b"urn:x")
    assert responses.refuse(document) is SamlFault.MALFORMED
