"""The connectors of a deployment and what they work with, made from its settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tracewell.intrace.connectors.means import Means
from tracewell.intrace.connectors.memory import AnswerMemory
from tracewell.intrace.connectors.model import Connector
from tracewell.intrace.connectors.network.client import HttpClient
from tracewell.intrace.connectors.network.dns_client import system_name_servers
from tracewell.intrace.connectors.network.network import Network
from tracewell.intrace.connectors.network.secrecy import SourceOptions
from tracewell.intrace.connectors.network.shared_pace import SharedPace
from tracewell.intrace.connectors.registry import ConnectorSettings, build_connectors
from tracewell.intrace.connectors.sources.trace import CompanyDirectory
from tracewell.kernel.clock import Clock
from tracewell.main.secret_files import SecretUnusable
from tracewell.main.settings import Settings
from tracewell.web.client import FetchLimits
from tracewell.web.fetcher import Fetcher, Manners

_KEYS_BYTES_MAX = 1 << 20


def wire_connectors(
    settings: Settings, clock: Clock, companies: CompanyDirectory | None = None
) -> tuple[Connector, ...]:
    """One of each connector, those of the deployment's own folder included."""
    records = settings.own_records_path or settings.data / "records"
    own = settings.connectors_path or settings.data / "connectors"
    lists = settings.watchlists_path or settings.data / "watchlists"
    return build_connectors(
        ConnectorSettings(
            clock=clock,
            own_records_directory=records if records.is_dir() else None,
            mmdb_directory=settings.mmdb_path,
            company_directory=companies,
            connectors_directory=own if own.is_dir() else None,
            watchlist_directory=lists if lists.is_dir() else None,
        )
    )


def wire_means(settings: Settings, clock: Clock) -> Means:
    """The network and the memory of answers. Raises SecretUnusable for a bad file of keys."""
    keys = {**read_connector_keys(settings.connector_keys_path), **settings.connector_own_keys}
    urls = settings.connector_base_urls
    options = {
        connector_id: SourceOptions(keys.get(connector_id), urls.get(connector_id))
        for connector_id in {*keys, *urls}
    }
    contact_url = settings.crawl_contact_url
    holes = settings.connector_holes
    network = Network(
        HttpClient(
            clock=clock,
            contact_url=contact_url,
            allow=holes,
            pace=SharedPace(settings.data / "pace"),
        ),
        name_servers=settings.connector_name_servers or system_name_servers(),
        options=options,
        fetcher=Fetcher(
            contact_url=contact_url,
            clock=clock,
            allow=holes,
            limits=FetchLimits(total_timeout_s=settings.connector_timeout_seconds),
            manners=Manners(
                pause_s=0.5, connections_per_host=2, crawl_delay_s_max=2.0, retry_after_s_max=2.0
            ),
        ),
    )
    return Means(network, AnswerMemory())


def read_connector_keys(path: Path | None) -> Mapping[str, str]:
    """The `id=key` lines of a file; empty lines and those that open with # are left out.

    Raises SecretUnusable.
    """
    if path is None:
        return {}
    try:
        with path.open("rb") as file:
            text = file.read(_KEYS_BYTES_MAX).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SecretUnusable(f"{path} cannot be read ({type(error).__name__})") from None
    keys = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            name, equals, key = line.partition("=")
            if not (equals and name.strip() and key.strip()):
                raise SecretUnusable(f"{path}: line {number} does not read id=key")
            keys[name.strip()] = key.strip()
    return keys
