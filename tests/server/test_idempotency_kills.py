"""SIGKILL between effect and answer, again and again: what is repeated is done once."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from tests.databases import DIALECTS
from tests.server.conftest import deployment_on
from tests.server.deployment import Customer, Deployment
from tests.server.killable import Killable
from tests.server.repeating import HEADER

from tracewell.main.ground import Ground

pytestmark = pytest.mark.xdist_group("idempotency-kills")
KILLS = 52
"""On each database: more than a hundred in all."""
CLIENTS = 4
COMPANIES = 320
REPEATED = 200
ANSWERS_BEFORE_A_KILL = 8
KILL_WITHIN_S = 0.02
PATIENCE_S = 120


@dataclass
class Clients:
    """Clients that repeat each request until it is answered, and what they were told at last."""

    url: str
    key: str
    stopped: threading.Event = field(default_factory=threading.Event)
    told: list[tuple[str, str, Any, httpx.Response]] = field(default_factory=list)
    cut: Counter[str] = field(default_factory=Counter)
    unsold: Any = field(default_factory=lambda: itertools.chain(range(COMPANIES)))
    failures: list[BaseException] = field(default_factory=list)

    def run(self, seed: int) -> None:
        """One client, until it is stopped."""
        random = Random(seed)
        try:
            with self.connect() as client:
                while not self.stopped.is_set():
                    self._once(client, random)
        except BaseException as error:
            self.failures.append(error)
            raise

    def connect(self) -> httpx.Client:
        """A client that makes a connection for each request: whoever lives answers."""
        return httpx.Client(
            base_url=self.url, headers={"X-API-Key": self.key}, timeout=PATIENCE_S,
            trust_env=False, verify=False, limits=httpx.Limits(max_keepalive_connections=0),
        )  # fmt: skip

    def _once(self, client: httpx.Client, random: Random) -> None:
        kind = random.choice(("list", "batch", "refresh"))
        name = secrets.token_hex(8)
        body: Any
        if kind == "list":
            path, body = "/v1/lists", {"name": name}
        elif kind == "refresh":
            path, body = "/v1/companies/refresh", {"domains": [f"{name}.example"]}
        else:
            number = next(self.unsold, None)
            if number is None:
                return
            path, body = "/v1/companies/batch", {"domains": [f"c{number}.example"]}
        answer = self.repeat(client, path, body, name)
        self.told.append((name, path, body, answer))

    def repeat(self, client: httpx.Client, path: str, body: Any, key: str) -> httpx.Response:
        """The answer, whatever it takes."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            assert time.monotonic() < deadline, "nobody answers"
            try:
                answer = client.post(path, json=body, headers={HEADER: key})
            except httpx.TransportError:
                self.cut["connection"] += 1
                continue
            # A database that two processes open anew may refuse; a lock of who was killed, wait.
            if answer.status_code in (409, 500):
                self.cut[str(answer.status_code)] += 1
                time.sleep(0.02)
                continue
            return answer


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_repeated_after_a_kill_is_done_once(dialect: str, tmp_path: Path) -> None:
    with deployment_on(dialect, tmp_path) as deployment:
        deployment.add_companies(COMPANIES)
        customer = deployment.add_customer(credits=COMPANIES, per_minute=1_000_000)
        server = Killable(deployment.data, deployment.database_url)
        clients = Clients(server.url, customer.key)
        threads = [threading.Thread(target=clients.run, args=(seed,)) for seed in range(CLIENTS)]
        try:
            server.start()
            server.start()
            for thread in threads:
                thread.start()
            _strike(server, clients, Random(dialect))
            clients.stopped.set()
            for thread in threads:
                thread.join(PATIENCE_S)
            assert not clients.failures
            _check(deployment, customer, clients)
        finally:
            clients.stopped.set()
            server.close()
        assert clients.cut["connection"] > 0, "no kill has met a request"


def _strike(server: Killable, clients: Clients, random: Random) -> None:
    for _ in range(KILLS):
        enough = len(clients.told) + ANSWERS_BEFORE_A_KILL
        deadline = time.monotonic() + PATIENCE_S
        while len(clients.told) < enough:
            assert time.monotonic() < deadline, "nobody answers"
            assert not clients.failures
            time.sleep(0.001)
        time.sleep(random.uniform(0, KILL_WITHIN_S))
        server.kill()


def _check(deployment: Deployment, customer: Customer, clients: Clients) -> None:
    """Each was done once, by what the database holds; and each is told again, to the byte."""

    async def read(ground: Ground) -> tuple[Any, ...]:
        org = customer.org.org_id
        async with ground.database.snapshot() as tx:
            charges = await tx.fetch_all(
                "SELECT -credits FROM credit_ledger WHERE org_id = :org AND kind = 'charge'",
                org=org,
            )
            lists = await tx.fetch_all("SELECT name FROM lists WHERE org_id = :org", org=org)
            jobs = await tx.fetch_all(
                "SELECT d.domain FROM refresh_domains AS d JOIN refresh_jobs AS j"
                " ON j.job_id = d.job_id WHERE j.org_id = :org",
                org=org,
            )
            balance = (await ground.ledger.get_account(tx, org)).balance
        return [row[0] for row in charges], [r[0] for r in lists], [r[0] for r in jobs], balance

    charges, lists, jobs, balance = deployment.run(read)
    by_path: dict[str, list[str]] = {}
    for name, path, body, answer in clients.told:
        assert answer.is_success, (path, answer.status_code, answer.text)
        by_path.setdefault(path, []).append(name)
        if path.endswith("/batch"):
            # Nobody else buys this company: a second charge, or a lost first one, would say 0.
            assert answer.headers["x-credits-charged"] == "1", body
    assert sorted(lists) == sorted(by_path["/v1/lists"])
    assert sorted(jobs) == sorted(f"{name}.example" for name in by_path["/v1/companies/refresh"])
    assert charges == [1] * len(by_path["/v1/companies/batch"])
    assert balance == COMPANIES - len(charges)
    with clients.connect() as client:
        for name, path, body, answer in Random(0).sample(
            clients.told, min(REPEATED, len(clients.told))
        ):
            again = clients.repeat(client, path, body, name)
            assert (again.status_code, again.content) == (answer.status_code, answer.content)
            assert again.headers["idempotency-replayed"] == "true"
