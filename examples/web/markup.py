"""schema.org data of a company and its postings, as plain JSON values; no HTML."""

from __future__ import annotations

from typing import Any

from examples.web.model import Company, Posting

Json = dict[str, Any]


def organization(company: Company) -> Json:
    """The Organization node (https://schema.org/Organization) of the company."""
    node: Json = {
        "@type": "Organization",
        "@id": f"https://{company.host}/#organization",
        "name": company.name,
        "legalName": company.legal_name,
        "description": company.description,
        "url": f"https://{company.host}/",
        "logo": f"https://{company.host}/img/logo.svg",
        "foundingDate": str(company.founded),
        "numberOfEmployees": {
            "@type": "QuantitativeValue",
            "minValue": company.employees[0],
            "maxValue": company.employees[1],
        },
        "address": _without_none(
            {
                "@type": "PostalAddress",
                "streetAddress": company.address.street,
                "postalCode": company.address.postal_code,
                "addressLocality": company.address.city,
                "addressRegion": company.address.region,
                "addressCountry": company.address.country,
            }
        ),
        "telephone": company.phone,
        "email": company.email,
        "leiCode": company.lei_code,
        "vatID": company.registry.get("VAT"),
        "sameAs": list(company.social) or None,
    }
    return _without_none(node)


def website(company: Company) -> Json:
    """The WebSite node (https://schema.org/WebSite) that names the company as its publisher."""
    return {
        "@type": "WebSite",
        "name": company.name,
        "url": f"https://{company.host}/",
        "publisher": {"@id": f"https://{company.host}/#organization"},
    }


def job_posting(company: Company, posting: Posting, url: str) -> Json:
    """The JobPosting node (https://schema.org/JobPosting) of one open position."""
    node: Json = {
        "@type": "JobPosting",
        "title": posting.title,
        "description": job_description(company, posting),
        "identifier": {"@type": "PropertyValue", "name": company.name, "value": posting.id},
        "datePosted": posting.posted.isoformat(),
        "validThrough": f"{posting.expires}T23:59:59Z" if posting.expires else None,
        "employmentType": posting.type,
        "hiringOrganization": {
            "@type": "Organization",
            "name": company.legal_name,
            "sameAs": f"https://{company.host}/",
        },
        "jobLocation": {
            "@type": "Place",
            "address": {
                "@type": "PostalAddress",
                "addressLocality": posting.city,
                "addressCountry": posting.country,
            },
        },
        "url": url,
    }
    if posting.remote:
        node["jobLocationType"] = "TELECOMMUTE"
        node["applicantLocationRequirements"] = {"@type": "Country", "name": posting.country}
    if posting.salary:
        node["baseSalary"] = {
            "@type": "MonetaryAmount",
            "currency": posting.salary.currency,
            "value": {
                "@type": "QuantitativeValue",
                "minValue": posting.salary.min,
                "maxValue": posting.salary.max,
                "unitText": "YEAR",
            },
        }
    return _without_none(node)


def job_description(company: Company, posting: Posting) -> str:
    """The posting's text as HTML, the way hiring systems put it into the description."""
    text = f"<p>{company.legal_name}: {posting.title}, {posting.city}.</p>"
    if posting.technologies:
        items = "".join(f"<li>{name}</li>" for name in posting.technologies)
        text += f"<ul>{items}</ul>"
    return text.replace("&", "&amp;")


def _without_none(node: Json) -> Json:
    return {key: value for key, value in node.items() if value is not None}
