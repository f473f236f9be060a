"""The sample web over HTTP: what each host answers, and that nothing in it leads nowhere."""

from __future__ import annotations

import gzip
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from examples.web.model import Company, Web
from examples.web.render import partner_name
from examples.web.site import load_web
from protego import Protego
from tests.examples.conftest import ROOT, SERVER, Answer, SampleWeb, start_server
from tests.examples.reading import Page, decoded

DOMAINS = sorted(path.stem for path in (ROOT / "examples/web/companies").glob("*.yaml"))
_PAGES_MAX = 200

# The makers of the shown products, where profiles and vocabularies live. No other real domain
# may stand on a page.
ALLOWED = {
    "adyen.com", "algolia.net", "calendly.com", "chimpstatic.com", "clarity.ms", "cloudflare.com",
    "cloudfront.net", "cookiebot.com", "cookielaw.org", "drupal.org", "facebook.com",
    "facebook.net", "fontawesome.com", "github.com", "google-analytics.com", "google.com",
    "googleapis.com", "googletagmanager.com", "greenhouse.io", "hotjar.com", "hs-scripts.com",
    "hsforms.net", "htmx.org", "instagram.com", "intercom.io", "jquery.com", "jsdelivr.net",
    "klarna.com", "klaviyo.com", "lever.co", "licdn.com", "linkedin.com", "list-manage.com",
    "marketo.net", "optimizely.com", "pardot.com", "paypal.com", "personio.de", "plausible.io",
    "schema.org", "segment.com", "sentry-cdn.com", "shopify.com", "sitemaps.org",
    "squarespace.com", "stripe.com", "tailwindcss.com", "unpkg.com", "usercentrics.eu", "w.org",
    "w3.org", "website-files.com", "x.com", "xing.com", "yoast.com", "youtube-nocookie.com",
    "youtube.com", "zdassets.com",
}  # fmt: skip


def company_of(web: Web, domain: str) -> Company:
    return web.companies[domain]


def page_of(answer: Answer) -> Page:
    return Page(decoded(answer.body, answer.header("Content-Type") or ""))


def crawl(served: SampleWeb, company: Company) -> dict[str, Answer]:
    """Every page and file of the site that links from its home page lead to."""
    answers: dict[str, Answer] = {}
    waiting = ["/"]
    while waiting and len(answers) < _PAGES_MAX:
        path = waiting.pop()
        if path in answers:
            continue
        answer = answers[path] = served.get(company.host, path)
        if (answer.header("Content-Type") or "").startswith("text/html"):
            parts = [urlsplit(link) for link in page_of(answer).links]
            waiting += [
                part.path + (f"?{part.query}" if part.query else "")
                for part in parts
                if part.netloc in ("", company.host) and part.path.startswith("/")
            ]
    assert not waiting or len(answers) < _PAGES_MAX
    return answers


@pytest.mark.parametrize("domain", DOMAINS)
def test_each_host_shows_its_stack_on_its_pages(served: SampleWeb, web: Web, domain: str) -> None:
    company = company_of(web, domain)
    for kind, path in company.paths().items():
        answer = served.get(company.host, path)
        assert answer.status == 200
        page = page_of(answer)
        html = decoded(answer.body, answer.header("Content-Type") or "")
        for show in web.iter_shows(company, kind):
            for name, value in show.headers.items():
                assert (name.lower(), value) in {(k.lower(), v) for k, v in answer.headers}
            cookies = [value for name, value in answer.headers if name == "Set-Cookie"]
            for name, value in show.cookies.items():
                assert f"{name}={value}; Path=/" in cookies
            for name, content in show.meta.items():
                assert (name.lower(), content) in page.meta
            for url in show.script_src:
                assert url.replace("&amp;", "&") in page.script_src
            for text in (*show.script, *show.head, *show.html):
                assert text in html


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_internal_link_resolves(served: SampleWeb, web: Web, domain: str) -> None:
    company = company_of(web, domain)
    answers = crawl(served, company)
    broken = {extra.path for extra in company.site.extra if extra.status == 500}
    assert set(company.paths().values()) <= answers.keys()
    assert {path for path, answer in answers.items() if answer.status != 200} == broken


@pytest.mark.parametrize("domain", DOMAINS)
def test_no_real_domain_appears_but_those_of_vendors(
    served: SampleWeb, web: Web, domain: str
) -> None:
    pattern = re.compile(
        r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|net|org|io|de|eu|ms|co|uk|fr|es|se|dk|ai|dev)\b(?!\.)"
    )
    answers = crawl(served, company_of(web, domain))
    seen = {
        host
        for answer in answers.values()
        for host in pattern.findall(answer.body.decode("latin-1"))
    }
    registrable = {".".join(host.split(".")[-2:]) for host in seen}
    assert registrable <= ALLOWED


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_about_page_tells_the_organisation_in_its_markup(
    served: SampleWeb, web: Web, domain: str
) -> None:
    company = company_of(web, domain)
    page = page_of(served.get(company.host, company.paths()["about"]))
    if company.site.markup in ("jsonld", "graph"):
        (node,) = page.list_nodes("Organization")
        assert node["legalName"] == company.legal_name
        assert node["address"]["addressCountry"] == company.address.country
        assert node.get("sameAs", []) == list(company.social)
        assert node.get("leiCode") == company.lei_code
    elif company.site.markup in ("microdata", "rdfa"):
        assert any(kind.endswith("Organization") for kind in page.item_types)
        assert page.properties["name"] == company.name
        assert page.properties["legalName"] == company.legal_name
        assert page.properties["telephone"] == company.phone
        assert page.properties["addressCountry"] == company.address.country
    else:
        assert not page.list_nodes("Organization")
        assert company.legal_name in page.text


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_posting_is_found_as_structured_data(
    served: SampleWeb, web: Web, domain: str
) -> None:
    company = company_of(web, domain)
    pages = [
        page_of(answer)
        for answer in crawl(served, company).values()
        if (answer.header("Content-Type") or "").startswith("text/html")
    ]
    if company.site.careers_style == "microdata":
        kinds = [kind for page in pages for kind in page.item_types]
        assert kinds.count("https://schema.org/JobPosting") == len(company.postings)
        return
    found = {node["title"]: node for page in pages for node in page.list_nodes("JobPosting")}
    assert found.keys() == {posting.title for posting in company.postings}
    for posting in company.postings:
        node = found[posting.title]
        assert node["datePosted"] == posting.posted.isoformat()
        assert (node.get("jobLocationType") == "TELECOMMUTE") == posting.remote
        assert all(name in node["description"] for name in posting.technologies)


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_partner_is_given_away_only_as_its_entry_says(
    served: SampleWeb, web: Web, domain: str
) -> None:
    company = company_of(web, domain)
    for partner in company.partners:
        answer = served.get(company.host, company.paths()[partner.page])
        page = page_of(answer)
        target = web.companies[partner.to].host if partner.to else partner.domain
        linked = f"https://{target}/" in page.links
        assert linked == (partner.how == "link")
        if partner.how == "filename":
            assert partner_name(web, partner) not in page.text
        if partner.how == "detail":
            details = [
                link for link in page.links if link.startswith(company.paths()[partner.page])
            ]
            pages = [page_of(served.get(company.host, link)) for link in details]
            assert any(f"https://{target}/" in detail.links for detail in pages)


@pytest.mark.parametrize("domain", DOMAINS)
def test_robots_txt_closes_what_the_data_close(served: SampleWeb, web: Web, domain: str) -> None:
    company = company_of(web, domain)
    answer = served.get(company.host, "/robots.txt")
    assert (answer.header("Content-Type") or "").startswith("text/plain")
    robots = Protego.parse(answer.body.decode())
    origin = f"http://{company.host}"
    for path in company.site.robots.disallow:
        assert not robots.can_fetch(f"{origin}{path}", "tracewell")
    assert robots.can_fetch(f"{origin}/", "tracewell") == ("/" not in company.site.robots.disallow)
    assert robots.crawl_delay("tracewell") == company.site.robots.crawl_delay
    assert list(robots.sitemaps) == ([f"{origin}/sitemap.xml"] if company.site.sitemap else [])
    for extra in company.site.extra:
        assert robots.can_fetch(f"{origin}{extra.path}", "tracewell") != extra.disallowed


def test_a_sitemap_names_pages_that_answer(served: SampleWeb, web: Web) -> None:
    hosts = [company.host for company in web.companies.values() if company.site.sitemap]
    assert len(hosts) >= 10
    for host in hosts:
        answer = served.get(f"{host}:{served.port}", "/sitemap.xml")
        urls = re.findall(r"<loc>(.*?)</loc>", answer.body.decode())
        assert len(urls) >= 4
        for url in urls:
            parts = urlsplit(url)
            assert parts.netloc == f"{host}:{served.port}"
            assert served.get(parts.netloc, parts.path).status == 200


def test_alias_domains_lead_to_the_primary_host_and_keep_path_and_port(
    served: SampleWeb, web: Web
) -> None:
    aliases = [(c.host, alias) for c in web.companies.values() for alias in c.site.aliases]
    assert {alias.status for _, alias in aliases} == {301, 302, 308, "meta"}
    for host, alias in aliases:
        answer = served.get(f"{alias.host}:{served.port}", "/a/b?c=d")
        wanted = f"http://{host}:{served.port}/a/b?c=d"
        if alias.status == "meta":
            assert answer.status == 200
            assert f'content="0; url={wanted}"' in answer.body.decode()
        else:
            assert (answer.status, answer.header("Location")) == (alias.status, wanted)
        first_hop = served.get(f"www.{alias.host}").header("Location")
        assert first_hop == f"http://{alias.host}/"


def test_www_and_bare_domain_end_at_the_same_host(served: SampleWeb, web: Web) -> None:
    for company in web.companies.values():
        for host in (company.domain, f"www.{company.domain}"):
            answer = served.get(host)
            if host == company.host:
                assert answer.status == 200
            elif company.site.www == "none":
                assert answer.status == 404
            else:
                assert (answer.status, answer.header("Location")) == (
                    301,
                    f"http://{company.host}/",
                )


def test_an_unknown_host_is_not_found(served: SampleWeb) -> None:
    assert served.get("nobody.example").status == 404
    assert served.get(f"127.0.0.1:{served.port}").status == 404


def test_a_missing_page_answers_404_with_the_stack_of_its_host(served: SampleWeb) -> None:
    answer = served.get("halden-freight.example", "/no/such/page")
    assert answer.status == 404
    assert answer.header("Server") == "nginx/1.24.0"


def test_only_reading_is_allowed(served: SampleWeb) -> None:
    answer = served.get("lumenfold.example", method="POST")
    assert (answer.status, answer.header("Allow")) == (405, "GET, HEAD")
    head = served.get("lumenfold.example", method="HEAD")
    assert (head.status, head.body) == (200, b"")


def test_no_host_names_the_server_that_this_web_really_runs_on(served: SampleWeb, web: Web) -> None:
    for company in web.companies.values():
        for path in ("/", "/robots.txt", "/no/such/page"):
            assert "aiohttp" not in (served.get(company.host, path).header("Server") or "")


def test_old_encodings_are_told_by_the_header_or_only_by_the_page(served: SampleWeb) -> None:
    by_header = served.get("teltow-stahlbau.example")
    assert by_header.header("Content-Type") == "text/html; charset=iso-8859-1"
    assert b"charset" not in by_header.body
    assert "Brücken" in by_header.body.decode("iso-8859-1")
    by_page = served.get("mirelle-optik.example")
    assert by_page.header("Content-Type") == "text/html"
    assert b"charset=iso-8859-1" in by_page.body
    assert "große" in by_page.body.decode("iso-8859-1")


def test_a_gzip_host_compresses_only_for_those_who_accept_it(served: SampleWeb) -> None:
    plain = served.get("quillhaven.example")
    packed = served.get("quillhaven.example", accept_encoding="gzip, deflate")
    assert plain.header("Content-Encoding") is None
    assert packed.header("Content-Encoding") == "gzip"
    assert gzip.decompress(packed.body) == plain.body


def test_one_page_is_broken_on_purpose(served: SampleWeb) -> None:
    assert served.get("granite-harbor.example", "/status").status == 500


def test_sigterm_lets_a_slow_answer_finish_and_ends_with_status_0() -> None:
    process, port = start_server("--slow-s", "1")
    request = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import http.client, sys\n"
            f"c = http.client.HTTPConnection('127.0.0.1', {port}, timeout=10)\n"
            "c.request('GET', '/', headers={'Host': 'solveig-marine.example'})\n"
            "print('sent', flush=True)\n"
            "r = c.getresponse()\n"
            "print(r.status, len(r.read()) > 500, flush=True)\n",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert request.stdout is not None
    assert request.stdout.readline() == "sent\n"
    time.sleep(0.4)  # the request is in the server's hands, its answer is not due yet
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=10)
    assert request.communicate(timeout=10)[0] == "200 True\n"
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_the_command_line_explains_itself_and_names_what_is_wrong(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, str(SERVER), "--help"], capture_output=True, text=True, check=True
    )
    assert "--print-port" in told.stdout
    empty = subprocess.run(
        [sys.executable, str(SERVER), "--port", "0", "--directory", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert empty.returncode == 2
    assert "products.yaml" in empty.stderr
    assert "Traceback" not in empty.stderr


def test_two_starts_serve_the_same_bytes(served: SampleWeb) -> None:
    process, port = start_server()
    try:
        other = SampleWeb(port)
        for host in ("halden-freight.example", "kettle-and-crane.example"):
            assert other.get(host).body == served.get(host).body
    finally:
        process.terminate()
        process.communicate(timeout=10)


def test_lei_codes_have_right_check_digits_and_no_real_issuer() -> None:
    codes = [company.lei_code for company in load_web().companies.values() if company.lei_code]
    assert len(codes) == len(set(codes)) >= 5
    for code in codes:
        assert re.fullmatch(r"9999[0-9A-Z]{16}", code)
        assert int("".join(str(int(character, 36)) for character in code)) % 97 == 1


def test_the_truth_is_in_step_with_the_files() -> None:
    script = ROOT / "examples" / "web" / "truth.py"
    told = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    truth = json.loads((script.parent / "truth.json").read_text(encoding="utf-8"))
    assert sorted(truth["companies"]) == DOMAINS
    assert len(DOMAINS) == 40
