"""What a start would stumble over although each setting is well formed: files, names, extras.

Nothing is written, opened or asked over the network here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tracewell.intrace.role_file import RoleFileWrong
from tracewell.kernel.clock import system_clock
from tracewell.kernel.signing import SigningFailed, SigningKeyFile
from tracewell.main.connectors import wire_connectors
from tracewell.main.role_watch import load_role_file
from tracewell.main.settings import Settings, SettingsWrong


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
    wanted = settings.enabled_connectors
    if wanted is None:
        return
    connectors = wire_connectors(settings, system_clock, None)
    known = sorted(connector.spec.id for connector in connectors)
    for name in sorted(wanted.difference(known)):
        yield (
            f"CONNECTOR_ENABLED: {name!r} is no connector; there are {', '.join(known)} "
            "(for example phone_plan,email_domain)"
        )


def _iter_warnings(settings: Settings) -> Iterator[str]:
    path = settings.signing_private_key_path
    if path is not None:
        # The contract answers 500 signing_failed: the engine starts, and signs once it is mended.
        try:
            SigningKeyFile(path).get_key()
        except SigningFailed as error:
            yield (
                f"SIGNING_PRIVATE_KEY_PATH: {error}; no lookup is answered until it is mended "
                "(for example /etc/tracewell/signing.pem)"
            )
