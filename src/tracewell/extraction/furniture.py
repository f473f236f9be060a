"""The parts of a page that stand on every page of a site, and the links and badges that name no
partner: navigation, footers, social profiles, shops for apps, review sites."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import turbohtml

SKIPPED = frozenset(
    {
        "nav", "footer", "aside", "script", "style", "template", "select",
        "option", "button", "input", "label", "textarea", "iframe", "svg", "video", "audio",
        "object", "head", "datalist", "dialog", "canvas", "map",
    }
)  # fmt: skip
_ROLES = frozenset(
    {"navigation", "banner", "contentinfo", "search", "dialog", "menu", "menubar", "complementary"}
)
_FURNITURE = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|navigation|(?:mega)?-?menu|breadcrumbs?|pagination|pager|"
    r"cookies?|consent|gdpr|social(?:s|media)?|"
    r"share|sharing|sidebar|topbar|newsletter|offcanvas|skip-?link)(?:$|[\s_-])"
    r"|(?:^|\s)(?:(?:site|page|main|section|global|app)-?)?(?:footer|foot|colophon)(?:$|\s)"
    r"|(?:^|\s)(?:(?:site|main|top|global|section)-?)?(?:header|masthead|head)(?:$|\s)",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"(?:^|[\s_-])(?:payments?|badges?|press|testimonials?|customers?|clients?|trusted|"
    r"awards?|certifi\w*|related-posts?|"
    r"ads?|adverts?\w*|sponsored|investors?|filters?|facets?)(?:$|[\s_-])",
    re.IGNORECASE,
)
_HEADERS = re.compile(r"head", re.IGNORECASE)
_SOCIAL = frozenset(
    {
        "facebook.com", "twitter.com", "x.com", "linkedin.com", "instagram.com",
        "youtube.com", "youtu.be", "github.com", "gitlab.com", "tiktok.com",
        "pinterest.com", "t.me", "telegram.org", "medium.com", "vimeo.com", "xing.com",
        "threads.net", "bsky.app", "mastodon.social", "discord.gg", "discord.com",
        "reddit.com", "whatsapp.com", "wa.me", "snapchat.com", "flickr.com", "tumblr.com",
        "weibo.com", "vk.com", "line.me", "slideshare.net", "spotify.com", "soundcloud.com",
        "crunchbase.com", "lnkd.in", "fb.com", "fb.me", "google.com", "apple.com",
        "microsoft.com", "amazon.com", "goo.gl", "bit.ly", "note.com", "calendly.com",
    }
)  # fmt: skip
_NEVER = frozenset(
    {
        "g2.com", "capterra.com", "trustpilot.com", "getapp.com", "softwareadvice.com",
        "trustradius.com", "producthunt.com", "glassdoor.com", "kununu.com",
        "provenexpert.com", "trustedshops.com", "trustedshops.de", "ausgezeichnet.org",
        "w3.org", "creativecommons.org", "wikipedia.org", "europa.eu", "gravatar.com",
        "googletagmanager.com", "google-analytics.com", "googleapis.com", "gstatic.com",
        "cloudflare.net", "jsdelivr.net", "cloudfront.net", "doubleclick.net",
        "hsforms.com", "hubspotlinks.com", "typeform.com", "list-manage.com", "mailchi.mp",
        "archive.org", "schema.org", "adobe.ly", "openstreetmap.org",
    }
)  # fmt: skip
_BADGES = re.compile(
    r"app ?store|google play|get it on|iso[ -/]?(?:iec )?\d{3,5}|soc ?[123]\b|gdpr|hipaa|"
    r"pci[ -]?dss|dsgvo|tüv|tuev|ssl|visa|"
    r"mastercard|american express|maestro|klarna|giropay|sepa|apple pay|google pay|trusted "
    r"shops|b ?corp|leader (?:winter|spring|summer|fall)",
    re.IGNORECASE,
)
_ARTEFACTS = re.compile(
    r"^/(?:maps?|search|store/apps|calendar|forms?|recaptcha|intl|policies|url)\b|/app/", re.I
)


def is_furniture(element: turbohtml.Element, tag: str, *, in_content: bool) -> bool:
    """Whether nothing in the element is the page's own content. `in_content`: within main, article
    or section, where a header is a section's."""
    if tag == "noscript":
        # It holds the picture that a script loads, or else the page for those without scripts.
        return element.find(["a", "h1", "h2", "h3"]) is None
    if tag in SKIPPED:
        return True
    if tag in ("body", "html", "main"):
        return False
    if tag == "header":
        return not in_content and element.find("h1") is None
    attrs = element.attrs
    if not attrs:
        return False
    if attrs.get("role") in _ROLES or (attrs.get("aria-hidden") == "true" and tag != "a"):
        return True
    told = f"{element.attr('class') or ''} {element.attr('id') or ''}"[:300]
    if told == " ":
        return False
    found = _FURNITURE.search(told)
    if found is not None:
        return not _HEADERS.search(found[0]) or (not in_content and element.find("h1") is None)
    return (
        _OTHERS.search(told) is not None and re.search(r"partner|integration", told, re.I) is None
    )


def is_profile(url: str, domain: str) -> bool:
    """Whether a link leads to a profile, a shop for apps, a review: to no partner's site."""
    if domain in _NEVER:
        return True
    if domain not in _SOCIAL:
        return False
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    if host == domain:
        return parts.path not in ("", "/") or bool(parts.query)
    if host.split(".")[0] in (
        "m",
        "apps",
        "itunes",
        "play",
        "maps",
        "goo",
        "gist",
        "docs",
        "forms",
        "l",
    ):
        return True
    return _ARTEFACTS.search(parts.path) is not None


def is_badge(name: str) -> bool:
    """Whether the name is that of a payment method, a certificate or a shop for apps."""
    return _BADGES.search(name) is not None and len(name) < 60
