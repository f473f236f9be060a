"""Serves the sample web from loopback: one process, one port, hosts told apart by `Host`.

Run it as a script; `--help` says how. The pages are made once, at start.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import logging
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aiohttp import hdrs, web

if __package__ in (None, ""):  # run as a script: let the repository's root be the path's start
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from examples.web.model import Company, Web
from examples.web.render import Renderer, Resource, render_robots, render_sitemap
from examples.web.site import HERE, SampleWebError, load_web

_LOG = logging.getLogger("examples.web")
_HOST = "127.0.0.1"
_SLOW_S = 0.3
_SHUTDOWN_S = 5.0


@dataclass(frozen=True, slots=True)
class _Site:
    """A host that answers with pages."""

    company: Company
    resources: Mapping[str, Resource]


@dataclass(frozen=True, slots=True)
class _Redirect:
    """A host that only leads to another: by status, or with a page that refreshes."""

    host: str
    status: Literal[301, 302, 308, "meta"]
    company: Company


class _Hosts:
    """All hosts of a web and the answers of each."""

    def __init__(self, sample: Web, slow_s: float) -> None:
        self._slow_s = slow_s
        self._renderer = Renderer(sample)
        self._by_host: dict[str, _Site | _Redirect] = {}
        for company in sample.companies.values():
            site = _Site(company, self._renderer.render_site(company))
            self._by_host[company.host] = site
            if company.site.www == "primary":
                self._by_host[company.domain] = _Redirect(company.host, 301, company)
            elif company.site.www == "redirects":
                self._by_host[f"www.{company.domain}"] = _Redirect(company.host, 301, company)
            for alias in company.site.aliases:
                redirect = _Redirect(company.host, alias.status, company)
                self._by_host[alias.host] = redirect
                self._by_host[f"www.{alias.host}"] = _Redirect(alias.host, 301, company)

    async def answer(self, request: web.Request) -> web.Response:
        """The answer of the host that the request names; 404 for a host that is not ours."""
        name, _, port = request.host.lower().partition(":")
        host = self._by_host.get(name.removesuffix("."))
        if host is None:
            return web.Response(status=404, text="There is no such host in the sample web.\n")
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, headers={hdrs.ALLOW: "GET, HEAD"})
        if host.company.site.slow:
            await asyncio.sleep(self._slow_s)
        if isinstance(host, _Redirect):
            return self._redirect(host, f"http://{host.host}{':' + port if port else ''}", request)
        return self._page(host, request)

    def _redirect(self, host: _Redirect, origin: str, request: web.Request) -> web.Response:
        url = f"{origin}{request.rel_url.raw_path_qs}"
        if host.status == "meta":
            body = self._renderer.render_moved(host.company, url)
            return web.Response(body=body, content_type="text/html", charset="utf-8")
        return web.Response(status=host.status, headers={hdrs.LOCATION: url})

    def _page(self, site: _Site, request: web.Request) -> web.Response:
        origin = f"http://{request.host}"
        path = request.path
        if path == "/robots.txt":
            return web.Response(text=render_robots(site.company, origin))
        if path == "/sitemap.xml" and site.company.site.sitemap:
            text = render_sitemap(site.resources, origin)
            return web.Response(text=text, content_type="application/xml")
        resource = site.resources.get(path) or site.resources[""]
        body = resource.body
        response = web.Response(status=resource.status)
        for name, value in resource.headers:
            if name == hdrs.CONTENT_TYPE:
                response.headers[name] = value
            else:
                response.headers.add(name, value)
        if site.company.site.gzip:
            response.headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
            if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "").lower():
                response.headers[hdrs.CONTENT_ENCODING] = "gzip"
                body = gzip.compress(body, mtime=0)
        response.body = body
        return response


async def _hide_our_server(_: web.BaseRequest, response: web.StreamResponse) -> None:
    """Takes aiohttp's own name off the answers: no company of this web runs it."""
    if response.headers.get(hdrs.SERVER, "").startswith("Python/"):
        del response.headers[hdrs.SERVER]


def create_app(directory: Path = HERE, *, slow_s: float = _SLOW_S) -> web.Application:
    """The sample web of `directory` as an application.

    `slow_s` is what the slow host waits before each answer. Raises SampleWebError.
    """
    hosts = _Hosts(load_web(directory), slow_s)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hosts.answer)
    app.on_response_prepare.append(_hide_our_server)
    return app


async def serve(app: web.Application, port: int, *, print_port: bool, access_log: bool) -> None:
    """Serves on loopback until SIGTERM or SIGINT; answers under way are finished first."""
    logger = logging.getLogger("aiohttp.access") if access_log else None
    runner = web.AppRunner(app, access_log=logger, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, _HOST, port)
        await site.start()
        bound = runner.addresses[0][1]
        if print_port:
            sys.stdout.write(f"{bound}\n")
            sys.stdout.flush()
        _LOG.info("the sample web listens on http://%s:%d", _HOST, bound)
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        await stopped.wait()
    finally:
        await runner.cleanup()


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status (2: the directory or the port is no good)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8090, help="0 picks a free one (%(default)s)")
    parser.add_argument("--print-port", action="store_true", help="print the port once it listens")
    parser.add_argument("--directory", type=Path, default=HERE, help="a web's YAML files")
    parser.add_argument(
        "--slow-s", type=float, default=_SLOW_S, help="wait of the slow host (%(default)s s)"
    )
    parser.add_argument("--access-log", action="store_true", help="log each request to stderr")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        app = create_app(options.directory, slow_s=options.slow_s)
        asyncio.run(
            serve(app, options.port, print_port=options.print_port, access_log=options.access_log)
        )
    except (SampleWebError, OSError, OverflowError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
