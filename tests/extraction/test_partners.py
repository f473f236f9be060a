"""Which companies a page names as partners, one rule at a time."""

from __future__ import annotations

import pytest

from tracewell.extraction import PartnerMention, extract_partners
from tracewell.extraction.domains import find_domain, unwrap
from tracewell.extraction.names import clean_name, name_in_file, name_in_words
from tracewell.extraction.vocabulary import find_listing, judge_heading
from tracewell.values import Capture

OWN = "https://www.acme.example"


def mentions(
    body: str | bytes, path: str = "/partners", content_type: str = "text/html; charset=utf-8"
) -> tuple[PartnerMention, ...]:
    data = body if isinstance(body, bytes) else body.encode()
    return extract_partners(Capture(OWN + path, 200, (("Content-Type", content_type),), data, 0))


def names(body: str, path: str = "/partners") -> list[tuple[str, str | None]]:
    return [(one.name, one.domain) for one in mentions(body, path)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Acme logo", "Acme"),
        ("Logo of Acme & Sons", "Acme & Sons"),
        ("Logo von Blåbär AB", "Blåbär AB"),
        ("Acme (opens in a new tab)", "Acme"),
        ("Visit Acme", "Acme"),
        ("Acme's website", "Acme"),
        ("アオバのロゴ", "アオバ"),
        ("Learn more", None),
        ("Zur Website", None),
        ("www.acme.example", None),
        ("info@acme.example", None),
        ("[object Object]", None),
        ("logo", None),
        ("42", None),
    ],
)
def test_names_are_cleaned_of_what_surrounds_them(text: str, name: str | None) -> None:
    assert clean_name(text) == name


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/img/partners/acme-tools_logo-white@2x.png", "Acme Tools"),
        ("https://cdn.example/x/BrightUnion-300x120.svg?v=3", "BrightUnion"),
        ("/logos/marlowe.4f3a9c1e.webp", "Marlowe"),
        ("/img/IMG_2231.jpg", None),
        ("/img/banner3.jpg", None),
        ("/img/logo.svg", None),
        ("data:image/png;base64,AAAA", None),
    ],
)
def test_file_names_tell_names_where_they_are_no_numbers(address: str, name: str | None) -> None:
    assert name_in_file(address) == name


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (f"{OWN}/out?url=https%3A%2F%2Fbolt.example%2Fx", "https://bolt.example/x"),
        (
            "https://l.facebook.com/l.php?u=https%3A%2F%2Fbolt.example%2F&h=1",
            "https://bolt.example/",
        ),
        ("https://go.example/r/aHR0cHM6Ly9ib2x0LmV4YW1wbGUv", "https://bolt.example/"),
        ("https://web.archive.org/web/2020/https://bolt.example/", "https://bolt.example/"),
        ("https://a.example/?to=https://b.example/?url=https://c.example/", "https://c.example/"),
    ],
)
def test_redirectors_are_unwrapped_where_the_link_tells_the_target(url: str, target: str) -> None:
    assert unwrap(url, "acme.example") == target


@pytest.mark.parametrize(
    "url",
    [
        f"https://bolt.example/login?redirect={OWN}/",
        f"https://www.facebook.com/sharer/sharer.php?u={OWN}/partners",
        "https://bolt.example/sign-in?to=https://other.example/",
        "https://bolt.example/?q=hello",
    ],
)
def test_links_that_come_back_or_share_are_no_redirectors(url: str) -> None:
    assert unwrap(url, "acme.example") == url


def test_domains_are_registrable_ones() -> None:
    assert find_domain("www.shop.example.co.uk") == "example.co.uk"
    assert find_domain("acme.github.io") == "acme.github.io"
    assert find_domain("www.blåbär.example") == "xn--blbr-noae.example"
    assert find_domain("10.0.0.1") is None
    assert find_domain("localhost") is None


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/partners", ("partner_page", "generic", None)),
        ("/partners/technology", ("partner_page", "technology", None)),
        ("/en/find-a-partner.html", ("partner_page", "channel", None)),
        ("/haendler", ("partner_page", "channel", None)),
        ("/integrations/slack", ("integration_page", "technology", "slack")),
        ("/marketplace/apps/invoice-otter", ("marketplace", "technology", "invoice-otter")),
        ("/blog/2026/our-partners", None),
        ("/new-integrations-in-march", None),
        ("/partner-program", None),
        ("/partners/become-a-partner", None),
        ("/partners/login", None),
    ],
)
def test_addresses_say_what_a_page_lists(path: str, told: tuple[str, ...] | None) -> None:
    listing = find_listing("acme.example", path)
    found = listing and (listing.source_kind, listing.partnership_type, listing.slug)
    assert found == told


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Our partners", "generic"), ("Technologiepartner", "technology"),
        ("Nos intégrateurs", "channel"), ("Distribuidores oficiales", "channel"),
        ("販売パートナー", "channel"), ("技術パートナー", "technology"),
        ("パートナー企業", "generic"),
        ("Trusted by 3,000 companies", None), ("As seen in", None), ("Bekannt aus", None),
        ("Ils nous font confiance", None), ("導入事例", None), ("Become a partner", None),
    ],
)  # fmt: skip
def test_headings_say_who_stands_under_them(text: str, kind: str | None) -> None:
    heading = judge_heading(text)
    assert heading is not None
    assert heading.kind == kind


def test_a_headings_reach_ends_with_the_next_of_its_rank_and_with_its_section() -> None:
    wall = "<a href='https://{0}.example'><img alt='{0}'></a>"
    body = (
        "<h1>Acme</h1><section><h2>Our partners</h2>" + wall.format("Bolt") + "<h3>More</h3>"
        + wall.format("Core") + "</section>" + wall.format("Dune")
        + "<h2>Our customers</h2>" + wall.format("Echo")
    )  # fmt: skip
    assert names(body, "/") == [("Bolt", "bolt.example"), ("Core", "core.example")]


def test_a_table_of_one_linked_and_one_unlinked_partner_gives_both() -> None:
    body = (
        "<h2>Resellers</h2><table><tr><td>Bolt</td><td><a href='https://bolt.example'>www.bolt.example"
        "</a></td></tr><tr><td>Core Ltd</td><td></td></tr></table>"
    )
    assert names(body) == [("Bolt", "bolt.example"), ("Core Ltd", None)]


def test_a_name_with_a_link_stands_over_the_same_name_without() -> None:
    body = (
        "<h1>Partners</h1><img src='/logos/x.png' alt='Bolt logo'>"
        "<img src='/logos/y.png' alt='Core logo'>"
        "<a href='https://bolt.example'>Bolt</a>"
    )
    assert sorted(names(body), key=str) == [("Bolt", "bolt.example"), ("Core", None)]


def test_the_slugs_words_are_found_in_a_heading() -> None:
    assert name_in_words("Connect Acme to Google Sheets!", "google-sheets") == "Google Sheets!"
    assert name_in_words("Something else", "google-sheets") is None


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("utf-8", "utf-8"),
        ("iso-8859-1", "cp1252"),
        ("shift_jis", "cp932"),
        ("utf-16le", "utf-16-le"),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_excerpts_are_exact_bytes_in_every_encoding(
    charset: str, codec: str, line_end: str
) -> None:
    before = "é ü" if charset != "shift_jis" else "日本"
    body = line_end.join(
        (f"<p>{before}</p>", "<h1>Partners</h1>", "<a href='https://bolt.example'>Bolt</a>",
         "<a href='https://bolt2.example'>Bolt Two</a>")
    ).encode(codec)  # fmt: skip
    found = mentions(body, content_type=f"text/html; charset={charset}")
    assert [one.name for one in found] == ["Bolt", "Bolt Two"]
    for one in found:
        assert one.start is not None
        assert one.end is not None
        assert body[one.start : one.end].decode(codec) == one.excerpt
        assert one.domain is not None
        assert one.domain in one.excerpt
