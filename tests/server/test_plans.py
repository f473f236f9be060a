"""Plans are configuration: what they grant and how often their keys may ask, over a real server."""

from __future__ import annotations

import time

import httpx
import pytest
from tests.server.deployment import Customer, Deployment
from tests.servers import Server

from tracewell.main.ground import Ground
from tracewell.main.settings import SettingsWrong, load_settings

PASSWORD = "a password of some length"
PLANS = {"PLANS": "free=7:40,team=9:50,partner=0"}
NEW_RATE_SEEN_WITHIN_S = 20


def limit_of(server: Server, headers: dict[str, str]) -> int:
    """What an answer says of the limit of whoever asks."""
    answer = httpx.get(f"{server.url}/v1/credits", headers=headers)
    assert answer.status_code == 200, answer.text
    return int(answer.headers["X-RateLimit-Limit"])


def session_of(deployment: Deployment, server: Server, customer: Customer) -> dict[str, str]:
    """The customer's user, signed in with a password."""

    async def give_password(ground: Ground) -> None:
        identity = ground.identity
        await identity.set_password(await identity.get_user(customer.email), PASSWORD)

    deployment.run(give_password)
    signed_in = httpx.post(
        f"{server.url}/auth/sign-in", json={"email": customer.email, "password": PASSWORD}
    )
    return {"Authorization": f"Bearer {signed_in.json()['token']}"}


def test_a_plan_has_its_rate_and_its_grant(deployment_on_each: Deployment) -> None:
    customer = deployment_on_each.add_customer(credits=0, per_minute=None)
    special = deployment_on_each.add_customer(credits=0, per_minute=300)
    with deployment_on_each.start("trace", environment=PLANS) as server:
        key = {"X-API-Key": customer.key}
        session = session_of(deployment_on_each, server, customer)
        assert limit_of(server, key) == limit_of(server, session) == 40
        assert limit_of(server, {"X-API-Key": special.key}) == 300

        moved = server.prepare("org", "set-plan", customer.org.name, "team")
        assert moved["next_grant_credits"] == 9
        deadline = time.monotonic() + NEW_RATE_SEEN_WITHIN_S
        while limit_of(server, key) != 50:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert limit_of(server, session) == 50

        # A plan without a rate of its own has the server's.
        made = server.prepare("org", "create", "Partner Ltd", "--plan", "partner")
        assert made["plan"] == "partner"
        assert server.prepare("credits", "show", "Partner Ltd")["balance"] == 0
        assert server.prepare("org", "create", "New Ltd")["plan"] == "free"
        assert server.prepare("credits", "show", "New Ltd")["balance"] == 7


@pytest.mark.parametrize(
    ("plans", "told"),
    [
        ("gold", "NAME=CREDITS"),
        ("free=100,", "NAME=CREDITS"),
        ("Free=100", "NAME=CREDITS"),
        ("free=-1", "NAME=CREDITS"),
        ("free=100,free=200", "free stands there twice"),
        ("free=2000000000", "more than 1000000000 credits"),
        ("free=100:0", "rate outside of 1"),
        (",".join(f"p{number}=1" for number in range(51)), "more than 50 plans"),
    ],
)
def test_plans_that_cannot_be_are_told_by_the_variable_s_name(plans: str, told: str) -> None:
    with pytest.raises(SettingsWrong, match=rf"^PLANS: .*{told}.*for example free=100"):
        load_settings(plans=plans)
