"""The platforms whose profile pages are understood: host, path and handle, as data.

Written by us from the platforms' public address schemes. A page that is no profile (a search, a
login) is told by the reserved words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


_COMMON_RESERVED: Final = _words(
    "about account admin api app apps auth blog careers company contact cookies developer",
    "developers discover download error events explore features feed groups hashtag help home i",
    "intent jobs legal login logout marketplace messages new notifications oauth pages press",
    "pricing privacy search security settings share sharer signin signup site status store support",
    "terms topics trending tv upload watch web www",
)


@dataclass(frozen=True, slots=True)
class Platform:
    """One platform: where its profiles are and how their canonical address is written.

    `path` matches the path below the host and captures `handle`; `canonical` is filled with it.
    `case_sensitive` says whether two handles that differ in letter case are two people.
    """

    id: str
    hosts: tuple[str, ...]
    path: re.Pattern[str]
    canonical: str
    case_sensitive: bool = False
    reserved: frozenset[str] = _COMMON_RESERVED


def _platform(
    id_: str,
    hosts: str,
    path: str,
    canonical: str,
    *,
    case_sensitive: bool = False,
    reserved: str = "",
) -> Platform:
    return Platform(
        id=id_,
        hosts=tuple(hosts.split()),
        path=re.compile(path + r"/?", re.ASCII if not case_sensitive else 0),
        canonical=canonical,
        case_sensitive=case_sensitive,
        reserved=_COMMON_RESERVED | _words(reserved),
    )


_W: Final = r"/@?(?P<handle>[A-Za-z0-9_]{1,50})"
_DOTTED: Final = r"/@?(?P<handle>[A-Za-z0-9_.]{1,50})"
_DASHED: Final = r"/(?P<handle>[A-Za-z0-9_.-]{1,64})"
_AT: Final = r"/@(?P<handle>[A-Za-z0-9_.-]{1,64})"
_ANY_SCRIPT: Final = r"[^\s/?#%<>\"\\\x00-\x1f\x7f-\x9f]"
_REST: Final = r"(?:/.{0,500})?"

PLATFORMS: Final[tuple[Platform, ...]] = (
    _platform("bitbucket", "bitbucket.org", _DASHED, "https://bitbucket.org/{handle}"),
    _platform(
        "bluesky", "bsky.app", r"/profile/(?P<handle>[A-Za-z0-9.:-]{3,253})",
        "https://bsky.app/profile/{handle}",
    ),
    _platform(
        "crunchbase_organization", "crunchbase.com",
        r"/organization/(?P<handle>[A-Za-z0-9-]{1,100})",
        "https://www.crunchbase.com/organization/{handle}",
    ),
    _platform(
        "crunchbase_person", "crunchbase.com", r"/person/(?P<handle>[A-Za-z0-9-]{1,100})",
        "https://www.crunchbase.com/person/{handle}",
    ),
    _platform("devto", "dev.to", _W, "https://dev.to/{handle}", reserved="t tags latest top"),
    _platform(
        "facebook", "facebook.com fb.com m.facebook.com", r"/(?P<handle>[A-Za-z0-9.]{3,64})",
        "https://www.facebook.com/{handle}",
        reserved="profile.php photo.php permalink.php gaming business ads plugins dialog",
    ),
    _platform(
        "github", "github.com", r"/(?P<handle>[A-Za-z0-9](?:[A-Za-z0-9-]{0,38}))",
        "https://github.com/{handle}",
        reserved="orgs sponsors collections customer-stories enterprise team organizations"
        " issues pulls codespaces stars readme solutions resources",
    ),
    _platform(
        "gitlab", "gitlab.com", _DASHED, "https://gitlab.com/{handle}",
        reserved="users projects dashboard -",
    ),
    _platform(
        "hackernews", "news.ycombinator.com", r"/user\?id=(?P<handle>[A-Za-z0-9_-]{2,15})",
        "https://news.ycombinator.com/user?id={handle}", case_sensitive=True,
    ),
    _platform(
        "instagram", "instagram.com", _DOTTED, "https://www.instagram.com/{handle}/",
        reserved="p reel reels stories accounts direct",
    ),
    _platform("keybase", "keybase.io", _W, "https://keybase.io/{handle}"),
    _platform(
        "linkedin", "linkedin.com", r"/in/(?P<handle>" + _ANY_SCRIPT + r"{3,100})" + _REST,
        "https://www.linkedin.com/in/{handle}",
    ),
    _platform(
        "linkedin_company", "linkedin.com",
        r"/(?:company|school|showcase)/(?P<handle>" + _ANY_SCRIPT + r"{1,100})" + _REST,
        "https://www.linkedin.com/company/{handle}",
    ),
    _platform(
        "mastodon_social", "mastodon.social", _AT, "https://mastodon.social/@{handle}"
    ),
    _platform("medium", "medium.com", _AT, "https://medium.com/@{handle}"),
    _platform(
        "pinterest", "pinterest.com", _W, "https://www.pinterest.com/{handle}/",
        reserved="pin ideas today business",
    ),
    _platform("producthunt", "producthunt.com", _AT, "https://www.producthunt.com/@{handle}"),
    _platform(
        "reddit", "reddit.com old.reddit.com", r"/u(?:ser)?/(?P<handle>[A-Za-z0-9_-]{3,20})",
        "https://www.reddit.com/user/{handle}",
    ),
    _platform("snapchat", "snapchat.com", r"/add" + _DASHED, "https://www.snapchat.com/add/{handle}"),
    _platform(
        "soundcloud", "soundcloud.com", _DASHED, "https://soundcloud.com/{handle}",
        reserved="you stream charts tags",
    ),
    _platform(
        "stackoverflow", "stackoverflow.com", r"/users/(?P<handle>[0-9]{1,12})" + _REST,
        "https://stackoverflow.com/users/{handle}",
    ),
    _platform(
        "steam", "steamcommunity.com", r"/id/(?P<handle>[A-Za-z0-9_-]{2,32})",
        "https://steamcommunity.com/id/{handle}",
    ),
    _platform("telegram", "t.me telegram.me", _W, "https://t.me/{handle}", reserved="s joinchat"),
    _platform("threads", "threads.net threads.com", r"/@(?P<handle>[A-Za-z0-9_.]{1,30})",
              "https://www.threads.net/@{handle}"),
    _platform(
        "tiktok", "tiktok.com", r"/@(?P<handle>[A-Za-z0-9_.]{2,24})",
        "https://www.tiktok.com/@{handle}",
    ),
    _platform(
        "twitch", "twitch.tv m.twitch.tv", r"/(?P<handle>[A-Za-z0-9_]{3,25})",
        "https://www.twitch.tv/{handle}", reserved="directory videos drops turbo",
    ),
    _platform(
        "vk", "vk.com m.vk.com", r"/(?P<handle>[A-Za-z0-9_.]{2,32})", "https://vk.com/{handle}",
        reserved="audio video im friends",
    ),
    _platform(
        "x", "x.com twitter.com mobile.twitter.com", r"/@?(?P<handle>[A-Za-z0-9_]{1,15})",
        "https://x.com/{handle}", reserved="compose tos",
    ),
    _platform("youtube", "youtube.com m.youtube.com", r"/@(?P<handle>[A-Za-z0-9_.-]{3,30})",
              "https://www.youtube.com/@{handle}"),
    _platform(
        "youtube_channel", "youtube.com m.youtube.com",
        r"/channel/(?P<handle>UC[A-Za-z0-9_-]{22})",
        "https://www.youtube.com/channel/{handle}", case_sensitive=True,
    ),
)  # fmt: skip


def find_profile(host: str, path: str) -> tuple[Platform, str] | None:
    """The platform and handle of a profile page, or None when the address is no such page.

    `host` is lower case, `path` as in the address with its query. Handles of platforms that ignore
    letter case come back in lower case.
    """
    bare = host.removeprefix("www.")
    for platform in PLATFORMS:
        if bare not in platform.hosts and not _is_country_host(platform, bare):
            continue
        match = platform.path.fullmatch(path) or platform.path.fullmatch(path.partition("?")[0])
        if match is None:
            continue
        handle = match["handle"]
        if handle.lower() in platform.reserved or not any(c.isalnum() for c in handle):
            continue
        return platform, handle if platform.case_sensitive else handle.lower()
    return None


def _is_country_host(platform: Platform, host: str) -> bool:
    """LinkedIn serves the same profiles under `de.linkedin.com`, `fr.linkedin.com`, ..."""
    country, _, rest = host.partition(".")
    return platform.id.startswith("linkedin") and len(country) == 2 and rest == "linkedin.com"
