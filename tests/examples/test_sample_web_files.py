"""Damaged files of the sample web are refused with the name of the file and the field."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from examples.web.model import Web
from examples.web.render import Renderer, partner_name, slug_of
from examples.web.site import HERE, SampleWebError, load_web

NAME = "okto-robotics.example.yaml"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    target = tmp_path / "web"
    shutil.copytree(HERE, target, ignore=shutil.ignore_patterns("__pycache__", "templates"))
    return target


def damage(directory: Path, old: str, new: str) -> None:
    file = directory / "companies" / NAME
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    "old, new, told",
    [
        ("founded: 2017", "founded: soon", "founded"),
        ("founded: 2017", "founded: 2017\nmotto: more arms", "motto"),
        ("layout: spa", "layout: spa\n  fancy: true", "site.fancy"),
        ("layout: spa", "layout: papyrus", "site.layout"),
        ("  Netlify:", "  Netlifly:", "stack.Netlifly: no such product"),
        ("shows: headers", "shows: feathers", "has no show feathers"),
        ("version: 5.13.7, ", "", "a version is given and not shown, or shown and not given"),
        ("pages: [home]", "pages: [imprint]", "there is no page imprint"),
        ("to: halden-freight.example", "to: nobody.example", "partners.1"),
        ("host: okto.example", "host: varda.example", "more than one owner"),
        ("host: okto.example", "host: okto.invalid", "site.aliases.0.host"),
        ("country: JP}\nphone", "country: Japan}\nphone", "address.country"),
        ("name: Okto", "name: [Okto", NAME),
    ],
)
def test_a_damaged_file_is_refused_by_name_and_field(
    copy: Path, old: str, new: str, told: str
) -> None:
    damage(copy, old, new)
    with pytest.raises(SampleWebError) as caught:
        load_web(copy)
    assert told in str(caught.value)
    assert "okto-robotics" in str(caught.value) or "varda.example" in str(caught.value)


def test_a_server_header_set_by_two_products_is_refused(copy: Path) -> None:
    damage(copy, "stack:\n", "stack:\n  Caddy: {shows: server}\n")
    with pytest.raises(SampleWebError, match="2 products set the header Server"):
        load_web(copy)


def test_a_page_that_links_nowhere_is_refused(copy: Path, web: Web) -> None:
    damage(copy, "stack:\n", "stack:\n  Broken: {shows: link}\n")
    with (copy / "products.yaml").open("a", encoding="utf-8") as stream:
        stream.write("Broken:\n  shows:\n    link: {html: ['<a href=\"/nowhere\">x</a>']}\n")
    damaged = load_web(copy)
    with pytest.raises(SampleWebError, match="/nowhere, which is missing"):
        Renderer(damaged).render_site(damaged.companies["okto-robotics.example"])
    assert Renderer(web).render_site(web.companies["okto-robotics.example"])


def test_no_decoy_is_also_a_partner(web: Web) -> None:
    for company in web.companies.values():
        partners = {partner_name(web, partner) for partner in company.partners}
        assert not partners & {*company.decoys.customers, *company.decoys.press}


def test_file_names_of_logos_are_plain_ascii() -> None:
    assert slug_of("Kältehof Kühltechnik") == "kaltehof-kuhltechnik"
    assert slug_of("Großkopf & Søn") == "grosskopf-son"


def test_the_web_is_varied_enough_to_measure_with(web: Web) -> None:
    companies = list(web.companies.values())
    assert len({company.address.country for company in companies}) >= 20
    assert len({company.industry for company in companies}) >= 20
    assert {company.site.layout for company in companies} == {
        "semantic",
        "table",
        "spa",
        "shell",
        "blocks",
        "shop",
    }
    assert {company.site.markup for company in companies} == {
        "jsonld",
        "graph",
        "microdata",
        "rdfa",
        "none",
    }
    partners = [partner for company in companies for partner in company.partners]
    assert {partner.how for partner in partners} == {"link", "alt", "filename", "text", "detail"}
    assert {partner.type for partner in partners} == {"technology", "channel", "generic"}
    assert any(company.domain.startswith("xn--") for company in companies)
    assert any(company.site.robots.disallow == ("/",) for company in companies)
    assert len({name for company in companies for name in company.stack}) >= 70
