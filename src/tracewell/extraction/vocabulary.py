"""The words of partner pages in several languages: addresses and headings, and what is none.

Addresses are judged word by word, so that an article about partners is no partner page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from tracewell.extraction.model import PartnershipType, SourceKind

SEGMENTS_MAX = 12

_MARKET = {
    "marketplace", "marketplaces", "marktplatz", "appstore", "apps", "addons", "add", "ons",
    "plugins", "extensions", "appexchange", "exchange", "erweiterungen", "mercado",
}  # fmt: skip
_INTEGRATION = {
    "integration", "integrations", "integrationen", "intégrations", "integraciones",
    "connectors", "connector", "schnittstellen", "integracoes", "integrazioni",
    "koppelingen", "connecteurs",
}  # fmt: skip
_CHANNEL = {
    "reseller", "resellers", "dealer", "dealers", "distributor", "distributors",
    "distribuidores", "revendeurs", "distributeurs", "haendler", "händler", "fachhaendler",
    "fachhändler", "vertriebspartner", "haendlersuche", "händlersuche", "channel",
    "agencies", "agency", "consultants", "installers", "integrators", "integrateurs",
    "intégrateurs", "affiliates", "locator", "finder", "find", "stockists", "systemhaeuser",
    "bezugsquellen", "partnerfinder", "implementation", "consulting", "handelspartner",
    "agents", "wiederverkaeufer",
}  # fmt: skip
_PARTNER = {
    "partner", "partners", "partenaire", "partenaires", "partenariats", "partenariat",
    "socios", "alliances", "alliance", "ecosystem", "ecosysteme", "écosystème",
    "ecosistema", "partnerships", "partnership", "partnerunternehmen",
    "kooperationspartner", "kooperationen", "parceiros", "aliados", "partneri", "partnerzy",
    "パートナー", "partnernetzwerk", "netzwerk", "colaboradores",
}  # fmt: skip
_TECHNOLOGY = {
    "technology", "tech", "technologie", "isv", "tecnologicos", "technologiques", "software",
    "technologiepartner", "tecnologia",
}  # fmt: skip
_BESIDE = {
    "our", "all", "a", "an", "the", "and", "und", "et", "y", "de", "unsere", "unser", "nos",
    "notre", "nuestros", "list", "liste", "directory", "page", "overview", "solution",
    "solutions", "service", "services", "global", "strategic", "premium", "certified",
    "authorised", "authorized", "verzeichnis", "network", "app", "store", "uebersicht",
    "search", "oficiales", "catalog", "catalogue", "gallery", "meet", "featured", "browse",
    "by", "sales", "delivery", "referral",
}  # fmt: skip
_ARTICLES = {
    "blog", "news", "press", "presse", "article", "articles", "docs", "doc", "help",
    "support", "kb", "wiki", "magazine", "stories", "story", "legal", "jobs", "careers",
    "events", "event", "aktuelles", "documentation", "learn", "podcast", "newsroom",
    "forum", "community", "actualites", "noticias", "developers", "changelog", "releases",
    "status", "privacy", "media", "login", "faq", "terms",
}  # fmt: skip
# The last step of an address below a list that leads to no single partner.
_NO_SLUG = _ARTICLES | _BESIDE | {
    "category", "categories", "kategorie", "tag", "tags", "type", "apply", "become",
    "program", "programme", "programm", "register", "signup", "join", "contact", "kontakt",
    "benefits", "portal", "new", "popular", "search", "collections", "collection", "region",
    "regions", "country", "request", "submit", "build", "api", "index", "categorie",
    "industries", "industry", "resources", "training", "opportunities", "apply-now",
    "request-an-integration", "about", "us", "with", "werden", "devenir",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listing:
    """What an address says: a list of partners (`slug` None), or the one of its last step."""

    source_kind: SourceKind
    partnership_type: PartnershipType
    slug: str | None


def find_listing(host: str, path: str) -> Listing | None:
    """What the address of a page or a link says of partners; None where it says nothing."""
    if len(path) > 1_000:
        return None
    steps = [_words(step) for step in unquote(path).lower().split("/") if step][:SEGMENTS_MAX]
    if any((words and set(words) <= _ARTICLES) or _is_year(words) for words in steps):
        return None
    label = _words(host.split(".")[0]) if host.count(".") > 1 else []
    kinds = [kind for words in (label, *steps) if (kind := _kind_of(words)) is not None]
    if not kinds:
        return None
    part = _part_of(steps[-1]) if steps and _kind_of(steps[-1]) is None else None
    if part is not None:  # `/partners/technology`, `/partners/find`, `/partners/directory`
        return Listing(kinds[0][0], part if part != "generic" else kinds[-1][1], None)
    source_kind = kinds[0][0]
    typed = [kind[1] for kind in kinds if kind[1] != "generic"]
    slug = None
    last = steps[-1] if steps else []
    if last and _kind_of(last) is None and _may_be_slug(last, list(steps[:-1])):
        slug = "-".join(last)
    elif last and _kind_of(last) is None:
        slug = ""
    if slug == "":
        return None
    return Listing(source_kind, typed[-1] if typed else "generic", slug)


def _words(step: str) -> list[str]:
    bare = re.sub(r"\.(?:html?|php|aspx?|jsp)$", "", step)
    return [word for word in re.split(r"[-_.+\s]+", bare) if word]


def _is_year(words: list[str]) -> bool:
    return len(words) == 1 and re.fullmatch(r"(?:19|20)\d\d", words[0]) is not None


def _may_be_slug(words: list[str], before: list[list[str]]) -> bool:
    if set(words) & {"become", "apply", "login", "program", "programme", "programm", "request"}:
        return False
    if any(step and step[0] in ("category", "categories", "tag", "kategorie") for step in before):
        return False
    below_list = any(_kind_of(step) is not None for step in before)
    return "-".join(words) not in _NO_SLUG and not set(words) <= _NO_SLUG and below_list


def _part_of(words: list[str]) -> PartnershipType | None:
    """The kind of partners in a part of a list: `technology`, `find`."""
    given = set(words)
    if not given or not given <= _CHANNEL | _TECHNOLOGY | _BESIDE:
        return None
    if given & _CHANNEL:
        return "channel"
    return "technology" if given & _TECHNOLOGY else "generic"


def _kind_of(words: list[str]) -> tuple[SourceKind, PartnershipType] | None:
    given = set(words)
    known = _MARKET | _INTEGRATION | _CHANNEL | _PARTNER | _TECHNOLOGY
    if not given or not given <= known | _BESIDE or not given & known:
        return None
    if given & _PARTNER:
        if given & _CHANNEL:
            return "partner_page", "channel"
        technical = given & (_TECHNOLOGY | _INTEGRATION)
        kind: PartnershipType = "technology" if technical else "generic"
        if given & {
            "solution",
            "service",
            "solutions",
            "services",
            "sales",
            "delivery",
            "referral",
        }:
            kind = "channel"
        return "partner_page", kind
    if given & (_MARKET - {"add", "ons"}) or {"add", "ons"} <= given:
        return "marketplace", "technology"
    if given & _INTEGRATION:
        return "integration_page", "technology"
    if given & (_CHANNEL - {"find", "finder", "implementation", "consulting", "channel"}):
        return "partner_page", "channel"
    if given & {"technologiepartner"}:
        return "partner_page", "technology"
    return None


_DECOY = re.compile(
    r"\b(?:customers?|clients?|clientes|kunden(?!dienst)|users?|trusted by|loved by|used by|"
    r"chosen by)\b|vertrauen|"
    r"font confiance|confían|導入|お客様|取引実績|(?:seen|featured|appeared|mentioned) (?:in|on)\b|"
    r"\bpress\b|\bpresse|"
    r"prensa|in the (?:news|media)|medien|bekannt aus|メディア|掲載|ils parlent|awards?\b|"
    r"auszeichnung|certifi|zertifi|認証|"
    r"\bpay(?:ment)?s?\b|we accept|zahlung|paiement|pago|支払|invest|backed by|testimonial|"
    r"\bstor(?:y|ies)\b|case stud|"
    r"referen[zc]|références|\bblog\b|\bnews\b|aktuelles|actualit|noticias|\bteam\b|equipo|"
    r"équipe|download|becom(?:e|ing) |"
    r"\bjoin\b|partner with|\bwhy\b|warum|pourquoi|por qué|benefit|vorteil|avantage|ventaja|"
    r"\bfaq|question|\bfragen?\b|"
    r"\bapply\b|bewerb|devenir|werden\b|hazte|hear from|program|programa|how it works|"
    r"\bcontact|kontakt|pricing|newsletter|"
    r"follow us|folgen sie|\bsocial|shipping|versand|liefer|host(?:ing|ed)|hébergement|"
    r"posts?\b|sponsor|advert|anzeige|"
    r"partner content|media partner|medienpartner|can['’]t find|request|resources|login|"
    r"portal|what is|was ist|need help|"
    r"\btiers?\b|support|develop(?:er)?s?\b|build (?:your|an?)|お問い合わせ|募集|になる|よくある|"
    r"testimon|member|charit|foundation",
    re.IGNORECASE,
)  # fmt: skip
_TECHNICAL = re.compile(
    r"(?:technolog\w*|tech|software|integration|isv|cloud|platform|data|tooling)[- ]?(?:und "
    r"[\w-]+ ?)?partner|technologiepartner|"
    r"integrationspartner|partenaires? (?:technolog|logiciel)\w*|socios? tecnol|技術パートナー|"
    r"連携(?:サービス|アプリ|先|ツール|製品)|"
    r"independent software|integrates? (?:\w+ )?with|works? (?:great |well |seamlessly "
    r")?with|plays? (?:nice|well) with|connects? (?:\w+ ){0,2}(?:to|with)|"
    r"\bintegrations?\b|integrationen|intégrations|integraciones|\bconnectors\b|"
    r"schnittstellen|^apps?$|app (?:directory|marketplace)|similar apps|related apps",
    re.IGNORECASE,
)  # fmt: skip
_CHANNELS = re.compile(
    r"resell|distribut|\bdealers?\b|channel partner|vertriebspartner|händler|systemh[aä]us|"
    r"(?:implementation|solutions?|services?|"
    r"consulting|agency|sales|referral|delivery|local|certified consulting)[- ]partner|"
    r"implementierungspartner|servicepartner|"
    r"system integrat|\bintegrators?\b|intégrateur|revendeur|distribuidor|consultor|"
    r"\bconsultants\b|consultants? partner|handelspartner|"
    r"\bagencies\b|affiliates|販売|代理店|取扱店|installers|stockists|where to buy|find an? (?:\w+ "
    r")?(?:partner|agency)|partner finden|trouver un",
    re.IGNORECASE,
)  # fmt: skip
_GENERIC = re.compile(
    r"partner(?:s|n|unternehmen|ships?|schaften|netzwerk)?\b|partenaires?\b|partenariats|"
    r"\bsocios\b|alliances?\b|"
    r"kooperationspartner|kooperationen|パートナー|提携|協力会社|協業|\becosystem\b|parceiros|aliados|"
    r"collaborat(?:ors|ions)",
    re.IGNORECASE,
)
_PLURAL = re.compile(
    r"(?:(?:our|unsere|nos|nuestros|weitere|all|some of our|strategic|strategische|"
    r"technology|integration|channel|sales|solution|official|"
    r"gold|silver|platinum|key|featured|trusted|premium|proud|current|starke)\s+){0,2}(?:\w+[ -])?"
    r"(?:partners|partnerships?|partenaires|partenariats|socios|alliances|"
    r"technologiepartner|kooperationspartner|vertriebspartner|resellers|distributors|"
    r"integrations|händler|distribuidores|integrationen|revendeurs|パートナー企業|パートナー一覧)\s*:?"
    r"|(?:unsere|weitere|starke)\s+(?:\w+\s)?partner\s*:?|(?:integrates|works) with.{0,30}",
    re.IGNORECASE,
)  # fmt: skip
_DECOY_START = re.compile(
    r"(?:medienpartner|media partner|sponsor|hauptsponsor|"
    r"trusted by|loved by|used by|chosen by|as (?:seen|featured)|featured (?:in|on)|"
    r"bekannt aus|our (?:customers|clients)|unsere kunden|"
    r"nos clients|nuestros clientes|we accept|referenzen|références|referencias|ils nous|"
    r"confían|customers|clients|kunden|press|presse|"
    r"zahlungsarten|payment|backed by|awards|in the (?:press|media|news)|certif|zertifi|get "
    r"the app|follow|our investors|media partners)",
    re.IGNORECASE,
)  # fmt: skip
Verdict = PartnershipType | None


@dataclass(frozen=True, slots=True)
class Heading:
    """What a heading says: whom it heads (`kind` None: something else than partners)."""

    kind: Verdict
    is_integration: bool = False


def judge_heading(text: str) -> Heading | None:
    """What stands under a heading: partners of a kind or surely none; None: it does not say."""
    if not text or len(text) > 100:
        return None
    if _CHANNELS.search(text) and not re.search(
        r"becom|werden|devenir|program|why|join", text, re.I
    ):
        return Heading("channel")
    if _DECOY.search(text):
        return Heading(None)
    if _TECHNICAL.search(text):
        return Heading("technology", is_integration=_GENERIC.search(text) is None)
    return Heading("generic") if _GENERIC.search(text) else None


def judge_line(text: str) -> Heading | None:
    """The same of a line that is no heading element: only what can be nothing else counts."""
    if not 3 < len(text) <= 60:
        return None
    if _DECOY_START.match(text):
        return Heading(None)
    return judge_heading(text) if _PLURAL.fullmatch(text) else None


def judge_section(text: str) -> Heading | None:
    """The same of a heading on a page whose address says nothing of partners: partners are believed
    only where the heading is about nothing else."""
    heading = judge_heading(text)
    return heading if heading is None or heading.kind is None or _is_plural(text) else None


def heads_partners(text: str) -> bool:
    """Whether `judge_section` says partners; quick on the many headings that say none."""
    if not _is_plural(text):
        return False
    heading = judge_section(text)
    return heading is not None and heading.kind is not None


def _is_plural(text: str) -> bool:
    return len(text) <= 60 and _PLURAL.fullmatch(text.strip()) is not None


def is_article(path: str) -> bool:
    """Whether the address is that of an article: who is named there is talked about."""
    steps = [_words(step) for step in unquote(path[:1_000]).lower().split("/") if step]
    return any((words and set(words) <= _ARTICLES) or _is_year(words) for words in steps)


def type_in(text: str) -> PartnershipType | None:
    """The kind of partner that a short text names, or None."""
    if _CHANNELS.search(text):
        return "channel"
    return "technology" if _TECHNICAL.search(text) else None
