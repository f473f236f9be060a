"""What a perfect reader would find in the sample web, as `truth.json` beside the YAML files.

Run as a script it writes that file; `--check` only says whether it is in step.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a script: let the repository's root be the path's start
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from examples.web.model import Company, Web
from examples.web.render import partner_name, posting_views
from examples.web.site import HERE, SampleWebError, load_web

TRUTH = HERE / "truth.json"


def truth_text(web: Web) -> str:
    """The content of `truth.json`."""
    companies = {domain: _company(web, company) for domain, company in web.companies.items()}
    return json.dumps({"companies": companies}, ensure_ascii=False, indent=1) + "\n"


def _company(web: Web, company: Company) -> dict[str, Any]:
    return {
        "host": company.host,
        "aliases": [alias.host for alias in company.site.aliases],
        # False where robots.txt closes the whole site: a polite crawler knows nothing of it.
        "crawlable": "/" not in company.site.robots.disallow,
        "organisation": _organisation(company),
        "technologies": _technologies(web, company),
        "implied_technologies": _implied(web, company),
        "absent_technologies": list(company.decoys.absent),
        "partners": _partners(web, company),
        "not_partners": [*company.decoys.customers, *company.decoys.press],
        "posting_count": len(company.postings),
        "postings": _postings(company),
    }


def _organisation(company: Company) -> dict[str, Any]:
    address = company.address
    return {
        "name": company.name,
        "legal_name": company.legal_name,
        "description": company.description,
        "industry": company.industry,
        "founded": company.founded,
        "employees": {"min": company.employees[0], "max": company.employees[1]},
        "address": {
            "street": address.street,
            "postal_code": address.postal_code,
            "city": address.city,
            "region": address.region,
            "country": address.country,
        },
        "phone": company.phone,
        "email": company.email,
        "lei": company.lei_code,
        "registry": dict(company.registry),
        "social": list(company.social),
        "markup": company.site.markup,
    }


def _technologies(web: Web, company: Company) -> list[dict[str, Any]]:
    paths = company.paths()
    return [
        {
            "name": name,
            "also_called": list(web.products[name].also_called),
            "version": use.version,
            "kinds": sorted(
                {kind for show in use.shows for kind in web.products[name].shows[show].list_kinds()}
            ),
            # None: every page shows it.
            "paths": [paths[kind] for kind in use.pages] or None,
        }
        for name, use in company.stack.items()
    ]


def _implied(web: Web, company: Company) -> list[str]:
    """What the shown technologies cannot run without, through all steps, and is not shown."""
    known = set(company.stack)
    waiting = list(company.stack)
    while waiting:
        product = web.products.get(waiting.pop())
        new = set(product.implies if product else ()) - known
        known |= new
        waiting += new
    return sorted(known - set(company.stack))


def _partners(web: Web, company: Company) -> list[dict[str, Any]]:
    paths = company.paths()
    return [
        {
            "name": partner_name(web, partner),
            "domain": partner.to or partner.domain,
            "type": partner.type,
            "how": partner.how,
            "path": paths[partner.page],
        }
        for partner in company.partners
    ]


def _postings(company: Company) -> list[dict[str, Any]]:
    return [
        {
            "title": view.posting.title,
            "path": view.path,
            "city": view.posting.city,
            "country": view.posting.country,
            "remote": view.posting.remote,
            "employment_type": view.posting.type,
            "posted_on": view.posting.posted.isoformat(),
            "expires_on": view.posting.expires.isoformat() if view.posting.expires else None,
            "technologies": list(view.posting.technologies),
        }
        for view in posting_views(company)
    ]


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status (1: out of step, 2: the files are no good)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 when out of step")
    options = parser.parse_args(arguments)
    try:
        text = truth_text(load_web())
    except SampleWebError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if options.check:
        in_step = TRUTH.exists() and TRUTH.read_text(encoding="utf-8") == text
        if not in_step:
            sys.stderr.write("truth.json is out of step; run: python examples/web/truth.py\n")
        return 0 if in_step else 1
    TRUTH.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
