"""XML that would read files, grow without end, or hide a part of a name."""

from __future__ import annotations

import pytest
from tests.saml.responses import Responses

from tracewell.kernel.saml import SamlFault, SamlRefused, parse_response


@pytest.mark.parametrize(
    "comment", [b"<!-- -->", b"<?x?>", b"<!---->"], ids=["comment", "instruction", "empty"]
)
def test_a_comment_in_a_name_cuts_nothing_off(comment: bytes, responses: Responses) -> None:
    """A comment does not change the digest: `admin<!-- -->.evil.example` must not be `admin`."""
    document = responses.genuine().replace(b">ada-7<", b">ada" + comment + b"-7<")
    assert responses.refuse(document) is SamlFault.COMMENT


@pytest.mark.parametrize("place", ["before", "behind"])
def test_a_comment_around_the_answer(place: str, responses: Responses) -> None:
    document = responses.genuine().removeprefix(b'<?xml version="1.0"?>')
    changed = b"<!-- x -->" + document if place == "before" else document + b"<!-- x -->"
    assert responses.refuse(changed) is SamlFault.COMMENT


def test_text_in_character_data_is_the_text(responses: Responses) -> None:
    document = responses.genuine().replace(b">ada-7<", b"><![CDATA[ada]]>-7<")
    assert responses.accept(document).name_id == "ada-7"


LAUGHS = b"<!DOCTYPE r [<!ENTITY a0 'ha'>%s]>" % b"".join(
    b"<!ENTITY a%d '%s'>" % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10)
)
DECLARATIONS = {
    "external entity": b"<!DOCTYPE r [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>",
    "parameter entity": b"<!DOCTYPE r [<!ENTITY % x SYSTEM 'http://127.0.0.1:1/'> %x;]>",
    "external DTD": b"<!DOCTYPE r SYSTEM 'http://127.0.0.1:1/x.dtd'>",
    "billion laughs": LAUGHS,
    "an empty DTD": b"<!DOCTYPE r>",
    "lower case": b"<!doctype r [<!entity x 'y'>]>",
}


@pytest.mark.parametrize("declaration", DECLARATIONS.values(), ids=list(DECLARATIONS))
def test_document_types_and_entities_are_refused(declaration: bytes, responses: Responses) -> None:
    document = responses.genuine().removeprefix(b'<?xml version="1.0"?>')
    entity = b"&a9;" if declaration is LAUGHS else b"&x;"
    changed = declaration + document.replace(b">ada-7<", b">" + entity + b"<")
    assert responses.refuse(changed) is SamlFault.DTD


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-32", "utf-7", "cp037"])
def test_a_document_type_cannot_hide_in_another_encoding(codec: str, responses: Responses) -> None:
    text = (
        f'<?xml version="1.0" encoding="{codec}"?>'
        + DECLARATIONS["external entity"].decode()
        + responses.genuine().decode().removeprefix('<?xml version="1.0"?>')
    )
    assert responses.refuse(text.encode(codec)) in (SamlFault.MALFORMED, SamlFault.DTD)


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (b"", SamlFault.MALFORMED),
        (b"<", SamlFault.MALFORMED),
        (b"<a/>", SamlFault.MALFORMED),
        (b"<a>" * 5000 + b"</a>" * 5000, SamlFault.MALFORMED),
        (b"\xff\xfe", SamlFault.MALFORMED),
        (b"<a>" + b"x" * (300 << 10) + b"</a>", SamlFault.TOO_LARGE),
    ],
    ids=["nothing", "half", "another", "deep", "bytes", "large"],
)
def test_what_is_no_answer_is_refused(
    document: bytes, fault: SamlFault, responses: Responses
) -> None:
    assert responses.refuse(document) is fault


@pytest.mark.parametrize("text", ["%%%", "äöü", "PHg+PC94P"])
def test_what_is_no_base64_is_refused(text: str, responses: Responses) -> None:
    with pytest.raises(SamlRefused, match="not a SAML 2"):
        parse_response(text, responses.expectation())
