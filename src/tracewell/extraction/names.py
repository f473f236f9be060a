"""What a partner is called: clean names from headings, alt texts, links and file names."""

from __future__ import annotations

import re
from urllib.parse import unquote

NAME_CHARS_MAX = 80

_OPENS = re.compile(
    r"\s*[(\[][^()\[\]]*(?:new (?:tab|window)|neue[nms]* (?:tab|fenster)|nouvel)[^()\[\]]*[)\]]",
    re.I,
)
_BEFORE = re.compile(
    r"^(?:(?:company |partner |brand |the )?logo(?:type|tipo)?s?\s*(?:of|von|der|de|du|"
    r"d['’]|del|:|-|–)?\s+"
    r"|logo(?:type|tipo)?(?:\s+(?:de|of|von))?\s*[:\-–]\s*|(?:go to|visit|learn more about|"
    r"more about|see|view|"
    r"explore|discover|connect|zur website von|mehr über|visiter|visitar)\s+(?:the\s+)?|"
    r"partner(?:logo)?\s*[:\-–]\s*)",
    re.IGNORECASE,
)  # fmt: skip
_AFTER = re.compile(
    r"(?:['’]s)?[\s\-–—|:,]*\b(?:company )?(?:logo(?:type|tipo)?|icon|wordmark|brand ?mark|"
    r"integration|"
    r"website|web ?site|homepage|ロゴ)s?\s*(?:image|png|svg)?\.?$"
    r"|(?<=\w)(?:のロゴ|ロゴ)$|\s*[»›→↗>]+$",
    re.IGNORECASE,
)
_CALLS = re.compile(
    r"(?:(?:read|learn|find out|see|show|view|discover|get|load|know)\s+)?(?:more|details?|"
    r"all|now|here)(?:\s+(?:details?|info\w*|about.*|apps?|partners|integrations|here))?"
    r"|visit(?:\s+(?:the\s+|our\s+|their\s+)?(?:web ?site|site|page|store|us|partner|"
    r"homepage))?|(?:go to |to )?(?:the |official |partner )?(?:web ?site|homepage|web "
    r"?page|web|site|link|url|page)"
    r"|(?:zur?|zum|die)\s+(?:web ?site|webseite|homepage|website|profil|partner)|webseite|"
    r"mehr(?:\s+(?:erfahren|lesen|infos?|informationen|dazu))?|website besuchen|weiterlesen|"
    r"weiter|anzeigen|details ansehen"
    r"|en savoir plus|voir(?:\s.*)?|lire la suite|(?:visiter|voir) le site|site(?: web)?|"
    r"découvrir|consulter.*"
    r"|(?:visitar|ver|ir a(?:l)?)(?:\s+(?:la\s+)?(?:web|sitio|más|página|sitio web))?|leer "
    r"más|saber más|más información|sitio web"
    r"|詳しく(?:はこちら|見る)?|詳細(?:を見る|はこちら)?|もっと見る|サイトへ|公式サイト|ウェブサイト|こちら"
    r"|download|install|(?:add|connect|integrate|enable|try|buy|contact|apply|book|request|"
    r"sign|log|join|become|get|start|browse|search|filter|share|follow|watch|compare|"
    r"subscribe|check|learn|explore|register|read|talk|star)\b.*"
    r"|previous|next(?: page)?|back.*|home|menu|close|image|img|logo|icon|picture|photo|"
    r"banner|placeholder|spacer|bild|foto|arrow.*|avatar|thumbnail|slide \d+|partner(?:s| "
    r"logo| image| page)?|integrations?|apps?|new|free|email|e-?mail|phone|telefon|website|"
    r"address|location|category|categories|overview|product|products|pricing|docs?|"
    r"documentation|support|help|faq|blog|kontakt|contact(?: us)?|impressum|datenschutz|"
    r"privacy.*|terms.*|gold|silver|platinum|bronze|premium|powered by.*|hosted by.*|made "
    r"(?:with|by|in).*|webdesign.*|©.*"
    r"|view|visit|see|open|go|zur?|zum|launch|ansehen|öffnen|voir|ver|discover|explore|details?"
    r"|all (?:apps|integrations|partners|categories)|europe|americas|asia|germany|worldwide|"
    r"global|training|benefits|other|others|case stud(?:y|ies)|jetzt .*|demo.*|our (?:api|"
    r"blog)|step \d.*|n/?a|tbd|yes|no",
    re.IGNORECASE,
)  # fmt: skip
_SIZE = re.compile(
    r"[-_@.](?:\d{2,4}x\d{2,4}|\d+x|\d{1,4}w|\d{1,4}px|scaled|min|e\d{8,}|v\d+|[0-9a-f]{7,"
    r"40})(?=$|[-_@.])",
    re.I,
)
_FILE_WORDS = frozenset(
    {
        "logo", "logos", "logotype", "icon", "white", "black", "dark", "light", "color",
        "colour", "grey", "gray", "rgb", "cmyk", "png", "svg", "transparent", "small",
        "large", "final", "new", "horizontal", "vertical", "partner", "partners", "image",
        "img", "web", "website", "copy", "blue", "mono", "negative", "positive", "weiss",
        "schwarz", "kunde", "default", "thumb", "full", "resized", "cropped", "brand",
        "wordmark", "square", "retina", "tile", "card", "client",
    }
)  # fmt: skip
_NO_FILE = re.compile(
    r"(?:img|dsc|image|banner|photo|pic|hero|bg|background|slide|arrow|spacer|pixel|placeholder|"
    r"screenshot|unnamed|untitled|default|avatar|icon|header|footer|blank|loading|"
    r"button)[-_ ]?\w{0,6}|[a-z]{0,2}\d+[a-z]?|.{0,2}",
    re.IGNORECASE,
)
_LEGAL = re.compile(
    r"\b(?:gmbh|ag|ltd|inc|llc|kg|s\.?a\.?s?|sarl|b\.?v|s\.?r\.?o|s\.?l)\b\.?", re.I
)


def clean_name(text: str | None) -> str | None:
    """The name in an alt text, a link or a heading; None where it tells none."""
    if not text or len(text) > 3 * NAME_CHARS_MAX:
        return None
    if is_call(text) or "[object" in text:
        return None
    name = " ".join(_OPENS.sub("", text).split()).strip(" \t-–—|:•·*,")
    for _ in range(2):
        name = _AFTER.sub("", _BEFORE.sub("", name)).strip(" -–—|:•·,")
    if not 1 < len(name) <= NAME_CHARS_MAX or is_call(name) or looks_like_url(name):
        return None
    return name if any(character.isalpha() for character in name) else None


def is_call(text: str) -> bool:
    """Whether the text asks to click rather than names someone."""
    return _CALLS.fullmatch(text.strip(" .!»›→>…")) is not None


def looks_like_url(text: str) -> bool:
    """`www.acme.example`, `https://acme.example/x`, `info@acme.example`."""
    return (
        re.fullmatch(r"(?:https?://|www\.)\S+|\S+@\S+|[a-z0-9-]+(?:\.[a-z0-9-]+)+/?", text)
        is not None
    )


def is_namelike(text: str) -> bool:
    """Whether a bare text can be a company's name: short, begins like one, is no sentence."""
    words = text.split()
    if (
        not 0 < len(words) <= 7
        or len(text) > 60
        or (text[-1] in ".?!:;…" and not _LEGAL.search(text))
    ):
        return False
    first = text[0]
    return not first.islower() or any(
        character.isupper() or character.isdigit() for character in words[0]
    )


def name_in_file(address: str | None) -> str | None:
    """`/img/partners/acme-tools_logo-white@2x.png` is Acme Tools; numbers are nobody."""
    if not address or address.startswith("data:"):
        return None
    file = unquote(address.split("?")[0].split("#")[0].rsplit("/", 1)[-1])[:200]
    stem = re.sub(r"\.(?:png|jpe?g|svg|gif|webp|avif|bmp)$", "", file, flags=re.I)
    stem = stem.removeprefix("_")
    for _ in range(3):
        stem = _SIZE.sub("", stem)
    words = [word for word in re.split(r"[-_+.\s]+", stem) if word]
    words = [
        word for word in words if word.lower() not in _FILE_WORDS and not re.fullmatch(r"\d+", word)
    ]
    name = " ".join(words)
    if not 2 < len(name) <= 50 or len(words) > 5 or _NO_FILE.fullmatch(name):
        return None
    if not any(character in "aeiouyäöüéè" for character in name.lower()) and len(name) > 5:
        return None  # a hash
    return name if any(map(str.isupper, name)) else " ".join(word.capitalize() for word in words)


def name_in_words(text: str, slug: str) -> str | None:
    """The words of the text that spell the slug: `google-sheets` in `Connect to Google Sheets`."""
    wanted = squash(slug)
    words = text.split()[:40]
    for start in range(len(words)):
        for end in range(start + 1, min(len(words), start + 8) + 1):
            spelt = squash("".join(words[start:end]))
            if spelt == wanted:
                return " ".join(words[start:end]).strip(" ,:;|+–—-&(){}\"'“”") or None
            if len(spelt) > len(wanted):
                break
    return None


def squash(text: str) -> str:
    """Letters and digits alone, letter case apart."""
    return "".join(character for character in text.casefold() if character.isalnum())
