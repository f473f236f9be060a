"""Connector `ip_location`: country, place and network of an IP address, from local MMDB files.

Reads any mix of City, Country, ASN, ISP and Anonymous IP databases (MaxMind DB format 2.0) in the
configured directory; where they come from is the operator's choice and licence.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import maxminddb

from tracewell.intrace.connectors.model import (
    AskContext,
    Clock,
    Condition,
    Connector,
    ConnectorSpec,
    CostClass,
    HealthStatus,
    PartialAnswerError,
    observe,
)
from tracewell.intrace.connectors.threads import call_in_thread
from tracewell.intrace.identifiers.model import Identifier, IdentifierType
from tracewell.values import Observation

DATABASES_MAX: Final = 20

_PATHS: Final[Mapping[str, tuple[tuple[str | int, ...], ...]]] = MappingProxyType(
    # predicate: where its value may stand in a database's record, first found wins
    {
        "ip.country": (("country", "iso_code"), ("registered_country", "iso_code")),
        "ip.region": (("subdivisions", 0, "names", "en"),),
        "ip.city": (("city", "names", "en"),),
        "ip.latitude": (("location", "latitude"),),
        "ip.longitude": (("location", "longitude"),),
        "ip.accuracy_radius_km": (("location", "accuracy_radius"),),
        "ip.time_zone": (("location", "time_zone"),),
        "ip.asn": (("autonomous_system_number",),),
        "ip.asn_organization": (("autonomous_system_organization",),),
        "ip.is_anonymous": (("is_anonymous",),),
    }
)


@dataclass(frozen=True, slots=True)
class _Database:
    """An open file, or why it could not be opened."""

    name: str
    stamp: tuple[int, int]
    reader: maxminddb.Reader | None


class IpLocation(Connector):
    """Where an address is announced and by whom; a database knows networks, not people."""

    spec = ConnectorSpec(
        id="ip_location",
        name="IP geolocation and networks",
        accepts=frozenset({IdentifierType.IP}),
        yields=("ip.address", *_PATHS),
        terms_url=None,
        licence="that of the configured databases",
        cost_class=CostClass.LOCAL,
        timeout_s=2.0,
        is_reference=True,
    )

    def __init__(self, directory: Path | None, *, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._lock = threading.Lock()
        self._databases: dict[str, _Database] = {}

    def find_obstacle(self) -> str | None:
        """No directory, or none with a database in it."""
        if self._directory is None:
            return "no directory of MMDB files is configured"
        if not self._directory.is_dir() or not any(self._directory.glob("*.mmdb")):
            return "the configured directory holds no .mmdb file"
        return None

    async def ask(self, identifier: Identifier, context: AskContext) -> Sequence[Observation]:
        """One record per database that knows the address; partial when one cannot be read."""
        return await call_in_thread(lambda: self._look_up(identifier.value, context.clock()))

    async def check_health(self, context: AskContext) -> Condition:
        """Opens every database and looks one address up in each."""
        broken, total = await call_in_thread(self._find_broken)
        if broken and len(broken) == total:
            return Condition(HealthStatus.UNREACHABLE, f"unreadable: {', '.join(broken)}")
        if broken:
            return Condition(HealthStatus.DEGRADED, f"unreadable: {', '.join(broken)}")
        return Condition(HealthStatus.REACHABLE)

    def _look_up(self, address: str, now: int) -> tuple[Observation, ...]:
        observations: list[Observation] = []
        broken = []
        for database in self._open():
            try:
                record = database.reader.get(address) if database.reader else None
            except (maxminddb.InvalidDatabaseError, UnicodeDecodeError, OSError):
                broken.append(database.name)
                continue
            except ValueError:
                continue  # an IPv6 address and a database of IPv4 networks
            if database.reader is None:
                broken.append(database.name)
            if not isinstance(record, dict):
                continue
            statements = [("ip.address", address), *_statements(record)]
            if len(statements) > 1:
                observations += observe(
                    f"{database.name}:{address}",
                    statements,
                    source_url=f"mmdb:{database.name}",
                    observed_at=_built_at(database, now),
                    record=record,
                )
        if broken:
            raise PartialAnswerError(f"unreadable: {', '.join(broken)}", observations)
        return tuple(observations)

    def _find_broken(self) -> tuple[list[str], int]:
        databases = self._open()
        broken = []
        for database in databases:
            try:
                if database.reader is None:
                    broken.append(database.name)
                else:
                    database.reader.get("192.0.2.1")
            except (maxminddb.InvalidDatabaseError, UnicodeDecodeError, OSError):
                broken.append(database.name)
        return broken, len(databases)

    def _open(self) -> list[_Database]:
        """The databases of the directory, opened once and again when a file changed."""
        assert self._directory is not None
        with self._lock:
            found: dict[str, _Database] = {}
            for path in sorted(self._directory.glob("*.mmdb"))[:DATABASES_MAX]:
                status = path.stat()
                stamp = (status.st_mtime_ns, status.st_size)
                known = self._databases.get(path.name)
                is_same = known is not None and known.stamp == stamp
                found[path.name] = known if known and is_same else _open_database(path, stamp)
            self._databases = found
            return list(found.values())


def _open_database(path: Path, stamp: tuple[int, int]) -> _Database:
    try:
        reader = maxminddb.open_database(str(path))
    except (maxminddb.InvalidDatabaseError, OSError, ValueError):
        return _Database(path.name, stamp, None)
    return _Database(path.name, stamp, reader)


def _built_at(database: _Database, now: int) -> int:
    """When the database was built, in milliseconds: that old is what it says."""
    if database.reader is None:
        return now
    return min(now, int(database.reader.metadata().build_epoch) * 1000)


def _statements(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    statements = []
    for predicate, paths in _PATHS.items():
        value = next((v for path in paths if (v := _dig(record, path)) is not None), None)
        if isinstance(value, bool):
            statements.append((predicate, "true" if value else "false"))
        elif isinstance(value, str | int | float):
            statements.append((predicate, str(value)))
    return statements


def _dig(record: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        if isinstance(step, int):
            record = record[step] if isinstance(record, list) and len(record) > step else None
        else:
            record = record.get(step) if isinstance(record, dict) else None
        if record is None:
            return None
    return record
