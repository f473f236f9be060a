"""What the law has a company say on its site: legal name, address, register and tax numbers.

Reads imprint, legal and contact pages (German Impressum, French mentions légales, UK company
details, ...) line by line, the first company alone: hosts and web designers follow it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import unquote

import turbohtml

from tracewell.extraction.model import Field
from tracewell.extraction.organization import find_phone
from tracewell.extraction.page import Page

TEXT_CHARS_MAX = 60_000
LINES_MAX = 400
LINE_CHARS_MAX = 600

_PATH = re.compile(
    r"impressum|imprint|mentions?-?_?l[eé]gales?|aviso-?legal|legal|note-legali|colofon|"
    r"disclosure|kontakt|contact|"
    r"terms|about|anbieterkennzeichnung|company|ueber-uns|tokusho|cgv|agb|privacy",
    re.IGNORECASE,
)
_STRICT = re.compile(
    r"impressum|imprint|mentions?-?_?l[eé]gales?|aviso-?legal|legal|anbieter", re.I
)
_OTHERS = re.compile(
    r"^(?:\W*)(?:h[ée]berge|hosting|hosted|webdesign|design|gestaltung|umsetzung|konzept|"
    r"realisi|réalisation|conception|"
    r"bildnachweis|fotos?\b|photos?\b|haftung|disclaimer|streit|online-streit|verbraucher|"
    r"aufsichtsbeh|zuständige|"
    r"datenschutzbeauftragt|crédits|alojamiento|technische)",
    re.IGNORECASE,
)
_FORM = (
    r"GmbH(?: & Co\.? (?:KGa?A?|OHG))?|gGmbH|GesmbH|Ges\.m\.b\.H\.|AG(?: & Co\.? KG)?|SE|"
    r"UG(?: \(haftungsbeschränkt\))?|KG|KGaA|OHG|e\.K\.|eG|"
    r"Limited|Ltd\.?|PLC|plc|LLP|LLC|L\.L\.C\.|Inc\.?|Incorporated|Corp\.?|Corporation|"
    r"Pty\.? Ltd\.?|Pvt\.? Ltd\.?|"
    r"SASU?|S\.A\.S\.|SARL|S\.à r\.l\.|EURL|S\.A\.|SA|SNC|SCOP|S\.L\.U?\.?|SL|S\.p\.A\.|"
    r"S\.r\.l\.|SRL|B\.V\.|BV|N\.V\.|NV|VOF|"
    r"AB|ApS|A/S|AS|ASA|Oy|Oyj|sp\. z o\.o\.|s\.r\.o\.|a\.s\.|Kft\.?|Lda\.?|Ltda\.?|K\.K\.|"
    r"Co\., Ltd\."
)
_NAME = (
    r"(?:[A-ZÀ-ÞŁŚŽ0-9][^\s,;:|]*|&|und|and|et|de|der|des|du|y|e)(?:[ ](?:[A-ZÀ-ÞŁŚŽ0-9&(+][^\s,"
    r";:|]*|und|and|et|de|der|des|du|la|le|les|y|von|[a-z]{2,12}(?=[ ][A-Z]))){0,6}"
)
_LEGAL_NAME = re.compile(rf"(?<![\w.])(?P<name>{_NAME}[ ,]{{1,2}}(?:{_FORM}))(?=$|[\s,;.()–|])")
_LEGAL_FIRST = re.compile(
    r"(?<!\w)(?P<name>(?:SARL|SAS|SA|EURL|PT|CV|OOO|TOV)[ ][A-ZÀ-Þ][^\s,;:|]*(?:[ "
    r"][A-ZÀ-Þ&][^\s,;:|]*){0,4})"
)
_JAPANESE = re.compile(
    r"(?P<name>(?:株式会社|合同会社|有限会社)\s?[^\s、。（）:：|]{1,30}|[^\s、。（）:：|]{1,30}(?:株式会社|合同会社|有限会社))"
)
_LEAD = re.compile(
    r"^(?:this (?:web)?site is (?:operated|owned|run|published) by|.*(?:édité|publié|edité) "
    r"par(?: la société)?\s*:?|firma|"
    r"unternehmen|anbieter|company(?: name)?|legal name|raison sociale|denominación(?: "
    r"social)?|titular|razón social|inhaber|operated by|"
    r"copyright|©|\d{4})[\s:–-]+",
    re.IGNORECASE,
)

# Liability insurers, banks and chambers stand on imprints with their legal form, too.
_INSURER = re.compile(r"versicherung|insurance|assurance|\bbank\b|\biban\b|kammer\b", re.IGNORECASE)
_COURT = re.compile(
    r"(?P<court>(?:Amtsgericht|Landesgericht|"
    r"Handelsgericht)\s+[A-ZÄÖÜ][\wäöüß.-]+(?:\s+(?:am|an der|im)\s+[A-ZÄÖÜ][\wäöüß]+|[ "
    r"]\([\w ]+\))?)"
)
_HR = re.compile(
    r"\b(?P<kind>HR\s?[AB]|VR|GnR|PR)\b[\s:.-]*(?:Nr\.?|Nummer)?\s*(?P<number>\d[\d ]{0,"
    r"8}\d|\d)(?P<tail>\s?[A-Z]{1,2}\b)?"
)
_NUMBERS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("VAT", re.compile(
        r"(?:USt\.?-?\s?-?Id|Umsatzsteuer-?\s?(?:Identifikations|ID)|UID|VAT|TVA|BTW|IVA|"
        r"MwSt|MOMS|ALV|VAT-?ID|NIP|TIN|P\. ?IVA)[^\dA-Z]{0,4}[^\n:]{0,60}?[\s:.]*"
        r"(?<![A-Za-z])(?P<number>(?:AT ?U|BE|BG|CY|CZ|DE|DK|EE|EL|ES ?[A-Z]?|FI|FR|GB|HR|"
        r"HU|IE|IT|LT|LU|LV|MT|NL|NO|PL|PT|RO|SE|SI|SK|XI)[ -]?[0-9](?:[0-9A-Z]|[ "
        r".](?=[0-9B])){6,16}|CHE[- ]?\d{3}\.?\d{3}\.?\d{3})")),
    ("SIRET", re.compile(r"SIRET\D{0,20}(?P<number>\d(?:[ .\u00a0]?\d){13})(?!\d)", re.I)),
    ("SIREN", re.compile(
        r"(?:SIREN|RCS(?:\s+de)?\s+[A-ZÀ-Þ][\w-]+(?:\s+[AB])?|R\.C\.S\.\s+\w+(?:\s+[AB])?)\D{0,"
        r"20}?(?P<number>\d{3}[ .\u00a0]?\d{3}[ .\u00a0]?\d{3})(?!\s?\d)")),
    ("FN", re.compile(r"\b(?P<number>FN\s?\d{4,6}\s?[a-z])\b")),
    ("Companies House", re.compile(
        r"(?:company (?:registration )?(?:number|no\.?|reg(?:istration)?\.?(?: no\.?)?)|"
        r"registered (?:in|as)[^.\n]{0,80}?(?:number|no\.?)|registration (?:number|no\.?)|"
        r"companies house)"
        r"[\s:.#]*(?:is\s)?(?P<number>(?:SC|NI|OC|SO|NC|LP|R)?\d{6,8})\b", re.I)),
    ("KvK", re.compile(
        r"K\.?v\.?K\.?(?:-?\s?(?:nummer|nr\.?|number))?[\s:.]*(?P<number>\d{8})\b", re.I)),
    ("CVR", re.compile(
        r"CVR(?:-?\s?(?:nummer|nr\.?|no\.?))?[\s:.]*(?:DK)?(?P<number>\d{8})\b", re.I)),
    ("CIF", re.compile(
        r"(?:C\.?I\.?F|N\.?I\.?F)\.?[\s:.]*(?P<number>[A-HJNPQRSUVW]-?\d{7}-?[0-9A-J])\b")),
    ("UID", re.compile(r"\b(?P<number>CHE-\d{3}\.\d{3}\.\d{3})\b")),
    ("KRS", re.compile(r"\bKRS[\s:.nr]*(?P<number>\d{10})\b", re.I)),
    ("ABN", re.compile(r"\bABN[\s:.]*(?P<number>\d{2} ?\d{3} ?\d{3} ?\d{3})\b")),
    ("KBO", re.compile(r"\b(?:KBO|BCE)[\s:.nr]*(?P<number>\d{4}\.\d{3}\.\d{3})\b", re.I)),
)  # fmt: skip
_PLACE = (
    r"[A-ZÀ-ÞŁŚŽ][\wÀ-ž.'’-]+(?:(?:[ ]|/)(?:[A-ZÀ-Þ(][\wÀ-ž.'’)-]*|am|an|der|im|bei|sur|de|la|"
    r"les|en|ob|CEDEX|\d{1,2}(?!\d))){0,4}"
)
_CITIES: tuple[tuple[re.Pattern[str], str | None], ...] = (
    (re.compile(r"(?<![\w])(?P<code>[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})\b(?P<city>)"), "GB"),
    (
        re.compile(rf"(?<![\w-])(?:NL[- ])?(?P<code>\d{{4}} ?[A-Z]{{2}})[ ,]+(?P<city>{_PLACE})"),
        "NL",
    ),
    (re.compile(rf"(?<![\w-])D[- ](?P<code>\d{{5}}) (?P<city>{_PLACE})"), "DE"),
    (re.compile(rf"(?<![\w-])A[- ](?P<code>\d{{4}}) (?P<city>{_PLACE})"), "AT"),
    (re.compile(rf"(?<![\w-])CH[- ](?P<code>\d{{4}}) (?P<city>{_PLACE})"), "CH"),
    (re.compile(rf"(?<![\w-])F[- ](?P<code>\d{{5}}) (?P<city>{_PLACE})"), "FR"),
    (re.compile(rf"(?<![\w-])(?P<code>\d{{5}}) (?P<city>{_PLACE})"), None),
    (re.compile(rf"(?<![\w-])(?P<code>\d{{4}}) (?P<city>{_PLACE})"), None),
)
_STREET = re.compile(r"^(?=.*\d)[\wÀ-ž.'’ß/ ,&-]{4,80}$")
_ADDRESS_LEAD = re.compile(
    r"^.*?(?:registered office(?: is)?(?: at)?|siège(?: social)?|adresse|address|anschrift|"
    r"domicilio(?: social)?|sitz|postanschrift|headquarters)\s*[:–-]?\s*(?:is\s)?(?:at\s)?",
    re.IGNORECASE,
)
_PHONE = re.compile(
    r"(?:\b(?:tel(?:efon|éfono|ephone|\.)?|t[ée]l(?:[ée]phone)?\.?|phone|fon|call us|"
    r"puhelin|telefono|電話(?:番号)?)|☎|^t)\s*(?:\.|nr\.?|number)?\s*[:.]?\s*(?P<number>(?:\+|"
    r"\(|0)[\d\s()/.–-]{5,24}\d)",
    re.IGNORECASE,
)


def iter_imprint(page: Page) -> Iterator[tuple[Field, str]]:
    """What an imprint, legal or contact page says of its company, checked and normalised."""
    path = unquote(page.parts.path[:500])
    is_strict = _STRICT.search(path) is not None
    if not is_strict and _PATH.search(path) is None:
        is_strict = _is_headed(page)
        if not is_strict:
            return
    lines = _lines(page.document)
    own = _own_part(lines)
    text = "\n".join(own)
    name = _legal_name(own)
    has_numbers = False
    for kind, value in _iter_numbers(text):
        has_numbers = True
        yield "registry_identifier", json.dumps({"kind": kind, "value": value}, ensure_ascii=False)
    # A contact page names a company's customers as well: it is believed with a number or a name.
    if name is not None and (is_strict or has_numbers or _is_spelt(name, page.host)):
        yield "legal_name", name
    if not (is_strict or has_numbers or name is not None):
        return
    address = _address(own, text)
    if address is not None:
        yield "headquarters", json.dumps(address, ensure_ascii=False)
    phone = _PHONE.search(text)
    number = find_phone(" ".join(phone["number"].split())) if phone is not None else None
    if number is not None:
        yield "phone", number


def _is_headed(page: Page) -> bool:
    told = (page.title, *page.headings[:5])
    return any(
        re.match(r"(?:impressum|imprint|mentions légales|aviso legal)\b", one, re.I) for one in told
    )


def _is_spelt(name: str, host: str) -> bool:
    label = re.sub(r"[^a-z0-9]", "", host.split(".")[0])
    return len(label) > 2 and label[:5] in re.sub(r"[^a-z0-9]", "", name.lower())


def _lines(document: turbohtml.Document) -> list[str]:
    body = document.find("main") or document.find("body")
    if body is None:
        return []
    lines = (" ".join(line.split()) for line in body.to_text()[:TEXT_CHARS_MAX].split("\n"))
    return [line[:LINE_CHARS_MAX] for line in lines if line][:LINES_MAX]


def _own_part(lines: list[str]) -> list[str]:
    """The lines before the host, the designer, the disclaimer."""
    for number, line in enumerate(lines):
        if number > 2 and _OTHERS.match(line):
            return lines[:number]
    return lines


def _legal_name(lines: list[str]) -> str | None:
    for line in lines[:60]:
        if _INSURER.search(line):
            continue
        bare = _LEAD.sub("", line)
        for pattern in (_LEGAL_FIRST, _LEGAL_NAME, _JAPANESE):
            found = pattern.search(bare)
            if found is not None:
                name = found["name"].strip(" ,")
                if 4 <= len(name) <= 100:
                    return name
    return None


def _iter_numbers(text: str) -> Iterator[tuple[str, str]]:
    found = _HR.search(text)
    if found is not None:
        court = _COURT.search(text)
        kind = found["kind"].replace(" ", "")
        number = f"{kind} {' '.join(found['number'].split())}{(found['tail'] or '').rstrip()}"
        yield kind, f"{court['court']} {number}" if court is not None else number
    kinds: set[str] = set()
    for kind, pattern in _NUMBERS:
        match = pattern.search(text)
        if match is None or (kind == "SIREN" and "SIRET" in kinds):
            continue
        kinds.add(kind)
        value = match["number"]
        if kind in ("VAT", "SIREN", "SIRET"):
            value = re.sub(r"[^A-Z0-9]", "", value) if not value.startswith("CHE") else value
        yield kind, " ".join(value.split())


def _address(lines: list[str], text: str) -> dict[str, str] | None:
    """The first postal code with its place, and the street before it."""
    country = _country(text)
    for number, line in enumerate(lines):
        for pattern, told in _CITIES:
            if told == "GB" and country not in (None, "GB"):
                continue
            if told is None and country in ("GB", "NL"):
                continue
            match = pattern.search(line)
            if match is None:
                continue
            before = _ADDRESS_LEAD.sub("", line[: match.start()]).strip(" ,;|·•–-")
            above = lines[number - 1] if number else ""
            address = _compose(match, before, above, told or country)
            if address is not None:
                return address
    return None


def _compose(
    match: re.Match[str], before: str, above: str, country: str | None
) -> dict[str, str] | None:
    city = match["city"].strip(" .,-")
    if country == "GB":
        parts = [part.strip() for part in (before or above).split(",") if part.strip()]
        if len(parts) < 2:
            return None
        street, city = ", ".join(parts[:-1]), parts[-1]
    else:
        street = before or _ADDRESS_LEAD.sub("", above).strip(" ,")
        if country is None and not (street and re.search(r"\d", street)):
            return None
    address = {"street": street} if street and _STREET.match(street) else {}
    if not address and country is None:
        return None
    address |= {"postal_code": match["code"], "locality": city}
    return address | ({"country": country} if country else {})


def _country(text: str) -> str | None:
    """The country that the page's words and numbers are of."""
    signs = (
        ("AT", r"\bATU|Firmenbuch|\bFN \d|Österreich|\bA-\d{4}\b"),
        ("CH", r"\bCHE-|Schweiz\b|\bCH-\d{4}\b"),
        ("DE", r"Amtsgericht|\bDE ?\d{9}|Deutschland|\bD-\d{5}|USt-?Id|§ 5 (?:DDG|TMG)|\+49"),
        ("FR", r"SIRE[NT]|\bRCS\b|\bFR ?\d{2} ?\d{3}|\bFrance\b|\+33"),
        ("GB", r"England|Wales\b|Scotland|\bGB ?\d{3}|United Kingdom|\+44"),
        ("NL", r"\bKvK|\bNL\d{9}B|\bNederland|\+31"),
        ("ES", r"\bC\.?I\.?F\.?\b|España|\+34"), ("IT", r"P\. ?IVA|\bItalia\b|\+39"),
        ("BE", r"\bBE ?0|Belgi|\+32"), ("DK", r"\bCVR\b|Danmark|\+45"),
        ("PL", r"\bKRS\b|Polska|\+48"), ("SE", r"Sverige|\+46"),
        ("NO", r"Norge|\+47"), ("FI", r"Suomi|\+358"),
    )  # fmt: skip
    return next((code for code, sign in signs if re.search(sign, text)), None)
