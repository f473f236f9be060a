"""Nobody but a trusted proxy says where a request came from, whatever its headers claim."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracewell.kernel.http.source_address import ForwardingHeader, TrustedProxies, parse_networks

PROXY = "10.0.0.1"
NETWORKS = parse_networks("10.0.0.0/8, 2001:db8:ff::/48,192.168.7.7")


def source(
    *lines: str, peer: str | None = PROXY, header: ForwardingHeader = "x-forwarded-for"
) -> str | None:
    headers = [(b"host", b"x"), *((header.encode(), line.encode("latin-1")) for line in lines)]
    return TrustedProxies(NETWORKS, header).source_of(peer, headers)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([], PROXY, id="no header"),
        pytest.param(["203.0.113.9"], "203.0.113.9", id="one hop"),
        pytest.param(["1.1.1.1, 203.0.113.9"], "203.0.113.9", id="a forged one on the left"),
        pytest.param(["1.1.1.1", "203.0.113.9"], "203.0.113.9", id="a forged header before"),
        pytest.param(["203.0.113.9, 10.2.3.4"], "203.0.113.9", id="two proxies"),
        pytest.param(["203.0.113.9", "10.2.3.4"], "203.0.113.9", id="two proxies, two lines"),
        pytest.param(["10.2.3.4, 10.9.9.9"], "10.2.3.4", id="proxies only"),
        pytest.param(["203.0.113.9:4711"], "203.0.113.9", id="IPv4 and port"),
        pytest.param(["2001:db8::7"], "2001:db8::7", id="IPv6"),
        pytest.param(["[2001:DB8::7]"], "2001:db8::7", id="IPv6 in brackets"),
        pytest.param(["[2001:db8::7]:4711"], "2001:db8::7", id="IPv6 and port"),
        pytest.param(["::ffff:203.0.113.9"], "203.0.113.9", id="IPv4 in IPv6"),
        pytest.param(["203.0.113.9, 2001:db8:ff::1"], "203.0.113.9", id="an IPv6 proxy"),
        pytest.param(["203.0.113.9, unknown"], PROXY, id="unknown"),
        pytest.param(["203.0.113.9, "], PROXY, id="an empty hop"),
        pytest.param(["203.0.113.9, 10.2.3.4, garbage"], PROXY, id="garbage at the right"),
        pytest.param(["garbage, 10.2.3.4"], "10.2.3.4", id="garbage behind a proxy"),
        pytest.param(["1.2.3.4.5"], PROXY, id="five parts"),
        pytest.param(["127.1"], PROXY, id="short form"),
        pytest.param(["0x7f.0.0.1"], PROXY, id="hexadecimal"),
        pytest.param(["٣.٣.٣.٣".encode().decode("latin-1")], PROXY, id="other digits"),
        pytest.param(["fe80::1%eth0"], PROXY, id="a zone"),
        pytest.param(["203.0.113.9:99999999"], PROXY, id="a port that is none"),
        pytest.param(['"203.0.113.9"'], PROXY, id="quotes"),
        pytest.param(["[203.0.113.9]"], PROXY, id="IPv4 in brackets"),
        pytest.param(["203.0.113.9, " + ", ".join(["10.0.0.2"] * 40)], "10.0.0.2", id="too many"),
    ],
)
def test_x_forwarded_for_is_read_from_the_right(lines: list[str], expected: str) -> None:
    assert source(*lines) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(["for=203.0.113.9"], "203.0.113.9", id="one hop"),
        pytest.param(["For=203.0.113.9;proto=https;by=10.0.0.1"], "203.0.113.9", id="more pairs"),
        pytest.param(["proto=https; for=203.0.113.9"], "203.0.113.9", id="for is second"),
        pytest.param(['for="203.0.113.9:80"'], "203.0.113.9", id="IPv4 and port"),
        pytest.param(['for="[2001:db8::7]:80"'], "2001:db8::7", id="IPv6 and port"),
        pytest.param(['for="[2001:db8::7]"'], "2001:db8::7", id="IPv6"),
        pytest.param(["for=1.1.1.1, for=203.0.113.9"], "203.0.113.9", id="forged on the left"),
        pytest.param(["for=1.1.1.1", "for=203.0.113.9"], "203.0.113.9", id="forged line before"),
        pytest.param(["for=203.0.113.9, for=10.2.3.4"], "203.0.113.9", id="two proxies"),
        pytest.param(['for=", for=203.0.113.9'], "203.0.113.9", id="an open quote swallows none"),
        pytest.param(
            ['for=1.1.1.1;x=", for="203.0.113.9"'], "203.0.113.9", id="a quote that closes later"
        ),
        pytest.param(["for=1.1.1.1;, for=203.0.113.9"], "203.0.113.9", id="stray semicolon"),
        pytest.param(["for=_hidden"], PROXY, id="obfuscated"),
        pytest.param(["for=unknown"], PROXY, id="unknown"),
        pytest.param(["by=203.0.113.9"], PROXY, id="by is not for"),
        pytest.param(["xfor=203.0.113.9"], PROXY, id="another parameter's end"),
        pytest.param(["203.0.113.9"], PROXY, id="the other header's form"),
        pytest.param(["for=203.0.113.9,"], PROXY, id="an empty element"),
    ],
)
def test_forwarded_is_read_from_the_right(lines: list[str], expected: str) -> None:
    assert source(*lines, header="forwarded") == expected


@pytest.mark.parametrize("peer", ["203.0.113.50", "192.168.7.8", "2001:db8::1", "::ffff:8.8.8.8"])
def test_a_peer_that_is_no_trusted_proxy_is_the_source_whatever_it_claims(peer: str) -> None:
    assert source("1.1.1.1", peer=peer) == peer
    assert source("for=1.1.1.1", peer=peer, header="forwarded") == peer


@pytest.mark.parametrize("peer", [None, "/run/engine.sock"])
def test_a_peer_without_an_address_is_not_trusted(peer: str | None) -> None:
    assert source("1.1.1.1", peer=peer) == peer


def test_a_trusted_peer_counts_in_its_ipv6_form_too() -> None:
    assert source("203.0.113.9", peer="::ffff:10.0.0.1") == "203.0.113.9"


def test_the_header_that_the_proxies_do_not_write_is_the_clients_claim() -> None:
    headers = [(b"forwarded", b"for=1.1.1.1"), (b"x-forwarded-for", b"203.0.113.9")]
    assert TrustedProxies(NETWORKS).source_of(PROXY, headers) == "203.0.113.9"
    assert TrustedProxies(NETWORKS, "forwarded").source_of(PROXY, headers) == "1.1.1.1"


@given(st.text(st.characters(max_codepoint=255), max_size=200), st.sampled_from(["forwarded", "x"]))
def test_nothing_on_the_left_changes_what_the_proxy_appended(claimed: str, kind: str) -> None:
    if kind == "forwarded":
        assert source(f"{claimed}, for=203.0.113.9", header="forwarded") == "203.0.113.9"
    else:
        assert source(f"{claimed}, 203.0.113.9") == "203.0.113.9"


@pytest.mark.parametrize("wrong", ["10.0.0.0/33", "proxy.example.com", "10.0.0.1/8", "0.0.0.0/0"])
def test_a_network_that_cannot_be_meant_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong.split("/")[0]):
        parse_networks(f"10.0.0.0/8,{wrong}")
