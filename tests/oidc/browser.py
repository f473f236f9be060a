"""A browser as far as a sign-in needs one: cookies, redirects one by one, the provider's forms."""

from __future__ import annotations

import itertools
import re
import socket
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import httpx

STEPS_MAX = 12
_numbers = itertools.count(1)


class Browser:
    """One person's browser: its cookies, behind a proxy that tells its address."""

    def __init__(self, address: str | None = None) -> None:
        address = address or f"2001:db8:{next(_numbers):x}::7"
        self.client = httpx.Client(
            event_hooks={"request": [self._add_secure_cookies]},
            follow_redirects=False,
            timeout=30,
            trust_env=False,
            headers={"X-Forwarded-For": address},
        )

    def _add_secure_cookies(self, request: httpx.Request) -> None:
        """Browsers take this machine for a secure place also over http; Python's jar does not."""
        secure = [f"{c.name}={c.value}" for c in self.client.cookies.jar if c.secure]
        if secure:
            sent = request.headers.get("cookie")
            request.headers["cookie"] = "; ".join([*([sent] if sent else []), *secure])

    def get(self, url: str, **headers: str) -> httpx.Response:
        return self.client.get(url, headers=headers)

    def walk(self, url: str, until: str, *, person: str = "ada") -> str:
        """Follows redirects from `url` and fills the provider's forms, until a redirect leads to
        an address that begins with `until`: that address, not yet visited."""
        response = self.client.get(url)
        for _ in range(STEPS_MAX):
            if response.is_redirect:
                target = urljoin(str(response.url), response.headers["location"])
                if target.startswith(until):
                    return target
                response = self.client.get(target)
                continue
            assert response.status_code == 200, response.text
            action = re.search(r'<form[^>]*action="([^"]+)"', response.text)
            assert action is not None, response.text
            fields = dict(re.findall(r'name="(\w+)" value="(\w*)"', response.text))
            given = {**fields, "login": person, "password": "any"}
            response = self.client.post(urljoin(str(response.url), action.group(1)), data=given)
        raise AssertionError("the provider does not come to an end")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.client.close()


def free_port() -> int:
    """A port that nobody listens on now: a provider must know an address before it is served."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
