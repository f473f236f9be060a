"""What `{identifier}` may look like, and which hosts are one company's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracewell.trace.companies.domains import find_company_domain, parse_domain, parse_identifier
from tracewell.trace.companies.slugs import iter_slugs
from tracewell.trace.texts import is_slug


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("stripe", "stripe"),
        ("Stripe", "stripe"),
        (" stripe ", "stripe"),
        ("acme-tools-2", "acme-tools-2"),
        ("stripe.com", "stripe.com"),
        ("STRIPE.com", "stripe.com"),
        ("www.stripe.com", "stripe.com"),
        ("WWW.stripe.com.", "stripe.com"),
        ("stripe.com:443", "stripe.com"),
        ("https://stripe.com", "stripe.com"),
        ("HTTPS://www.Stripe.com./about?x=1#y", "stripe.com"),
        ("stripe.com/pricing", "stripe.com"),
        ("docs.stripe.com", "docs.stripe.com"),
        ("www.com", "www.com"),
        ("bücher.de", "xn--bcher-kva.de"),
        ("BÜCHER。de", "xn--bcher-kva.de"),
        ("xn--bcher-kva.de", "xn--bcher-kva.de"),
        ("faß.de", "xn--fa-hia.de"),
        ("foo_bar.example", "foo_bar.example"),
    ],
)
def test_an_identifier_is_read_as_it_is_meant(sent: str, meant: str) -> None:
    assert parse_identifier(sent) == meant


@pytest.mark.parametrize(
    "sent",
    [
        "", " ", ".", "..", "a..b", "-", "a b", "a\0b.com", "1.2.3.4", "[::1]", "a@b.com",
        "%61.com", "x" * 3000, "http://", "https:///path", f"{'a' * 64}.com",
        ".".join(["abcdefgh"] * 40), "snow☃", "a--b",
    ],
)  # fmt: skip
def test_what_is_neither_domain_nor_slug_is_refused(sent: str) -> None:
    with pytest.raises(ValueError):
        parse_identifier(sent)


@given(st.text(max_size=60))
def test_reading_an_identifier_never_fails_otherwise_and_is_stable(text: str) -> None:
    try:
        key = parse_identifier(text)
    except ValueError:
        return
    assert parse_identifier(key) == key
    assert key.isascii()
    assert ("." in key) != is_slug(key)


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.nordwerk.example", "nordwerk.example"),
        ("shop.nordwerk.example", "nordwerk.example"),
        ("bbc.co.uk", "bbc.co.uk"),
        ("news.bbc.co.uk", "bbc.co.uk"),
        ("acme.github.io", "acme.github.io"),
        ("docs.acme.github.io", "acme.github.io"),
        ("github.io", "github.io"),
        ("www.bücher.de", "xn--bcher-kva.de"),
        ("co.uk", None),
        ("com", None),
        ("localhost", None),
        ("127.0.0.1", None),
        ("::1", None),
        ("", None),
    ],
)
def test_a_host_belongs_to_the_company_of_its_registrable_domain(
    host: str, domain: str | None
) -> None:
    assert find_company_domain(host) == domain


@pytest.mark.parametrize(
    ("domain", "slugs"),
    [
        ("stripe.com", ["stripe", "stripe-com", "stripe-com-2"]),
        ("bbc.co.uk", ["bbc", "bbc-co-uk", "bbc-co-uk-2"]),
        ("acme.github.io", ["acme", "acme-github-io", "acme-github-io-2"]),
        ("xn--grnwerk-o2a.example", ["grunwerk", "xn-grnwerk-o2a-example"]),
        ("xn--r8jz45g.xn--zckzah", ["xn-r8jz45g-xn-zckzah"]),
    ],
)
def test_slugs_come_from_the_domain_and_never_look_like_one(domain: str, slugs: list[str]) -> None:
    made = [slug for slug, _ in zip(iter_slugs(domain), slugs, strict=False)]
    assert made == slugs
    for slug in made:
        assert is_slug(slug)
        assert "." not in slug


@given(st.from_regex(r"[a-z0-9_-]{1,20}\.[a-z0-9-]{1,20}", fullmatch=True))
def test_every_domain_has_slugs(domain: str) -> None:
    try:
        name = parse_domain(domain)
    except ValueError:
        return
    first = [slug for slug, _ in zip(iter_slugs(name), range(4), strict=False)]
    assert len(set(first)) >= 3
    assert all(map(is_slug, first))
