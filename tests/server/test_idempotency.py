"""`Idempotency-Key` over HTTP, two server processes on each database: once, whoever answers."""

from __future__ import annotations

import concurrent.futures
import contextlib
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import orjson
import pytest
from tests.server.conftest import deployment_on
from tests.server.deployment import Customer, Deployment
from tests.server.repeating import HEADER
from tests.servers import SERVER_DIALECTS, Server

from tracewell.main.ground import Ground

CLIENTS = 8
ROUNDS = 6


class Sent(NamedTuple):
    """A request."""

    path: str
    body: Any


@dataclass
class Place:
    """A deployment, and a server of two processes over it."""

    deployment: Deployment
    server: Server

    def client(self, customer: Customer) -> httpx.Client:
        """A client whose requests have a connection each: either process answers."""
        return httpx.Client(
            base_url=self.server.trace,
            headers={"X-API-Key": customer.key},
            timeout=60,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def rows(self, statement: str, **params: Any) -> list[Any]:
        """What the database holds."""

        async def read(ground: Ground) -> list[Any]:
            async with ground.database.snapshot() as tx:
                return list(await tx.fetch_all(statement, **params))

        return self.deployment.run(read)

    def charges(self, customer: Customer) -> list[int]:
        """The credits of the org's charges."""
        statement = "SELECT -credits FROM credit_ledger WHERE org_id = :org AND kind = 'charge'"
        return [row[0] for row in self.rows(statement, org=customer.org.org_id)]


@pytest.fixture(scope="module", params=SERVER_DIALECTS)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    folder: Path = tmp_path_factory.mktemp("idempotency")
    with deployment_on(request.param, folder) as deployment:
        deployment.add_companies(60)
        with deployment.start("trace", workers=2) as server:
            yield Place(deployment, server)


@pytest.fixture
def customer(place: Place) -> Customer:
    return place.deployment.add_customer(credits=1_000)


def _post(client: httpx.Client, sent: Sent, key: str) -> httpx.Response:
    return client.post(sent.path, json=sent.body, headers={HEADER: key})


def test_another_request_under_the_same_key_is_refused(place: Place, customer: Customer) -> None:
    with place.client(customer) as client:
        key = secrets.token_hex(8)
        batch = Sent("/v1/companies/batch", {"domains": ["c4.example"]})
        assert _post(client, batch, key).is_success
        others = (
            Sent("/v1/companies/batch", {"domains": ["c5.example"]}),
            Sent("/v1/companies/batch?x=1", {"domains": ["c4.example"]}),
            Sent("/v1/enrich/partnerships", {"domains": ["c4.example"]}),
            Sent("/v1/lists", {"domains": ["c4.example"]}),
        )
        for other in others:
            refused = _post(client, other, key)
            assert refused.status_code == 422, refused.text
            (problem,) = refused.json()["detail"]
            assert (problem["type"], problem["loc"]) == (
                "idempotency_key_reused", ["header", HEADER]
            )  # fmt: skip
        assert _post(client, batch, key).headers["idempotency-replayed"] == "true"
    assert place.charges(customer) == [1]


def test_a_key_is_the_org_s_and_the_user_s_and_the_kind_of_credential_s(
    place: Place, customer: Customer
) -> None:
    async def keys(ground: Ground) -> list[str]:
        email = f"kim-{secrets.token_hex(6)}@customer.example"
        kim = await ground.identity.create_user(email, customer.org, verified=True)
        org_key = await ground.identity.create_key("org", org=customer.org)
        kim_key = await ground.identity.create_key("user", user=kim)
        return [org_key.text, kim_key.text]

    stranger = place.deployment.add_customer()
    org_key, kim_key = place.deployment.run(keys)
    key = secrets.token_hex(8)
    with place.client(customer) as client:
        for number, text in enumerate((customer.key, org_key, kim_key, stranger.key)):
            body = {"domains": [f"c{number}.example"]}
            answer = client.post(
                "/v1/companies/batch", json=body, headers={HEADER: key, "X-API-Key": text}
            )
            assert answer.is_success, answer.text
            assert "idempotency-replayed" not in answer.headers


def test_a_new_key_of_the_same_user_gets_the_answer_that_the_old_one_would(
    place: Place, customer: Customer
) -> None:
    async def successor(ground: Ground) -> str:
        user = await ground.identity.get_user(customer.email)
        minted = await ground.identity.create_key("user", user=user)
        return str(minted.text)

    key, sent = secrets.token_hex(8), Sent("/v1/lists", {"name": "Rotated"})
    with place.client(customer) as client:
        first = _post(client, sent, key)
        client.headers["X-API-Key"] = place.deployment.run(successor)
        assert _post(client, sent, key).content == first.content


def test_eight_clients_at_once_have_one_effect(place: Place, customer: Customer) -> None:
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(CLIENTS))
        clients = [stack.enter_context(place.client(customer)) for _ in range(CLIENTS)]
        for number in range(ROUNDS):
            kinds = (
                Sent("/v1/lists", {"name": f"Round {number}"}),
                Sent("/v1/companies/batch", {"domains": [f"c{10 + number}.example"]}),
                Sent("/v1/companies/refresh", {"domains": [f"c{number}.example"]}),
            )
            for sent in kinds:
                key = secrets.token_hex(8)
                answers = list(pool.map(lambda one, s=sent, k=key: _post(one, s, k), clients))
                good = [one for one in answers if one.is_success]
                for one in answers:
                    if one not in good:
                        assert one.status_code == 409, one.text
                        assert one.json()["error"]["code"] == "idempotency_key_in_use"
                        assert one.headers["retry-after"] == "1"
                assert len({one.content for one in good}) == 1
                firsts = [one for one in good if "idempotency-replayed" not in one.headers]
                assert len(firsts) == 1
    names = place.rows("SELECT name FROM lists WHERE org_id = :org", org=customer.org.org_id)
    assert sorted(row[0] for row in names) == [f"Round {number}" for number in range(ROUNDS)]
    assert place.charges(customer) == [1] * ROUNDS
    jobs = place.rows(
        "SELECT COUNT(*) FROM refresh_jobs WHERE org_id = :org", org=customer.org.org_id
    )
    assert jobs[0][0] == ROUNDS


def test_an_answer_that_got_lost_is_told_again(place: Place, customer: Customer) -> None:
    body = orjson.dumps({"domains": ["c30.example", "c31.example"]})
    key = secrets.token_hex(8)
    head = (
        f"POST {httpx.URL(place.server.trace).path.rstrip('/')}/v1/companies/batch HTTP/1.1\r\n"
        f"Host: x\r\nX-API-Key: {customer.key}\r\n{HEADER}: {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    for _ in range(5):
        # Gone before the answer can come.
        with socket.create_connection(("127.0.0.1", place.server.port), 60) as connection:
            connection.sendall(head + body)
    with place.client(customer) as client:
        sent = Sent("/v1/companies/batch", orjson.loads(body))
        while (answer := client.post(sent.path, content=body, headers={
            HEADER: key, "Content-Type": "application/json"
        })).status_code == 409:  # fmt: skip
            pass
    assert answer.headers["x-credits-charged"] == "2"
    assert place.charges(customer) == [2]
