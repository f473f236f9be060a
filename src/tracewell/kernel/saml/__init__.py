"""SAML 2.0 as a service provider: metadata, requests, and whether an assertion is genuine.

Needs the extra `saml` (lxml, signxml). What a signed-in person then holds is decided elsewhere.
"""

from tracewell.kernel.saml.errors import SamlFault, SamlRefused
from tracewell.kernel.saml.metadata import IdpMetadata, render_sp_metadata
from tracewell.kernel.saml.requests import new_request_id, render_redirect
from tracewell.kernel.saml.responses import Assertion, Expectation, ServiceProvider, parse_response
from tracewell.kernel.saml.source import MetadataSource

__all__ = [
    "Assertion",
    "Expectation",
    "IdpMetadata",
    "MetadataSource",
    "SamlFault",
    "SamlRefused",
    "ServiceProvider",
    "new_request_id",
    "parse_response",
    "render_redirect",
    "render_sp_metadata",
]
