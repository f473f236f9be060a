"""Who we say we are to the sites that we ask."""

from __future__ import annotations

from importlib.metadata import version

from tracewell.web.urls import parse_url

PRODUCT = "Tracewell"
VERSION = version("tracewell")


def build_user_agent(contact_url: str) -> str:
    """`Tracewell/<version> (+<contact URL>)`. Raises `BadUrlError` when it is no http(s) URL."""
    return f"{PRODUCT}/{VERSION} (+{parse_url(contact_url)})"
