"""A second process with a keyring: says when a key is accepted, and when it no longer is.

watcher.py URL SECRET KEY prints `accepted`, then `<reason> <monotonic seconds>` of the refusal.
"""

from __future__ import annotations

import asyncio
import sys
import time

from tracewell.kernel.clock import system_clock
from tracewell.kernel.database import open_database
from tracewell.kernel.identity.keyring import Keyring
from tracewell.kernel.identity.keys import KeyHasher
from tracewell.kernel.identity.model import CredentialRefused


async def main(url: str, secret: str, key: str) -> None:
    database = await open_database(url)
    keyring = Keyring(database, KeyHasher(secret.encode()), system_clock)
    await keyring.start()
    await keyring.authenticate(key)
    print("accepted", flush=True)
    try:
        while True:
            await keyring.authenticate(key)
            await asyncio.sleep(0.005)
    except CredentialRefused as error:
        print(error.refusal.value, time.monotonic(), flush=True)
    await keyring.stop()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
