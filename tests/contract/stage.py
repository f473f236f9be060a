"""What the proofs of Trace's contract run on: a real server whose data are those of the sample web,
and customers of it with a list, colleagues and keys of every kind."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from examples.web.render import Renderer
from examples.web.site import load_web
from tests.server.deployment import Deployment
from tests.servers import Server

from tracewell.detection import load_pack
from tracewell.kernel.clock import DAY_MS
from tracewell.kernel.credits import Call
from tracewell.kernel.database import Transaction
from tracewell.kernel.identity.model import Org, User
from tracewell.main.ground import Ground
from tracewell.trace.ingest import ingest_captures
from tracewell.values import Capture

SEEN_AT = 1_780_324_320_000
"""When the sample web was captured: 2026-06-01T14:32:00Z."""
SWITCHERS = ("quillmark.example", "tidewater.example")
PER_MINUTE = 100_000
TREE = {
    "registry_version": 1,
    "root": {"field": "technology", "operator": "any_of", "value": ["php", "nginx"]},
}


@functools.cache
def sample_captures() -> tuple[Capture, ...]:
    """Every resource of the sample web, as a crawl of it would keep them."""
    web = load_web()
    renderer = Renderer(web)
    found = (
        (f"https://{company.host}{path}", resource)
        for company in web.companies.values()
        for path, resource in renderer.render_site(company).items()
    )
    return tuple(
        Capture(url, one.status, tuple(one.headers), one.body, SEEN_AT, f"sample.warc.gz:{number}")
        for number, (url, one) in enumerate(found)
    )


def html_page(url: str, body: str, days: int) -> Capture:
    """A page as it was so many days after the sample web was captured."""
    headers = (("Content-Type", "text/html; charset=utf-8"),)
    return Capture(
        url, 200, headers, body.encode(), SEEN_AT + days * DAY_MS, f"more.warc.gz:{days}"
    )


def switch_captures() -> Iterator[Capture]:
    """Two companies that replaced WordPress by Joomla in July 2026."""
    for host in SWITCHERS:
        for days, name in ((0, "WordPress"), (30, "Joomla!"), (31, "Joomla!"), (32, "Joomla!")):
            body = f'<html><head><meta name="generator" content="{name}"></head></html>'
            yield html_page(f"https://{host}/", body, days)


@dataclass
class Customer:
    """An org. `owner` owns what `new_list` makes; `colleague` is another user of it."""

    stage: Stage
    org: Org
    user: User
    owner: httpx.Client
    owner_key_id: str
    colleague: httpx.Client
    colleague_email: str
    colleague_id: int
    org_key: httpx.Client

    def new_list(self) -> str:
        """The id of a list that is defined twice, shared, and has a domain on either side."""
        made = self.owner.post("/v1/lists", json={"name": "Prospects"})
        assert made.status_code == 201, made.text
        list_id = str(made.json()["list_id"])
        share = {"email": self.colleague_email, "access_level": "viewer"}
        for method, path, body in (
            ("PUT", "definition", {**TREE, "root": {**TREE["root"], "value": ["php"]}}),  # type: ignore[dict-item]
            ("PUT", "definition", TREE),
            ("POST", "added-domains", {"domains": ["farrow-pike.example"]}),
            ("POST", "excluded-domains", {"domains": ["solveig-marine.example"]}),
            ("POST", "shares", share),
        ):
            done = self.owner.request(method, f"/v1/lists/{list_id}/{path}", json=body)
            assert done.is_success, done.text
        return list_id

    @functools.cached_property
    def list_id(self) -> str:
        """A list for whoever only reads."""
        return self.new_list()

    @functools.cached_property
    def job_id(self) -> str:
        """A refresh that no worker takes up."""
        wanted = {"domains": ["varda-systems.example"]}
        made = self.owner.post("/v1/companies/refresh", json=wanted)
        assert made.status_code == 202, made.text
        return str(made.json()["job_id"])

    @functools.cached_property
    def flag_id(self) -> str:
        """A flag that waits for the operator."""
        made = self.owner.post("/v1/companies/varda-systems/flags", json={})
        assert made.status_code == 201, made.text
        return str(made.json()["flag_id"])

    @property
    def balance(self) -> int:
        """As Trace tells it."""
        return int(self.owner.get("/v1/credits").json()["balance"])

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The ledger without its grants, the newest first."""
        rows = self.owner.get("/v1/credits/ledger", params={"limit": 100}).json()["data"]
        return [row for row in rows if row["kind"] != "grant"]

    def grant(self, credits: int) -> None:
        """More credits, by the operator."""

        async def work(ground: Ground) -> None:
            async with ground.database.transaction() as tx:
                await _book(ground, tx, self.org, credits)

        self.stage.deployment.run(work)


@dataclass
class Stage:
    """One server over one database, with the sample web taken in."""

    server: Server
    deployment: Deployment
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1), init=False)

    def take_in(self, captures: Iterable[Capture]) -> None:
        """Captures become companies, beside the running server."""

        async def work(ground: Ground) -> None:
            await ingest_captures(ground.database, load_pack(), captures)

        self.deployment.run(work)

    @functools.cached_property
    def document(self) -> dict[str, Any]:
        """What the server tells of itself."""
        found: dict[str, Any] = self.client().get("/openapi.json").json()
        return found

    def client(self, key: str | None = None, **headers: str) -> httpx.Client:
        """A client of Trace that nothing in the environment diverts."""
        given = headers if key is None else {**headers, "X-API-Key": key}
        return httpx.Client(base_url=self.server.trace, headers=given, timeout=60, trust_env=False)

    def new_customer(self, credits: int = 1_000_000, *, is_verified: bool = True) -> Customer:
        """An org with exactly so many credits, two users and three keys."""
        number = next(self._numbers)

        async def work(ground: Ground) -> Customer:
            async def open_account(tx: Transaction, org: Org) -> None:
                await ground.ledger.open_account(tx, org.org_id)
                if credits:
                    await _book(ground, tx, org, credits)

            identity = ground.identity
            org = await identity.create_org(f"Customer {number}", "pro", open_account)
            users, clients, key_ids = [], [], []
            for name in ("ann", "ben"):
                email = f"{name}-{number}@customer.example"
                user = await identity.create_user(email, org, verified=is_verified)
                key = await identity.create_key("user", user=user, requests_per_minute=PER_MINUTE)
                users.append(user)
                clients.append(self.client(key.text))
                key_ids.append(key.key.key_id)
            org_key = await identity.create_key("org", org=org, requests_per_minute=PER_MINUTE)
            return Customer(
                self, org, users[0], clients[0], key_ids[0], clients[1], users[1].email,
                users[1].user_id, self.client(org_key.text),
            )  # fmt: skip

        return self.deployment.run(work)

    def new_key(self, per_minute: int = PER_MINUTE) -> str:
        """The text of another key of the rich customer's owner."""
        user = self.rich.user

        async def work(ground: Ground) -> str:
            minted = await ground.identity.create_key(
                "user", user=user, requests_per_minute=per_minute
            )
            return minted.text

        return self.deployment.run(work)

    @functools.cached_property
    def rich(self) -> Customer:
        """A customer for whoever only reads, and need not count."""
        return self.new_customer()


async def _book(ground: Ground, tx: Transaction, org: Org, credits: int) -> None:
    call = Call(org.org_id, "app", None, "test", ground.new_id("req"))
    await ground.ledger.book(tx, call, "grant", credits, "a test's")
