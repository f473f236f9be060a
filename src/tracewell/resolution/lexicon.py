"""Words that names are made of: titles, generations, particles, legal forms, short forms of names.

Data only, ours (CC0), lower case ASCII as `folding` leaves it. Rules that use it: `parsing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


HONORIFICS: Final = _set(
    # Not "don", "sr", "king" and the like, which are names or generations as well.
    """
    dame dr frau herr lady lord madam madame miss mlle mme monsieur mr mrs ms mx prof
    professor sir sra srta signor signora senor senora sheikh shaikh shaykh sheik hajji hajj
    president minister ambassador captain capt colonel col general gen judge justice
    lieutenant lt major maj reverend rev sergeant sgt senator sen ayatollah imam mullah
    mawlawi maulvi mulla esq esquire phd md mba cpa dds jd rn dvm hon honorable
    """
)
GENERATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "jr": "2", "junior": "2", "jnr": "2", "ii": "2", "2nd": "2",
        "sr": "1", "senior": "1", "snr": "1",
        "iii": "3", "3rd": "3", "iv": "4", "4th": "4",
    }
)  # fmt: skip
PARTICLES: Final = _set(
    # Written or left out, joined or apart, without being another name.
    """
    al el ul ur as ad ash at an bin ben ibn bint binti abu abou umm de da do dos das del della
    di du la le les lo van von vom zu zum zur der den ten ter te af av y e i o u of the st san
    santa na d l s
    """
)
PARTICLE_FOLDS: Final[Mapping[str, str]] = MappingProxyType(
    {"el": "al", "ul": "al", "ben": "bin", "ibn": "bin", "abou": "abu", "binti": "bint"}
)
ORGANIZATION_STOPWORDS: Final = _set(
    """
    the of and for in de la le les du des der die das und et y e i para do da dos an a
    """
)

_LEGAL: Final = """
    stock: ag|aktiengesellschaft|sa|spa|nv|plc|ab|asa|as|oyj|se|sae|joint stock company
    stock: jsc|ojsc|oao|pao|zao|ao|cjsc|pjsc|open joint stock company
    stock: closed joint stock company|public joint stock company
    stock: otkrytoe aktsionernoe obshchestvo|sociedad anonima|societe anonyme
    stock: societa per azioni|public limited company|naamloze vennootschap|aktiebolag
    stock: aktieselskab|spolka akcyjna|akciova spolecnost|aksjeselskap|sociedade anonima
    stock: kabushiki kaisha|kk|tbk|berhad|bhd|anonim sirketi
    limited: limited liability company|llc|ltd|limited|gmbh
    limited: gesellschaft mit beschrankter haftung|ooo|mbh|sarl|srl|sl|slu|bv
    limited: besloten vennootschap|doo|sro|kft|zrt|spzoo|sp z oo|zoo|sp zoo
    limited: societa a responsabilita limitata|sociedad de responsabilidad limitada
    limited: sociedad limitada|societe a responsabilite limitee
    limited: societatea cu raspundere limitata|eood|ood|oy|aps|sia|uab
    limited: obshchestvo s ogranichennoy otvetstvennostyu|tov|too|pvt|pte|pty|private
    limited: proprietary|pt|spolka z ograniczona odpowiedzialnoscia|ug
    limited: unternehmergesellschaft|sdn|unlimited|lda|ltda|osakeyhtio
    limited: obshchestvo s ohranychenoy otvetstvennostyu|sas|ehf
    corporation: corp|corporation|inc|incorporated|co|company|cie|compagnie|compania|companhia
    partnership: lp|llp|lllp|kg|ohg|gbr|kgaa|limited partnership|limited liability partnership
    partnership: snc|kommanditgesellschaft|cv|scs|sca
    association: ev|eingetragener verein|asbl|vzw|ong|npo
    bank: na
    variable: sicav|sicaf
"""


def _legal_forms() -> Mapping[tuple[str, ...], str]:
    forms: dict[tuple[str, ...], str] = {}
    for line in _LEGAL.strip().splitlines():
        head, _, spelt = line.strip().partition(": ")
        forms.update(dict.fromkeys((tuple(form.split()) for form in spelt.split("|")), head))
    return MappingProxyType(forms)


LEGAL_FORMS: Final = _legal_forms()
LEGAL_WORDS_MAX: Final = max(map(len, LEGAL_FORMS))

# Words that say what an organisation is in general. Left out of a name they change little.
GENERIC_WORDS: Final = frozenset(
    ["group", "holding", "holdings", "international", "global", "worldwide"]
)

PLACES: Final = _set(
    # A subsidiary carries the name of its country: its absence is a doubt, not a contradiction.
    """
    africa america american asia asian australia austria belgium brasil brazil canada chile
    china colombia denmark deutschland egypt england espana europa europe european finland
    france germany greece hungary india indonesia ireland israel italia italy japan kenya
    korea luxembourg malaysia mexico netherlands nigeria norway pakistan peru philippines
    poland polska portugal romania russia schweiz scotland singapore spain suisse svizzera
    sweden switzerland taiwan thailand turkey uk ukraine us usa vietnam uae dubai london paris
    berlin tokyo
    """
)

_NUMBERS: Final = """
    0 zero|1 one first|2 two second|3 three third|4 four fourth|5 five fifth|6 six sixth
    7 seven seventh|8 eight eighth|9 nine ninth|10 ten tenth|11 eleven|12 twelve|13 thirteen
    14 fourteen|15 fifteen|16 sixteen|17 seventeen|18 eighteen|19 nineteen|20 twenty|30 thirty
    40 forty|50 fifty|60 sixty|70 seventy|80 eighty|90 ninety
"""
NUMBER_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        word: line.split()[0]
        for line in _NUMBERS.strip().replace("\n", "|").split("|")
        for word in line.split()[1:]
    }
)
ROMAN_NUMERALS: Final = _set(
    """
    i ii iii iv v vi vii viii ix x xi xii xiii xiv xv xvi xvii xviii xix xx
    """
)
WORD_FOLDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "intl": "international", "int": "international", "natl": "national", "assn": "association",
        "assoc": "association", "bros": "brothers", "dept": "department", "mfg": "manufacturing",
        "mgmt": "management", "svc": "service", "svcs": "services", "tech": "technology",
        "univ": "university", "centre": "center", "labour": "labor", "grp": "group",
        "hldgs": "holdings", "sys": "systems", "inds": "industries", "organisation": "organization",
        "bnk": "bank", "eng": "engineering", "engg": "engineering", "ind": "industries",
        "programme": "program", "defence": "defense", "usa": "us",
    }
)  # fmt: skip

LONG_FORMS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"us": ("united", "states"), "uk": ("united", "kingdom"), "un": ("united", "nations")}
)
