"""DNS answers in an archive belong to the company of their domain, and make none by themselves."""

from __future__ import annotations

import pytest

from tracewell.trace.ingest.rules import Page, Skipped, judge
from tracewell.web.records import DnsLookup

NOW_MS = 1_780_324_332_123


@pytest.mark.parametrize(
    "name, kind, line",
    [
        ("shop.com", "TXT", 'shop.com. 0 IN TXT "widget=1"'),
        ("help.shop.com", "CNAME", "help.shop.com. 0 IN CNAME shop.helpdesk-host.com."),
    ],
)
def test_a_lookup_is_looked_into_for_its_domain(name: str, kind: str, line: str) -> None:
    page = judge(DnsLookup(name, kind, (line,), NOW_MS).capture("a.warc.gz:1"))
    assert isinstance(page, Page)
    assert page.domain == "shop.com"


def test_a_lookup_without_records_is_passed_over() -> None:
    assert judge(DnsLookup("shop.com", "TXT", (), NOW_MS).capture()) == Skipped("not HTML")
