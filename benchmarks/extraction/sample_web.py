"""How extraction does on the sample web, against the truth beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from examples.web.render import Renderer
from examples.web.site import HERE, load_web

from benchmarks.extraction.labelled import AT, Tally
from tracewell.extraction import Extraction, PartnerMention, extract
from tracewell.values import Capture


def iter_sites() -> Iterator[tuple[str, dict[str, Any], list[Extraction]]]:
    """Each company's domain, its truth, and what its pages say."""
    web = load_web()
    truth = json.loads((HERE / "truth.json").read_text(encoding="utf-8"))["companies"]
    renderer = Renderer(web)
    for domain, company in web.companies.items():
        found = []
        for path, resource in renderer.render_site(company).items():
            capture = Capture(
                f"https://{company.host}{path}",
                resource.status,
                resource.headers,
                resource.body,
                AT,
            )
            if resource.status == 200:
                found.append(extract(capture))
        yield domain, truth[domain], found


def score_partners() -> tuple[Tally, Tally]:
    """Partners of the whole web; one found on several pages counts once. And their types."""
    tally, types = Tally(), Tally()
    for domain, truth, found in iter_sites():
        wanted = {_key(one["name"]): one for one in truth["partners"]}
        domains = {one["domain"]: key for key, one in wanted.items() if one["domain"]}
        given: dict[str, PartnerMention] = {}
        for extraction in found:
            for mention in extraction.partners:
                key = _key(mention.name)
                key = key if key in wanted else domains.get(mention.domain, key)
                given.setdefault(key, mention)
        tally.right += len(given.keys() & wanted.keys())
        tally.wrong += len(given.keys() - wanted.keys())
        tally.missed += len(wanted.keys() - given.keys())
        tally.errors += [f"{domain}: + {given[key].name}" for key in given.keys() - wanted.keys()]
        tally.errors += [f"{domain}: - {key}" for key in wanted.keys() - given.keys()]
        for key in given.keys() & wanted.keys():
            is_right = given[key].partnership_type == wanted[key]["type"]
            types.right += is_right
            types.wrong += not is_right
    return tally, types


def score_postings() -> Tally:
    """Postings of the whole web, by title."""
    tally = Tally()
    for domain, truth, found in iter_sites():
        wanted = {one["title"] for one in truth["postings"]}
        given = {posting.title for one in found for posting in one.postings}
        tally.right += len(given & wanted)
        tally.wrong += len(given - wanted)
        tally.missed += len(wanted - given)
        tally.errors += [f"{domain}: + {title}" for title in given - wanted]
        tally.errors += [f"{domain}: - {title}" for title in wanted - given]
    return tally


def _key(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
