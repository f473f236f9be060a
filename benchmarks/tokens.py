"""What verifying a bearer token costs with warm keys, by algorithm; and a session of our own.

CPU microseconds a token, the median of runs: `python -m benchmarks tokens`. The bound of the
contract's tracker is 150 a token.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson
from aiohttp import web
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from tracewell.intrace.access import AccessBook
from tracewell.intrace.bearer import Bearers, OidcBearer
from tracewell.intrace.sign_in.model import SignedInPerson
from tracewell.intrace.sign_in.sessions import Sessions
from tracewell.kernel.clock import system_clock
from tracewell.kernel.database import open_database
from tracewell.kernel.identity.keyring import Keyring
from tracewell.kernel.identity.keys import KeyHasher
from tracewell.kernel.oidc import OidcVerifier
from tracewell.main.ground import all_migrations

BOUND_US = 150
TOKENS = 500
RUNS = 9
AUDIENCE = "https://intrace.example.com"
KEYS: dict[str, RSAKey | ECKey | OKPKey] = {
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
    "PS256": RSAKey.generate_key(2048, {"kid": "pss", "alg": "PS256"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
}


async def serve_provider() -> tuple[web.AppRunner, str]:
    """A provider with a key of each kind, on a free port."""
    issuer = ""

    async def discover(request: web.Request) -> web.Response:
        return web.json_response({"issuer": issuer, "jwks_uri": f"{issuer}/jwks"})

    async def keys(request: web.Request) -> web.Response:
        return web.json_response({"keys": [key.as_dict(private=False) for key in KEYS.values()]})

    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", discover)
    app.router.add_get("/jwks", keys)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
    return runner, issuer


def new_token(algorithm: str, issuer: str, number: int) -> str:
    """A token as a provider makes it: some 900 characters, every one different."""
    now = int(time.time())
    claims = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": f"user-{number}",
        "email": f"user-{number}@example.org",
        "sid": f"session-{number}",
        "groups": [f"group-{place}" for place in range(8)],
        "iat": now,
        "exp": now + 3600,
        "scope": "openid email profile",
        "client_id": "some-client",
        "jti": f"{number:032x}",
    }
    header = {"alg": algorithm, "kid": KEYS[algorithm].kid, "typ": "at+jwt"}
    return jws.serialize_compact(header, orjson.dumps(claims), KEYS[algorithm], [algorithm])


async def measure(verify: Callable[[str], Awaitable[object]], tokens: list[str]) -> float:
    """CPU microseconds a token."""
    runs = []
    for _ in range(RUNS):
        began = time.process_time()
        for token in tokens:
            await verify(token)
        runs.append((time.process_time() - began) / len(tokens) * 1e6)
    return statistics.median(runs)


async def run() -> bool:
    """Prints a line for each kind of token; whether all are within the bound."""
    runner, issuer = await serve_provider()
    verifier = OidcVerifier(issuer, AUDIENCE, system_clock)
    await verifier.warm()
    within = True
    bearers = Bearers(None, OidcBearer(verifier))
    for algorithm in KEYS:
        tokens = [new_token(algorithm, issuer, number) for number in range(TOKENS)]
        cost = await measure(bearers.authenticate, tokens)
        within = within and cost <= BOUND_US
        print(f"{algorithm:8} {cost:7.1f} us a token of {len(tokens[0])} characters", flush=True)
    await runner.cleanup()
    return await measure_sessions() and within


async def measure_sessions() -> bool:
    """Tokens of the engine's own: first met (its row is read), and kept."""
    with tempfile.TemporaryDirectory() as folder:
        database = await open_database(f"sqlite:///{Path(folder) / 'tokens.db'}")
        try:
            await all_migrations().up(database)
            keyring = Keyring(database, KeyHasher(bytes(32)), system_clock)
            await keyring.start()
            sessions = Sessions(
                database, keyring, system_clock, AccessBook(), secret=bytes(32), lifetime_minutes=60
            )
            bearers = Bearers(sessions, None)
            person = SignedInPerson("saml", "ada", "ada@example.org", "s", ("a", "b"))
            tokens = [(await sessions.issue(person)).token for _ in range(TOKENS)]
            began = time.process_time()
            for token in tokens:
                await bearers.authenticate(token)
            first = (time.process_time() - began) / len(tokens) * 1e6
            kept = await measure(bearers.authenticate, tokens)
            print(f"session  {first:7.1f} us when first met, {kept:.1f} us afterwards")
            await keyring.stop()
        finally:
            await database.close()
    return first <= BOUND_US


if __name__ == "__main__":
    # A figure over the bound is told, and the run fails.
    raise SystemExit(0 if asyncio.run(run()) else 1)
