"""The end of a server: what has been begun is answered whole, and what was told is in the books."""

from __future__ import annotations

import asyncio
import signal

from tests.server.deployment import Deployment
from tests.server.load import Tally, clients
from tests.servers import Server

COMPANIES = 200


async def _end_under_load(server: Server, key: str, *signals: signal.Signals) -> Tally:
    async with clients(server.url, key, keep_alive=24, fresh=8, companies=COMPANIES) as tally:
        await asyncio.sleep(0.7)
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
    assert len(tally.answers) > 100
    told = tally.charged()
    assert told == deployment.charges(customer.org)
    assert deployment.balance(customer.org) == COMPANIES + 100 - sum(told.values())


def test_sigterm_under_load_cuts_no_request_and_loses_no_charge(
    deployment_on_each: Deployment,
) -> None:
    _assert_nothing_lost(deployment_on_each, 1, signal.SIGTERM)


def test_two_sigterms_to_several_workers_cut_no_request(deployment: Deployment) -> None:
    _assert_nothing_lost(deployment, 2, signal.SIGTERM, signal.SIGTERM)
