"""Pages as a real browser sees them: headless Chromium through Playwright, for globals and DOM.

The browser has no way to the network: each of its requests is made by the guarded fetcher, or not
at all. Playwright is the extra `render`; the Chromium is the system's.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tracewell.values import Capture
from tracewell.web.exchange import (
    Fetched,
    FetchFailure,
    FetchOutcome,
    RenderUnavailableError,
)
from tracewell.web.fetcher import Fetcher
from tracewell.web.page_scripts import READ_DOM, READ_GLOBALS, READ_PROPERTIES
from tracewell.web.serialising import Rendering
from tracewell.web.urls import BadUrlError, host_of, parse_url

if TYPE_CHECKING:
    from playwright.async_api import Browser as PlaywrightBrowser
    from playwright.async_api import BrowserContext, Page, Route, WebSocketRoute

Property = tuple[str, str]
"""A CSS selector, and the name of a property that scripts hang on the elements it names."""

INSTALL_HINT = "rendering needs the extra: pip install 'tracewell[render]'"
_EXECUTABLES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# What scripts and the DOM hang on; pictures, fonts and films tell nothing that is looked for.
_FETCHED_TYPES = frozenset({"script", "stylesheet", "xhr", "fetch"})
_ASKING_TYPES = frozenset({"xhr", "fetch", "eventsource", "websocket", "ping"})
# Of the connection or of its coding, which is undone by now; and what would outlive the page.
_DROPPED_HEADERS = frozenset(
    {"content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive",
     "alt-svc", "link", "report-to", "nel", "reporting-endpoints", "refresh",
     "strict-transport-security"}
)  # fmt: skip
# Nothing resolves, not even the proxy that everything would have to pass.
_ARGUMENTS = (
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=http://127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--dns-prefetch-disable",
    "--no-pings",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--disable-gpu",
    "--js-flags=--max-old-space-size=256",
)


@dataclass(frozen=True, slots=True)
class RenderLimits:
    """Bounds of one page: seconds in all and for coming to rest, requests, bytes, values."""

    total_timeout_s: float = 20.0
    settle_timeout_s: float = 5.0
    requests_max: int = 150
    bytes_max: int = 32 << 20
    dom_chars_max: int = 8 << 20
    globals_max: int = 10_000
    properties_max: int = 10_000
    elements_max: int = 100
    value_chars_max: int = 1_000
    hosts_max: int = 100
    pages_at_once: int = 2


@dataclass
class _Visit:
    """One page in the browser: what it asked for, and what of it is still under way."""

    page: Capture
    keep: Callable[[FetchOutcome], None]
    requests: int = 0
    bytes: int = 0
    hosts: dict[str, None] = field(default_factory=dict)
    fetches: set[asyncio.Task[FetchOutcome]] = field(default_factory=set)


class Browser:
    """A headless Chromium that renders captured pages; opened by `open_browser`."""

    def __init__(
        self,
        fetcher: Fetcher,
        clock: Callable[[], int],
        names: Sequence[str],
        properties: Sequence[Property],
        limits: RenderLimits,
        launch: Callable[[], Awaitable[PlaywrightBrowser]],
    ) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._names = list(names)[: limits.globals_max]
        self._properties = _by_selector(properties[: limits.properties_max])
        self._limits = limits
        self._launch = launch
        self._browser: PlaywrightBrowser | None = None
        self._starting = asyncio.Lock()
        self._places = asyncio.Semaphore(limits.pages_at_once)

    async def render(
        self, page: Capture, keep: Callable[[FetchOutcome], None]
    ) -> Rendering | FetchFailure:
        """What the browser makes of the page; every fetch on the way is handed to `keep`.

        The page's own bytes are taken from the capture, not fetched again.
        """
        from playwright.async_api import Error as PlaywrightError

        visit = _Visit(page, keep)
        async with self._places:
            context: BrowserContext | None = None
            try:
                async with asyncio.timeout(self._limits.total_timeout_s):
                    context = await self._open_context(visit)
                    return await self._look(context, visit)
            except TimeoutError:
                message = f"no rendering within {self._limits.total_timeout_s:.0f} s"
                return FetchFailure("render_failed", message, page.url)
            except PlaywrightError as error:
                told = error.message.splitlines()[0][:200]
                return FetchFailure("render_failed", f"the browser failed: {told}", page.url)
            finally:
                await _cancel(visit.fetches)
                await self._close_context(context)

    async def start(self) -> PlaywrightBrowser:
        """The running browser, started anew where it has ended. Raises Playwright's Error."""
        async with self._starting:
            if self._browser is None or not self._browser.is_connected():
                self._browser = await self._launch()
            return self._browser

    async def close(self) -> None:
        """End the browser."""
        from playwright.async_api import Error as PlaywrightError

        browser, self._browser = self._browser, None
        if browser is not None:
            with suppress(PlaywrightError, TimeoutError):
                await asyncio.wait_for(browser.close(), 10)

    async def _open_context(self, visit: _Visit) -> BrowserContext:
        browser = await self.start()
        context = await browser.new_context(
            user_agent=self._fetcher.user_agent,
            service_workers="block",
            accept_downloads=False,
            locale="en-US",
        )
        context.set_default_timeout(self._limits.total_timeout_s * 1000)

        async def on_route(route: Route) -> None:
            await self._answer(route, visit)

        def on_socket(socket: WebSocketRoute) -> None:
            _note_host(visit, socket.url.replace("ws", "http", 1), self._limits.hosts_max)
            # Not connected to any server: it is closed as if there were none.
            task = asyncio.ensure_future(socket.close())
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

        await context.route("**/*", on_route)
        await context.route_web_socket("**/*", on_socket)
        return context

    async def _look(self, context: BrowserContext, visit: _Visit) -> Rendering:
        from playwright.async_api import Error as PlaywrightError

        page: Page = await context.new_page()
        context.on("page", lambda other: asyncio.ensure_future(_close_quietly(other)))
        await page.goto(visit.page.url, wait_until="commit")
        with suppress(PlaywrightError):
            # A page that never rests is read as it stands.
            settle_ms = self._limits.settle_timeout_s * 1000
            await page.wait_for_load_state("networkidle", timeout=settle_ms)
        found = await page.evaluate(READ_GLOBALS, [self._names, self._limits.value_chars_max])
        asked = [self._properties, self._limits.elements_max, self._limits.value_chars_max]
        properties = await page.evaluate(READ_PROPERTIES, asked)
        dom = await page.evaluate(READ_DOM, self._limits.dom_chars_max)
        return Rendering(
            url=visit.page.url,
            html=str(dom).encode("utf-8", "replace"),
            js={str(name): str(value) for name, value in dict(found).items()},
            xhr=tuple(visit.hosts),
            rendered_at=self._clock(),
            page_capture_id=visit.page.capture_id,
            dom_properties={
                str(selector): {str(name): str(value) for name, value in dict(values).items()}
                for selector, values in dict(properties).items()
            },
        )

    async def _answer(self, route: Route, visit: _Visit) -> None:
        """Answer one request of the browser: with the page, with a guarded fetch, or not at all."""
        from playwright.async_api import Error as PlaywrightError

        request = route.request
        if request.resource_type in _ASKING_TYPES:
            _note_host(visit, request.url, self._limits.hosts_max)
        with suppress(PlaywrightError):  # the page may be gone by now
            if request.is_navigation_request() and request.frame.parent_frame is None:
                is_page = request.method == "GET" and request.url == visit.page.url
                # It may not lead itself elsewhere: that would be another page. No content, since a
                # failure would put the browser's error page in its place.
                await (self._fulfil(route, visit.page) if is_page else route.fulfill(status=204))
            elif request.method != "GET" or request.resource_type not in _FETCHED_TYPES:
                await route.abort("blockedbyclient")
            else:
                outcome = await self._fetch(request.url, visit)
                if isinstance(outcome, Fetched):
                    await self._fulfil(route, outcome.capture)
                else:
                    await route.abort("failed")

    async def _fetch(self, url: str, visit: _Visit) -> FetchOutcome | None:
        visit.requests += 1
        if visit.requests > self._limits.requests_max or visit.bytes > self._limits.bytes_max:
            return None
        # What belongs to a page belongs to one visit: no pause within, but for a Crawl-delay.
        task = asyncio.create_task(self._fetcher.fetch(url, pause_s=0.0))
        visit.fetches.add(task)
        try:
            outcome = await task
        except asyncio.CancelledError:
            return None
        finally:
            visit.fetches.discard(task)
        visit.keep(outcome)
        if isinstance(outcome, Fetched):
            visit.bytes += len(outcome.capture.body)
        return outcome

    async def _fulfil(self, route: Route, capture: Capture) -> None:
        headers: dict[str, str] = {}
        for name, value in capture.headers:
            lower = name.lower()
            if lower not in _DROPPED_HEADERS:
                joiner = "\n" if lower == "set-cookie" else ", "
                headers[lower] = f"{headers[lower]}{joiner}{value}" if lower in headers else value
        await route.fulfill(status=capture.status, headers=headers, body=capture.body)

    async def _close_context(self, context: BrowserContext | None) -> None:
        """Close it; a browser that does not let go of a page is ended and started anew later."""
        from playwright.async_api import Error as PlaywrightError

        if context is None:
            return
        try:
            with suppress(TimeoutError):
                # Answers under way end first, or they would be left behind by the loop.
                await asyncio.wait_for(context.unroute_all(behavior="wait"), 1)
            await asyncio.wait_for(context.close(), 5)
        except (TimeoutError, PlaywrightError):
            await self.close()


@asynccontextmanager
async def open_browser(
    fetcher: Fetcher,
    clock: Callable[[], int],
    names: Sequence[str],
    *,
    properties: Sequence[Property] = (),
    executable: Path | None = None,
    limits: RenderLimits | None = None,
) -> AsyncIterator[Browser]:
    """A browser that reads the globals `names` (dotted paths) and `properties` of elements.

    Raises `RenderUnavailableError` when Playwright or the browser is missing or does not start.
    """
    try:
        from playwright.async_api import Error as PlaywrightError
        from playwright.async_api import async_playwright
    except ImportError as error:
        raise RenderUnavailableError(INSTALL_HINT) from error
    path = find_browser(executable)
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    with TemporaryDirectory(prefix="tracewell-browser-") as home:
        # Settings and secrets of ours are no business of a browser's.
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": home, "TMPDIR": home}
        async with async_playwright() as playwright:

            async def launch() -> PlaywrightBrowser:
                return await playwright.chromium.launch(
                    executable_path=path,
                    args=list(_ARGUMENTS),
                    env=dict(environment),
                    # Chromium refuses its sandbox to root.
                    chromium_sandbox=not is_root,
                    timeout=30_000,
                )

            browser = Browser(fetcher, clock, names, properties, limits or RenderLimits(), launch)
            try:
                await browser.start()
            except PlaywrightError as error:
                told = error.message.splitlines()[0][:300]
                raise RenderUnavailableError(f"{path} does not start: {told}") from error
            try:
                yield browser
            finally:
                await browser.close()


def find_browser(executable: Path | None = None) -> Path:
    """The Chromium to use. Raises `RenderUnavailableError` saying what to install."""
    if executable is not None:
        if not executable.is_file():
            raise RenderUnavailableError(f"CHROMIUM_PATH: there is no {executable}")
        return executable
    found = next(filter(None, map(shutil.which, _EXECUTABLES)), None)
    if found is None:
        raise RenderUnavailableError(
            "rendering needs Chromium: apt-get install chromium, or set CHROMIUM_PATH"
        )
    return Path(found)


def _by_selector(properties: Sequence[Property]) -> list[tuple[str, list[str]]]:
    names: dict[str, list[str]] = {}
    for selector, name in properties:
        names.setdefault(selector, []).append(name)
    return list(names.items())


def _note_host(visit: _Visit, url: str, hosts_max: int) -> None:
    with suppress(BadUrlError):
        if len(visit.hosts) < hosts_max:
            visit.hosts[host_of(parse_url(url))] = None


async def _close_quietly(page: Page) -> None:
    from playwright.async_api import Error as PlaywrightError

    with suppress(PlaywrightError):
        await page.close()


async def _cancel(tasks: set[asyncio.Task[FetchOutcome]]) -> None:
    pending = list(tasks)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
