"""What the sign-in needs of browsers: cookies, where they may go next, whose page sent them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

from tracewell.intrace import errors
from tracewell.kernel.errors import ApiError
from tracewell.kernel.http.answer import Answer
from tracewell.kernel.idp.documents import is_loopback

RETURN_TO_CHARACTERS_MAX = 512
PENDING_COOKIES_MAX = 8

Headers = Iterable[tuple[bytes, bytes]]

# RFC 3986's characters, and neither `//host` nor `/\host`, which browsers read as another site.
_LOCAL_PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@%?#-][A-Za-z0-9._~!$&'()*+,;=:@%/?#-]*)?")
_PENDING = "tracewell-sign-in-"
_SESSION = "tracewell-session"

ANSWER_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_PAGE_HEADERS = {
    **ANSWER_HEADERS,
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
}


def parse_return_to(text: str) -> str:
    """A path of this site. Raises ApiError (`field_invalid`): nobody is sent elsewhere."""
    if len(text) <= RETURN_TO_CHARACTERS_MAX and _LOCAL_PATH.fullmatch(text):
        return text
    issue = f"Must be a path of this site, of at most {RETURN_TO_CHARACTERS_MAX} characters."
    raise ApiError(errors.FIELD_INVALID, details=[{"field": "return_to", "issue": issue}])


@dataclass(frozen=True, slots=True)
class Cookies:
    """The cookies of one deployment, by the URL under which browsers reach it.

    All are HttpOnly. Over https they are Secure and `__Host-`: no other host can set them.
    """

    public_url: str

    @property
    def is_https(self) -> bool:
        """Plain http is for this machine only (settings see to it)."""
        return urlsplit(self.public_url).scheme == "https"

    @property
    def session_name(self) -> str:
        """What the session's cookie is called."""
        return self._name(_SESSION)

    def pending_name(self, name: str) -> str:
        """What the cookie of a sign-in that has begun is called."""
        return self._name(_PENDING + name)

    def set_session(self, token: str, lifetime_s: int) -> str:
        """Lax: sent when a person follows a link to here, not with other sites' requests."""
        return self._set(self.session_name, token, lifetime_s, "Lax")

    def set_pending(self, name: str, value: str, lifetime_s: int, *, cross_site: bool) -> str:
        """`cross_site`: the answer will be a POST from the provider's page, as SAML has it."""
        same_site = "None" if cross_site else "Lax"
        return self._set(self.pending_name(name), value, lifetime_s, same_site)

    def clear(self, name: str) -> str:
        """Makes the browser forget a cookie."""
        return self._set(name, "", 0, "Lax")

    def find(self, headers: Headers, name: str) -> str | None:
        """The value of a cookie; the first where one came twice."""
        return next((value for found, value in _iter_cookies(headers) if found == name), None)

    def list_pending(self, headers: Headers) -> list[str]:
        """The names of the cookies of sign-ins that have begun."""
        begin = self._name(_PENDING)
        return [name for name, _ in _iter_cookies(headers) if name.startswith(begin)]

    def _name(self, name: str) -> str:
        return f"__Host-{name}" if self.is_https else name

    def _set(self, name: str, value: str, lifetime_s: int, same_site: str) -> str:
        secure = "; Secure" if self.is_https or same_site == "None" else ""
        attributes = f"Path=/; Max-Age={lifetime_s}; HttpOnly; SameSite={same_site}{secure}"
        return f"{name}={value}; {attributes}"


def _iter_cookies(headers: Headers) -> Iterable[tuple[str, str]]:
    for key, line in headers:
        if key == b"cookie":
            for pair in line.decode("latin-1").split(";"):
                name, _, value = pair.strip().partition("=")
                yield name, value


def require_same_site(headers: Headers, public_url: str) -> None:
    """Refuses what another site's page made a browser do. Raises ApiError.

    A caller that is no browser sends neither header and has no cookie that it did not choose.
    """
    sent = {key: value.decode("latin-1") for key, value in headers}
    site, origin = sent.get(b"sec-fetch-site"), sent.get(b"origin")
    if site is not None and site not in ("same-origin", "none"):
        raise ApiError(errors.CROSS_SITE_REFUSED)
    if origin == "null" and site == "same-origin":
        # What a page of ours with a strict referrer policy sends (Fetch, 3.2.7).
        origin = None
    parts = urlsplit(public_url)
    if origin is not None and origin.lower() != f"{parts.scheme}://{parts.netloc}".lower():
        raise ApiError(errors.CROSS_SITE_REFUSED)


def wants_page(headers: Headers) -> bool:
    """Whether a person looks at the answer, rather than a program."""
    accept = next((value for key, value in headers if key == b"accept"), b"")
    return b"text/html" in accept


def refusal_page(error: ApiError, request_id: str, retry_path: str) -> Answer:
    """What a person sees of a sign-in that failed."""
    details = error.context.get("details", [])
    told = "".join(f"<p>{escape(str(detail['issue']))}</p>" for detail in details)
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Sign-in failed</title>'
        f"<h1>{escape(error.message)}</h1>{told}"
        f'<p><a href="{escape(retry_path)}">Sign in again</a></p>'
        f"<p><small>{escape(error.kind.code)}, {escape(request_id)}</small></p></html>"
    )
    headers = {**_PAGE_HEADERS, **error.headers}
    return Answer(error.kind.status, page.encode(), headers, "text/html; charset=utf-8")


def is_usable_public_url(url: str) -> bool:
    """https, or http on this machine; no query, no fragment."""
    parts = urlsplit(url)
    if parts.query or parts.fragment or not parts.hostname or parts.username is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
