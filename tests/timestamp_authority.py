"""A time-stamp authority of the tests' own: `openssl ts` behind a small server on loopback."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_CONFIG = """
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[stamping]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = own
[own]
serial = ./serial
signer_cert = ./tsa.pem
signer_key = ./tsa.key
certs = ./ca.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


@dataclass
class Authority:
    """A folder with the authority's keys, and, once served, its address and what it does."""

    folder: Path
    url: str = ""
    mood: str = "granting"
    requests: list[bytes] = field(default_factory=list)

    @property
    def roots(self) -> Path:
        """The certificate that verifiers trust."""
        return self.folder / "ca.pem"

    def stamp(self, request: bytes) -> bytes:
        """The response to a request."""
        (self.folder / "request.tsq").write_bytes(request)
        _openssl(self.folder, "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "request.tsq",
                 "-out", "response.tsr")  # fmt: skip
        return (self.folder / "response.tsr").read_bytes()


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_authority(folder: Path) -> Authority:
    """A root and a stamping certificate under it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tsa.cnf").write_text(_CONFIG)
    (folder / "serial").write_text("01\n")
    ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "tsa.cnf")
    _openssl(folder, "req", "-x509", *ec, "-keyout", "ca.key", "-out", "ca.pem", "-days", "3650",
             "-subj", "/CN=A stamping root", "-extensions", "ca")  # fmt: skip
    _openssl(folder, "req", "-new", *ec, "-keyout", "tsa.key", "-out", "tsa.csr",
             "-subj", "/CN=A stamping authority")  # fmt: skip
    _openssl(folder, "x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
             "-days", "3000", "-extfile", "tsa.cnf", "-extensions", "stamping",
             "-out", "tsa.pem")  # fmt: skip
    return Authority(folder)


@contextlib.contextmanager
def serve_authority(authority: Authority) -> Iterator[Authority]:
    """Answers on a free port, in whatever mood the test sets."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            authority.requests.append(body)
            match authority.mood:
                case "granting":
                    status, answer = 200, authority.stamp(body)
                case "refusing":  # PKIStatusInfo with the status 2, rejection
                    status, answer = 200, bytes.fromhex("30053003020102")
                case "replaying":
                    status, answer = 200, authority.stamp(authority.requests[0])
                case "babbling":
                    status, answer = 200, b"<html>sign in first</html>"
                case "flooding":
                    status, answer = 200, b"x" * (1 << 20)
                case _:
                    status, answer = 503, b""
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *told: object) -> None:
            """Nothing: the test sees the requests themselves."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    authority.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield authority
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
