"""Answers of the sources in the form that their documentation shows, found and not found.

Written down from the public documentation of each service; people and companies are invented.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote


@dataclass(frozen=True)
class Recorded:
    """One source: what is asked, what it says, and what that must come to.

    `pages` maps a part of a request's target (percent signs undone) to a JSON body; the longest
    part that fits answers. `absent` is the (status, body) of "not found".
    """

    connector_id: str
    identifier: tuple[str, str]
    pages: Mapping[str, Any]
    stated: frozenset[tuple[str, str]]
    absent: tuple[int, Any]
    source_url: str
    media_type: str = "application/json"
    honest: tuple[Any, ...] = field(default=())
    """Bodies of a 200 by which this source says that there is nothing."""


def body_for(recorded: Recorded, target: str) -> bytes | None:
    """The body for a request's target."""
    plain = unquote(target.replace("+", " "))
    fitting = [part for part in recorded.pages if part in plain]
    if not fitting:
        return None
    return json.dumps(recorded.pages[max(fitting, key=len)]).encode()


BOOTSTRAP = {
    "version": "1.0",
    "publication": "2026-10-01T00:00:00Z",
    "services": [
        [["org"], ["http://plain.example/", "https://rdap.names.example/"]],
        [["com", "net"], ["https://rdap.names.example/com/"]],
    ],
}
IP_BOOTSTRAP = {
    "version": "1.0",
    "services": [[["93.0.0.0/8"], ["https://rdap.names.example/"]]],
}

RECORDED = (
    Recorded(
        "github",
        ("username", "ada-l"),
        {"/users/ada-l": {
            "login": "Ada-L", "id": 7, "html_url": "https://github.com/Ada-L", "type": "User",
            "name": "Ada Lovelace", "company": "@analytical", "blog": "https://ada.example",
            "location": "London", "email": None, "bio": "Poetical science",
            "created_at": "2011-01-25T18:44:36Z",
        }},
        frozenset({
            ("social.account", "github:ada-l"), ("person.name", "Ada Lovelace"),
            ("social.bio", "Poetical science"), ("social.created_at", "2011-01-25"),
            ("company.name", "@analytical"), ("url.address", "https://ada.example"),
            ("social.url", "https://github.com/Ada-L"), ("social.location", "London"),
            ("username.handle", "ada-l"),
        }),
        (404, {"message": "Not Found", "status": "404"}),
        "https://github.com/Ada-L",
    ),
    Recorded(
        "gitlab",
        ("social_url", "https://gitlab.com/ada"),
        {"/api/v4/users?username=ada": [
            {"id": 3, "username": "ada", "name": "Ada Lovelace", "state": "active",
             "web_url": "https://gitlab.com/ada", "avatar_url": None},
        ]},
        frozenset({
            ("social.account", "gitlab:ada"), ("person.name", "Ada Lovelace"),
            ("social.url", "https://gitlab.com/ada"), ("username.handle", "ada"),
        }),
        (200, []),
        "https://gitlab.com/ada",
        honest=([],),
    ),
    Recorded(
        "gravatar",
        ("email", "ada@example.com"),
        {"/v3/profiles/": {
            "hash": "x", "display_name": "Ada", "profile_url": "https://gravatar.com/ada",
            "avatar_url": "https://0.gravatar.com/avatar/x", "location": "London", "company": "",
            "verified_accounts": [
                {"service_type": "github", "service_label": "GitHub",
                 "url": "https://github.com/ada-l", "is_hidden": False}],
        }},
        frozenset({
            ("email.address", "ada@example.com"), ("person.name", "Ada"),
            ("url.address", "https://gravatar.com/ada"), ("address.full", "London"),
            ("social.account", "github:ada-l"),
        }),
        (404, {"error": "Profile not found", "code": "not_found"}),
        "https://gravatar.com/ada",
    ),
    Recorded(
        "hacker_news",
        ("username", "ada"),
        {"/v0/user/ada.json": {
            "id": "ada", "created": 1173923446, "karma": 5, "submitted": [1],
            "about": "Notes on the <i>engine</i> &amp; more",
        }},
        frozenset({
            ("social.account", "hackernews:ada"), ("social.created_at", "2007-03-15"),
            ("social.url", "https://news.ycombinator.com/user?id=ada"),
            ("social.bio", "Notes on the engine & more"), ("username.handle", "ada"),
        }),
        (200, None),
        "https://news.ycombinator.com/user?id=ada",
        honest=(None,),
    ),
    Recorded(
        "stack_exchange",
        ("social_url", "https://stackoverflow.com/users/22656/ada"),
        {"/2.3/users/22656?site=stackoverflow": {
            "items": [{"user_id": 22656, "display_name": "Ada &amp; Co",
                       "link": "https://stackoverflow.com/users/22656/ada",
                       "creation_date": 1222430705, "location": "London",
                       "website_url": "https://ada.example"}],
            "has_more": False, "quota_max": 300, "quota_remaining": 299,
        }},
        frozenset({
            ("social.account", "stackoverflow:22656"), ("person.name", "Ada & Co"),
            ("social.url", "https://stackoverflow.com/users/22656/ada"),
            ("social.created_at", "2008-09-26"), ("social.location", "London"),
            ("url.address", "https://ada.example"),
        }),
        (200, {"items": [], "has_more": False, "quota_max": 300, "quota_remaining": 298}),
        "https://stackoverflow.com/users/22656/ada",
        honest=({"items": []},),
    ),
    Recorded(
        "keybase",
        ("username", "ada"),
        {"/_/api/1.0/user/lookup.json?usernames=ada": {
            "status": {"code": 0, "name": "OK"},
            "them": [{"id": "23", "basics": {"username": "ada", "ctime": 1},
                      "profile": {"full_name": "Ada Lovelace", "location": "London", "bio": ""},
                      "proofs_summary": {"all": [
                          {"proof_type": "github", "nametag": "ada-l"},
                          {"proof_type": "dns", "nametag": "ada.example"}]}}],
        }},
        frozenset({
            ("social.account", "keybase:ada"), ("social.url", "https://keybase.io/ada"),
            ("social.location", "London"), ("username.handle", "ada"),
            ("person.name", "Ada Lovelace"), ("social.account", "github:ada-l"),
            ("domain.name", "ada.example"),
        }),
        (200, {"status": {"code": 0, "name": "OK"}, "them": [None]}),
        "https://keybase.io/ada",
    ),
    Recorded(
        "dev_to",
        ("username", "ada"),
        {"/api/users/by_username?url=ada": {
            "type_of": "user", "id": 1, "username": "ada", "name": "Ada", "summary": "Engines",
            "twitter_username": None, "github_username": "ada-l", "location": None,
            "website_url": "", "joined_at": "Jan 1, 2017",
        }},
        frozenset({
            ("social.account", "devto:ada"), ("social.url", "https://dev.to/ada"),
            ("social.bio", "Engines"), ("username.handle", "ada"), ("person.name", "Ada"),
            ("social.account", "github:ada-l"),
        }),
        (404, {"error": "not found", "status": 404}),
        "https://dev.to/ada",
    ),
    Recorded(
        "mastodon",
        ("social_url", "https://mastodon.social/@ada"),
        {"/api/v1/accounts/lookup?acct=ada": {
            "id": "1", "username": "ada", "acct": "ada", "display_name": "Ada",
            "note": "<p>Engines</p>", "url": "https://mastodon.social/@ada",
            "created_at": "2016-03-16T00:00:00.000Z",
        }},
        frozenset({
            ("social.account", "mastodon_social:ada"), ("social.bio", "Engines"),
            ("social.url", "https://mastodon.social/@ada"), ("social.created_at", "2016-03-16"),
            ("username.handle", "ada"), ("person.name", "Ada"),
        }),
        (404, {"error": "Record not found"}),
        "https://mastodon.social/@ada",
    ),
    Recorded(
        "webfinger",
        ("email", "ada@example.com"),
        {"/.well-known/webfinger?resource=acct:ada@example.com": {
            "subject": "acct:ada@example.com", "aliases": ["https://example.com/@ada"],
            "links": [
                {"rel": "http://webfinger.net/rel/profile-page", "type": "text/html",
                 "href": "https://example.com/@ada"},
                {"rel": "self", "type": "application/activity+json",
                 "href": "https://example.com/users/ada"}],
        }},
        frozenset({
            ("email.address", "ada@example.com"), ("url.address", "https://example.com/@ada"),
        }),
        (404, ""),
        "https://example.com/.well-known/webfinger?resource=acct%3Aada%40example.com",
        media_type="application/jrd+json",
    ),
    Recorded(
        "gleif",
        ("company_name", "Analytical Engines Ltd"),
        {
            "filter[entity.legalName]=Analytical Engines Ltd": {
                "meta": {"pagination": {"currentPage": 1, "total": 2}},
                "links": {"next": "https://api.gleif.org/api/v1/lei-records?page[number]=2"},
                "data": [{"type": "lei-records", "id": "529900AAAAAAAAAAAA11", "attributes": {
                    "lei": "529900AAAAAAAAAAAA11",
                    "entity": {
                        "legalName": {"name": "ANALYTICAL ENGINES LIMITED", "language": "en"},
                        "otherNames": [{"name": "Analytical Engines", "language": "en"}],
                        "legalAddress": {"addressLines": ["1 Mill Lane"], "city": "London",
                                         "region": "GB-LND", "country": "GB",
                                         "postalCode": "EC1A 1AA"},
                        "status": "ACTIVE"}}}],
            },
            "page[number]=2": {
                "links": {},
                "data": [{"type": "lei-records", "id": "529900AAAAAAAAAAAA22", "attributes": {
                    "lei": "529900AAAAAAAAAAAA22",
                    "entity": {"legalName": {"name": "ANALYTICAL ENGINES LLC"}, "otherNames": [],
                               "legalAddress": {"addressLines": [], "city": None, "country": "US",
                                                "postalCode": None},
                               "status": "INACTIVE"}}}],
            },
        },
        frozenset({
            ("organization.legal_name", "ANALYTICAL ENGINES LIMITED"),
            ("organization.name", "Analytical Engines"),
            ("organization.registry_id", "LEI:529900AAAAAAAAAAAA11"),
            ("organization.status", "active"), ("organization.country", "GB"),
            ("address.full", "1 Mill Lane, EC1A 1AA, London, GB"),
            ("organization.legal_name", "ANALYTICAL ENGINES LLC"),
            ("organization.registry_id", "LEI:529900AAAAAAAAAAAA22"),
            ("organization.status", "inactive"), ("organization.country", "US"),
            ("address.full", "US"),
        }),
        (200, {"meta": {}, "links": {}, "data": []}),
        "https://search.gleif.org/#/record/529900AAAAAAAAAAAA11",
        media_type="application/vnd.api+json",
        honest=({"data": []},),
    ),
    Recorded(
        "hibp",
        ("email", "ada@example.com"),
        {"/api/v3/breachedaccount/ada@example.com?truncateResponse=false": [
            {"Name": "Adobe", "BreachDate": "2013-10-04", "IsVerified": True},
            {"Name": "Gawker", "BreachDate": "2010-12-11", "IsVerified": True}]},
        frozenset({
            ("email.address", "ada@example.com"), ("email.breach", "Adobe 2013-10-04"),
            ("email.breach", "Gawker 2010-12-11"),
        }),
        (404, ""),
        "https://haveibeenpwned.com/",
    ),
    Recorded(
        "rdap",
        ("domain", "www.analytical.com"),
        {
            "/rdap/dns.json": BOOTSTRAP,
            "/com/domain/analytical.com": {
                "objectClassName": "domain", "ldhName": "ANALYTICAL.COM", "status": ["active"],
                "events": [
                    {"eventAction": "registration", "eventDate": "1995-08-14T04:00:00Z"},
                    {"eventAction": "expiration", "eventDate": "2027-08-13T04:00:00Z"}],
                "nameservers": [{"ldhName": "NS1.ANALYTICAL.COM."}],
                "entities": [
                    {"objectClassName": "entity", "roles": ["registrar"], "vcardArray": ["vcard", [
                        ["version", {}, "text", "4.0"], ["fn", {}, "text", "Names Ltd"]]]},
                    {"objectClassName": "entity", "roles": ["registrant"], "vcardArray": ["vcard", [
                        ["fn", {}, "text", "REDACTED FOR PRIVACY"],
                        ["org", {}, "text", "Analytical Engines Ltd"]]]}],
            },
        },
        frozenset({
            ("domain.name", "analytical.com"), ("domain.status", "active"),
            ("domain.registered_at", "1995-08-14"), ("domain.expires_at", "2027-08-13"),
            ("domain.name_server", "ns1.analytical.com"), ("domain.registrar", "Names Ltd"),
            ("domain.registrant", "Analytical Engines Ltd"),
        }),
        (404, {"errorCode": 404, "title": "Not Found"}),
        "https://rdap.names.example/com/domain/analytical.com",
        media_type="application/rdap+json",
    ),
    Recorded(
        "certificates",
        ("domain", "analytical.com"),
        {"/?q=analytical.com&output=json": [
            {"issuer_ca_id": 1, "issuer_name": "C=US, O=Let's Encrypt, CN=R3", "id": 5,
             "common_name": "analytical.com",
             "name_value": "analytical.com\n*.analytical.com\nmail@other.example",
             "not_before": "2026-01-01T00:00:00"},
            {"issuer_ca_id": 1, "issuer_name": "C=US, O=Let's Encrypt, CN=R3", "id": 6,
             "name_value": "VPN.analytical.com"}]},
        frozenset({
            ("domain.name", "analytical.com"), ("domain.host_name", "analytical.com"),
            ("domain.host_name", "vpn.analytical.com"),
            ("domain.certificate_issuer", "Let's Encrypt"),
        }),
        (200, []),
        "https://crt.sh/?q=analytical.com",
        honest=([],),
    ),
)  # fmt: skip
