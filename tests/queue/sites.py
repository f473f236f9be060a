"""A small web of many hosts behind one port, in a thread: good sites, slow ones and broken ones.

The host's first label says how it behaves: `good-7.example` has four pages.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

PAGES = ("/", "/partners", "/about", "/contact")
_LINKS = "".join(f'<a href="{path}">{path[1:]}</a>' for path in PAGES[1:])
_HTML = "text/html; charset=utf-8"


class Sites:
    """The server; `requests` counts what each host was asked for."""

    def __init__(self, pause_s: float = 0.0) -> None:
        self.pause_s = pause_s
        self.requests: Counter[tuple[str, str]] = Counter()
        self.ending = threading.Event()
        handler = type("Handler", (_Handler,), {"sites": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True

    @property
    def allow(self) -> str:
        """What CRAWL_ALLOW has to be."""
        return f"*.example=127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Sites:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    sites: Sites
    protocol_version = "HTTP/1.1"
    server_version = "nginx/1.27.1"
    sys_version = ""

    def do_GET(self) -> None:
        host = (self.headers.get("Host") or "").partition(":")[0]
        self.sites.requests[host, self.path] += 1
        kind = host.partition(".")[0].partition("-")[0]
        if self.path == "/robots.txt":
            rule = "Disallow: /" if kind == "closed" else "Allow: /"
            self._answer(200, f"User-agent: *\n{rule}\n", "text/plain")
            return
        time.sleep(self.sites.pause_s)
        match kind:
            case "dead":
                self.sites.ending.wait(60)
                self.close_connection = True
            case "missing":
                self._answer(404, "<p>nothing</p>")
            case "json":
                self._answer(200, "{}", "application/json")
            case "empty":
                self._answer(200, " ")
            case "loop":
                self._answer(302, "", location=f"/again{len(self.path)}{self.path}"[:200])
            case "moved":
                self._answer(302, "", location="http://good-elsewhere.example/")
            case "renamed":
                self._answer(301, "", location="http://good-renamed.example/")
            case "cut":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n<p>")
                self.close_connection = True
            case _:
                found = self.path in PAGES
                text = f"<title>{host}{self.path}</title><p>Welcome</p>{_LINKS}"
                self._answer(200 if found else 404, text)

    def _answer(self, status: int, body: str, kind: str = _HTML, location: str = "") -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Says nothing."""
