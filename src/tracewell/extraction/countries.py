"""Countries as pages write them, told as ISO 3166-1 alpha-2; names from the CLDR data that
phonenumbers carries (docs/decisions/0074-extraction.md)."""

from __future__ import annotations

import functools
from collections.abc import Mapping

_LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt", "pl", "sv", "da", "nb", "fi", "cs", "ja")
# What people write that is no name of CLDR, and the three-letter codes seen most.
_OTHERS = {
    "usa": "US", "u.s.a.": "US", "u.s.": "US", "united states of america": "US", "uk": "GB",
    "great britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB", "gbr": "GB",
    "deu": "DE", "fra": "FR", "ita": "IT", "esp": "ES", "nld": "NL", "the netherlands": "NL",
    "holland": "NL", "che": "CH", "aut": "AT", "can": "CA", "aus": "AU", "jpn": "JP", "ind": "IN",
    "bra": "BR", "swe": "SE", "dnk": "DK", "pol": "PL", "irl": "IE", "czech republic": "CZ",
}  # fmt: skip


def find_country(text: str) -> str | None:
    """The code of a country's code or name in one of the common languages, or None."""
    wanted = " ".join(text.casefold().split())
    codes = _names()
    if len(wanted) == 2 and wanted.upper() in codes.values():
        return wanted.upper()
    return codes.get(wanted)


@functools.cache
def _names() -> Mapping[str, str]:
    # Imported on first use: the table takes a quarter of a second to load.
    from phonenumbers.geodata.locale import LOCALE_DATA

    names: dict[str, str] = {}
    for code, by_language in LOCALE_DATA.items():
        for language in _LANGUAGES:
            name = by_language.get(language)
            if name is not None and name.startswith("*"):  # the same as in another language
                name = by_language.get(name[1:])
            if name:
                names.setdefault(name.casefold(), code)
    return names | _OTHERS
