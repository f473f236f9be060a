"""A SAML identity provider that is not ours (pysaml2, signing with xmlsec1), for tests.

Without xmlsec1 the tests skip; where CI=true they fail.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
import warnings
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of a cipher mode that nothing here uses
    from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
    from saml2.config import IdPConfig
    from saml2.saml import NAMEID_FORMAT_PERSISTENT, NameID
    from saml2.server import Server as Pysaml2

AUTHENTICATION = {
    "class_ref": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
    "authn_auth": "https://idp.example",
}
NAMES = "urn:oasis:names:tc:SAML:2.0:attrname-format:unspecified"
EMAIL_CLAIM = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"


@dataclass
class Person:
    """Whom the provider signs in without asking."""

    name_id: str = "ada-7"
    name_format: str = NAMEID_FORMAT_PERSISTENT
    attributes: Mapping[str, Any] = field(
        default_factory=lambda: {"email": "ada@example.org", "groups": ["desk", "leads"]}
    )


@dataclass
class SamlIdp:
    """A running provider. `person` signs in at the next visit."""

    url: str
    folder: Path
    person: Person = field(default_factory=Person)
    posted: dict[str, str] = field(default_factory=dict)
    metadata_fetches: int = 0
    metadata_override: bytes | None = None
    pysaml2: Any = None
    _sp_metadata: str = ""

    @property
    def metadata_url(self) -> str:
        return f"{self.url}/metadata"

    def new_keys(self, *, expired: bool = False) -> None:
        """Signs with a new key from here on, and publishes its certificate alone."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp")])
        end = datetime.now(UTC) + timedelta(days=-1 if expired else 30)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - timedelta(days=60))
            .not_valid_after(end)
            .sign(key, hashes.SHA256())
        )
        (self.folder / "idp.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        (self.folder / "idp.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        if self._sp_metadata:
            self.know(self._sp_metadata)

    def know(self, sp_metadata: str) -> None:
        """Takes up a service provider's metadata."""
        self._sp_metadata = sp_metadata
        config = {
            "entityid": self.metadata_url,
            "xmlsec_binary": shutil.which("xmlsec1"),
            "key_file": str(self.folder / "idp.key"),
            "cert_file": str(self.folder / "idp.pem"),
            "attribute_map_dir": str(self._write_names()),
            "service": {
                "idp": {
                    "endpoints": {
                        "single_sign_on_service": [(f"{self.url}/sso", BINDING_HTTP_REDIRECT)]
                    },
                    "policy": {"default": {"lifetime": {"minutes": 5}, "name_form": NAMES}},
                }
            },
            "metadata": {"inline": [sp_metadata]},
        }
        self.pysaml2 = Pysaml2(config=IdPConfig().load(config))

    def _write_names(self) -> Path:
        """Attributes go out under the very names that `person` has for them."""
        folder = self.folder / "names"
        folder.mkdir(exist_ok=True)
        names = {name: name for name in ("email", "groups", "roles", "mail", EMAIL_CLAIM)}
        table = {"identifier": NAMES, "fro": names, "to": names}
        (folder / "plain.py").write_text(f"MAP = {table!r}")
        return folder

    def metadata(self) -> bytes:
        """What the provider publishes."""
        certificate = re.sub(r"-----.*?-----|\s", "", (self.folder / "idp.pem").read_text())
        return (
            '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" '
            f'entityID="{self.metadata_url}"><md:IDPSSODescriptor '
            'protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
            '<md:KeyDescriptor use="signing"><ds:KeyInfo '
            'xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>'
            f"{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
            f'<md:SingleSignOnService Binding="{BINDING_HTTP_REDIRECT}" '
            f'Location="{self.url}/sso"/></md:IDPSSODescriptor></md:EntityDescriptor>'
        ).encode()

    def respond(
        self,
        *,
        acs_url: str,
        entity_id: str,
        request_id: str | None,
        sign_response: bool = False,
        sign_assertion: bool = True,
        **changes: Any,
    ) -> str:
        """A response as the provider makes it, in base64."""
        person = self.person
        made = self.pysaml2.create_authn_response(
            identity=dict(person.attributes),
            in_response_to=request_id,
            destination=acs_url,
            sp_entity_id=entity_id,
            name_id=NameID(format=person.name_format, text=person.name_id),
            authn=AUTHENTICATION,
            sign_response=sign_response,
            sign_assertion=sign_assertion,
            sign_alg=changes.pop("sign_alg", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"),
            digest_alg=changes.pop("digest_alg", "http://www.w3.org/2001/04/xmlenc#sha256"),
            **changes,
        )
        return b64encode(str(made).encode()).decode()

    def answer_request(self, query: Mapping[str, list[str]]) -> str:
        """The page that posts the answer to the service provider, as a browser gets it."""
        request = self.pysaml2.parse_authn_request(query["SAMLRequest"][0], BINDING_HTTP_REDIRECT)
        asked = self.pysaml2.response_args(request.message, [BINDING_HTTP_POST])
        response = self.respond(
            acs_url=asked["destination"],
            entity_id=asked["sp_entity_id"],
            request_id=asked["in_response_to"],
        )
        self.posted = {"SAMLResponse": response, "RelayState": query["RelayState"][0]}
        fields = "".join(
            f'<input type="hidden" name="{name}" value="{value}"/>'
            for name, value in self.posted.items()
        )
        script = "<script>document.forms[0].submit()</script>"
        return f'<form method="post" action="{asked["destination"]}">{fields}</form>{script}'


def decode(response: str) -> bytes:
    return b64decode(response)


def encode(document: bytes) -> str:
    return b64encode(document).decode()


@contextmanager
def start_idp(folder: Path) -> Iterator[SamlIdp]:
    """Starts a provider on a free port, and stops it afterwards."""
    if shutil.which("xmlsec1") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("xmlsec1 is needed for the SAML identity provider of these tests")
        pytest.skip("xmlsec1 is needed for the SAML identity provider of these tests")
    idps: list[SamlIdp] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            idp, parts = idps[0], urlsplit(self.path)
            if parts.path == "/metadata":
                idp.metadata_fetches += 1
                override = idp.metadata_override
                body = idp.metadata() if override is None else override
                kind = "application/samlmetadata+xml"
            else:
                body, kind = idp.answer_request(parse_qs(parts.query)).encode(), "text/html"
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    idps.append(SamlIdp(f"http://127.0.0.1:{server.server_address[1]}", folder))
    idps[0].new_keys()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield idps[0]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
