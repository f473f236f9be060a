"""How a command works on the deployment's database: the ground opened, used, closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from tracewell.main.ground import Ground, open_ground
from tracewell.main.settings import load_settings

Result = TypeVar("Result")


def run_on_ground(data: Path | None, work: Callable[[Ground], Awaitable[Result]]) -> Result:
    """Does `work` over the database of the settings; raises what `open_ground` and it raise."""
    settings = load_settings(data=data)

    async def run() -> Result:
        async with open_ground(settings) as ground:
            return await work(ground)

    return asyncio.run(run())
