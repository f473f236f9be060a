"""The end of a server: what has been begun is answered whole, and what was told is in the books."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import orjson
from tests.server.deployment import Deployment
from tests.server.load import Tally, clients
from tests.server.raw import connected, request
from tests.servers import Server

COMPANIES = 200


async def _end_under_load(server: Server, key: str, *signals: signal.Signals) -> Tally:
    async with clients(server.url, key, keep_alive=24, fresh=8, companies=COMPANIES) as tally:
        await asyncio.sleep(0.7)
        async with asyncio.timeout(60):
            while len(tally.answers) <= 100:
                await asyncio.sleep(0.05)
        for number in signals:
            server.process.send_signal(number)
            await asyncio.sleep(0.05)
    return tally


def _assert_nothing_lost(deployment: Deployment, workers: int, *signals: signal.Signals) -> None:
    deployment.add_companies(COMPANIES)
    customer = deployment.add_customer(credits=COMPANIES + 100)
    with deployment.start("trace", workers=workers) as server:
        tally = asyncio.run(_end_under_load(server, customer.key, *signals))
        assert server.stop() == 0
        assert "Traceback" not in server.log()
    assert tally.cut == []
    assert tally.statuses() == {200}
    told = tally.charged()
    assert told == deployment.charges(customer.org)
    assert deployment.balance(customer.org) == COMPANIES + 100 - sum(told.values())


def test_sigterm_under_load_cuts_no_request_and_loses_no_charge(
    deployment_on_each: Deployment,
) -> None:
    _assert_nothing_lost(deployment_on_each, 1, signal.SIGTERM)


def test_two_sigterms_to_several_workers_cut_no_request(deployment: Deployment) -> None:
    _assert_nothing_lost(deployment, 2, signal.SIGTERM, signal.SIGTERM)


def test_a_request_that_waits_for_the_database_is_finished_first(
    deployment_on_each: Deployment,
) -> None:
    deployment_on_each.add_companies(1)
    customer = deployment_on_each.add_customer()
    with deployment_on_each.start("trace") as server:
        with connected(server.port) as connection:
            with deployment_on_each.accounts_locked():
                connection.send(request("GET", "/v1/companies/c0", customer.key))
                time.sleep(0.3)
                server.process.terminate()
                # Longer than the server drains.
                time.sleep(2)
                assert server.process.poll() is None
            answer = connection.answer()
        assert server.stop() == 0
    assert (answer.status, answer.headers["x-credits-charged"]) == (200, "1")
    assert answer.headers["connection"] == "close"
    assert deployment_on_each.charges(customer.org) == {answer.headers["x-request-id"]: 1}


def test_a_leaving_server_says_so_and_waits_for_a_request_that_has_begun(
    deployment: Deployment,
) -> None:
    deployment.add_companies(1)
    customer = deployment.add_customer()
    with deployment.start("trace") as server:
        with connected(server.port) as begun, connected(server.port) as watching:
            data = request("GET", "/v1/companies/c0", customer.key)
            begun.send(data[:20])
            watching.send(request("GET", "/healthz"))
            assert watching.answer().status == 200
            server.process.terminate()
            time.sleep(0.3)
            watching.send(request("GET", "/readyz"))
            leaving = watching.answer()
            assert watching.is_closed()
            # The drain is over: idle connections are closed, this one is not idle.
            time.sleep(1.5)
            begun.send(data[20:])
            answer = begun.answer()
            assert begun.is_closed()
        assert server.stop() == 0
    assert (leaving.status, leaving.json["checks"]["server"]) == (503, "shutting down")
    assert leaving.headers["connection"] == "close"
    assert (answer.status, answer.json["slug"]) == (200, "c0")


def test_a_lookup_that_waits_for_a_hanging_source_is_finished_first(
    deployment: Deployment,
) -> None:
    key = deployment.add_service()
    records = deployment.data / "records"
    records.mkdir()
    manifest = "files: [{file: people.csv, columns: {mail: email.address}}]"
    (records / "records.yaml").write_text(manifest)
    # Nobody writes into it: whoever opens it for reading waits.
    os.mkfifo(records / "people.csv")
    body = orjson.dumps({"identifiers": [{"type": "email", "value": "jane@customer.example"}]})
    settings = {"CONNECTOR_TIMEOUT_SECONDS": "3"}
    with deployment.start("intrace", environment=settings) as server:
        with connected(server.port) as connection:
            connection.send(request("POST", "/v1/lookup", key, body))
            time.sleep(0.5)
            server.process.terminate()
            answer = connection.answer()
        assert server.stop() == 0
    assert answer.status == 200
    assert answer.headers["connection"] == "close"
    statuses = {told["connector_id"]: told["status"] for told in answer.json["coverage"]}
    assert statuses["own_records"] == "timed_out"
    assert statuses["email_domain"] == "answered"
