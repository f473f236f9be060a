"""What a start would stumble over although each setting is well formed: files, names, extras.

Nothing is written, opened or asked over the network here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tracewell.intrace.connectors.model import ConnectorSpec
from tracewell.intrace.connectors.planning import LOCAL
from tracewell.intrace.role_file import RoleFileWrong
from tracewell.kernel.clock import system_clock
from tracewell.kernel.signing import SigningFailed, SigningKeyFile
from tracewell.kernel.signing.document_key import read_document_key
from tracewell.main.connectors import read_connector_keys, wire_connectors
from tracewell.main.role_watch import load_role_file
from tracewell.main.secret_files import SecretUnusable
from tracewell.main.settings import Settings, SettingsWrong

# What a deployment does without where the folder is not there; it may be mounted later.
_FOLDERS = {
    "own_records_path": "own records are not asked",
    "watchlists_path": "no watchlist is asked",
    "mmdb_path": "addresses are not located",
    "connectors_path": "no connector is loaded from there",
    "pdf_fonts_path": "PDF files have the own fonts alone",
}


@dataclass(frozen=True, slots=True)
class Findings:
    """`problems` keep a server from starting; with `warnings` it starts, and does less."""

    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def find_problems(settings: Settings) -> Findings:
    """What is wrong with the deployment that settings describe, each by its variable."""
    if settings.product == "trace":
        return Findings((), ())
    problems = (*_iter_role_problems(settings), *_iter_connector_problems(settings))
    return Findings(problems, tuple(_iter_warnings(settings)))


def require_startable(settings: Settings) -> tuple[str, ...]:
    """Raises SettingsWrong; returns the warnings."""
    findings = find_problems(settings)
    if findings.problems:
        raise SettingsWrong("\n".join(findings.problems))
    return findings.warnings


def _iter_role_problems(settings: Settings) -> Iterator[str]:
    if settings.role_file is None:
        return
    try:
        load_role_file(settings.role_file)
    except RoleFileWrong as error:
        for problem in error.problems:
            yield f"ROLE_FILE: {problem} (`tracewell roles check` tells all)"


def _iter_connector_problems(settings: Settings) -> Iterator[str]:
    wanted, urls = settings.enabled_connectors or (), settings.connector_base_urls
    try:
        filed = read_connector_keys(settings.connector_keys_path)
    except SecretUnusable as error:
        yield f"CONNECTOR_KEYS_PATH: {error} (for example /etc/tracewell/connector-keys)"
        filed = {}
    keys = settings.connector_own_keys
    if not (wanted or urls or keys or filed):
        return
    specs = {c.spec.id: c.spec for c in wire_connectors(settings, system_clock, None)}
    yield from _iter_unknown("CONNECTOR_ENABLED", wanted, (LOCAL, *specs), "local,dns,rdap,github")
    yield from _iter_unknown("CONNECTOR_URLS", urls, specs, "mastodon=https://social.example.com")
    yield from _iter_unknown("CONNECTOR_KEYS", keys, specs, "hibp=(your key)")
    yield from _iter_unknown("CONNECTOR_KEYS_PATH", filed, specs, "a line hibp=(your key)")
    by_variable = {"CONNECTOR_KEYS": keys, "CONNECTOR_KEYS_PATH": filed}
    yield from _iter_without_effect(specs, urls, by_variable)


def _iter_unknown(
    variable: str, named: Iterable[str], known: Iterable[str], example: str
) -> Iterator[str]:
    there = sorted(known)
    for name in sorted(set(named).difference(there)):
        yield (
            f"{variable}: {name!r} is no connector; there are {', '.join(there)} "
            f"(for example {example})"
        )


def _iter_without_effect(
    specs: Mapping[str, ConnectorSpec],
    urls: Iterable[str],
    keys: Mapping[str, Iterable[str]],
) -> Iterator[str]:
    """Entries for a connector that has no use for one: whoever wrote it meant another."""
    for name in sorted(specs.keys() & set(urls)):
        if specs[name].upstream is None:
            yield (
                f"CONNECTOR_URLS: {name} has no address that could be replaced "
                "(for example mastodon=https://social.example.com)"
            )
    for variable, given in keys.items():
        for name in sorted(specs.keys() & set(given)):
            upstream = specs[name].upstream
            if upstream is None or upstream.auth is None:
                yield f"{variable}: {name} takes no key (for example hibp=(your key))"


def _iter_warnings(settings: Settings) -> Iterator[str]:
    # The contract answers 500 signing_failed: the engine starts, and signs once it is mended.
    if (path := settings.signing_private_key_path) is not None:
        try:
            SigningKeyFile(path).get_key()
        except SigningFailed as error:
            yield (
                f"SIGNING_PRIVATE_KEY_PATH: {_unended(error)}; no lookup is answered until it is "
                "mended (for example /etc/tracewell/signing.pem)"
            )
    if (path := settings.pdf_signing_path) is not None:
        try:
            read_document_key(path)
        except SigningFailed as error:
            yield (
                f"PDF_SIGNING_PATH: {_unended(error)}; no PDF is made until it is mended "
                "(for example /etc/tracewell/pdf-signing.pem)"
            )
    for name, lost in _FOLDERS.items():
        folder = getattr(settings, name)
        if folder is not None and not folder.is_dir():
            example = (Settings.model_fields[name].examples or [""])[0]
            yield f"{name.upper()}: {folder} is no folder; {lost} (for example {example})"


def _unended(error: SigningFailed) -> str:
    return str(error).removesuffix(".")
