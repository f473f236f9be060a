"""Our pack on real pages: without the generator, and beside the public sets (every eighth page)."""

from __future__ import annotations

import pytest
from benchmarks.quality import coverage, generators
from benchmarks.quality.corpus import AMPLE, MIT_SET, OWN_PACK, PUBLIC_SET

from tracewell.detection import FingerprintSet, detect, load_fingerprints
from tracewell.values import Capture


def test_a_cms_is_found_without_its_generator(
    pack: FingerprintSet, real_pages: list[Capture]
) -> None:
    share = generators.measure(pack, "our pack alone", real_pages)
    assert share.total > 200
    assert share.value >= share.target, share.misses


def test_the_generator_is_hidden_wherever_it_stands() -> None:
    body = (
        b"<head><META content='A 1' NAME=Generator><meta name='description' content='generator'>"
        b'<meta name="generator"\n content="B 2"/>'
    )
    capture = Capture("https://www.site.example/", 200, (), body, captured_at=0)
    hidden, told = generators.hide_generators(capture)
    assert told == ["A 1", "B 2"]
    assert hidden.body == b"<head><meta name='description' content='generator'>"


def test_our_pack_and_the_mit_set_find_what_the_public_set_finds(
    real_pages: list[Capture],
) -> None:
    pages = real_pages[::8]
    both = coverage.list_findings(load_fingerprints(OWN_PACK, MIT_SET), pages)
    public = coverage.list_findings(load_fingerprints(PUBLIC_SET), pages)
    share = coverage.compare("every eighth page", both, public)
    assert share.value >= share.target, share.misses


OTHERS_LINKED = [
    ("Joomla", '<a href="https://other.example/index.php?option=com_content&id=2">A</a>'),
    (
        "Government Site Builder",
        '<a href="https://other.example/a.pdf?__blob=publicationFile">A</a>',
    ),
    ("SPIP", '<a href="https://other.example/spip.php?article1">A</a>'),
    ("WordPress", '<a href="https://other.example/wp-content/uploads/a.pdf">A</a>'),
    ("Drupal", '<a href="https://other.example/sites/default/files/a.pdf">A</a>'),
    ("TYPO3 CMS", '<a href="https://other.example/fileadmin/a.pdf">A</a>'),
    ("WhatsApp Business Chat", '<a href="whatsapp://send?text=a">A</a>'),
    ("PHP", "<script>var tracker = base + 'piwik.php';</script>"),
    ("Onsen UI", '<script src="/js/cookieconsent.min.js"></script>'),
    ("Piwik PRO Core", '<script src="/piwik/piwik.js"></script>'),
    (
        "Google Tag Manager",
        '<script src="https://www.googletagmanager.com/gtag/js?id=G-1"></script>',
    ),
    ("Heroku", ""),
]


@pytest.mark.parametrize(("name", "html"), OTHERS_LINKED, ids=[name for name, _ in OTHERS_LINKED])
def test_what_a_page_only_links_or_resembles_is_not_claimed(
    name: str, html: str, pack: FingerprintSet
) -> None:
    headers = (("Content-Type", "text/html; charset=utf-8"), ("Server", "Cowboy"))
    capture = Capture("https://www.site.example/", 200, headers, html.encode(), captured_at=0)
    assert name not in {use.name for use in detect(capture, pack, AMPLE).uses}
