"""What a person sees of a failure: one line on standard error and an exit code, never a trace.

Codes: 0 done, 1 refused (what was asked cannot be done), 2 wrong usage or settings, 3 the database
or another part cannot be reached.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

import click

REFUSED = 1
USAGE = 2
UNREACHABLE = 3

# What a person can do something about: where the error is defined, its name, the code. By name, so
# that a command, and each process that it starts, imports no more than it needs.
_TOLD = (
    ("tracewell.intrace.role_file", "RoleFileWrong", USAGE),
    ("tracewell.kernel.credits.model", "AccountNotFound", REFUSED),
    ("tracewell.kernel.credits.model", "BookedOtherwise", REFUSED),
    ("tracewell.kernel.database", "DatabaseFailed", UNREACHABLE),
    ("tracewell.kernel.database", "MigrationFailed", REFUSED),
    ("tracewell.kernel.identity.passwords", "PasswordRefused", REFUSED),
    ("tracewell.kernel.identity.service", "IdentityRefused", REFUSED),
    ("tracewell.kernel.mail", "MailFailed", UNREACHABLE),
    ("tracewell.kernel.signing", "SigningFailed", REFUSED),
    ("tracewell.main.entities", "EntityRefused", REFUSED),
    ("tracewell.main.fingerprint_errors", "CollectionRefused", REFUSED),
    ("tracewell.main.fingerprint_errors", "RegistryUnreachable", UNREACHABLE),
    ("tracewell.main.secret_files", "SecretUnusable", UNREACHABLE),
    ("tracewell.main.settings", "SettingsWrong", USAGE),
    ("tracewell.trace.flags.model", "FlagRefused", REFUSED),
)
_WORDS = {
    "AccountNotFound": "the org has no credit account",
    "RoleFileWrong": "ROLE_FILE cannot be used:\n{error}",
    "SettingsWrong": "these settings cannot be used:\n{error}",
}

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def fail(message: str, code: int) -> NoReturn:
    """Ends the command with a line and a code."""
    click.echo(f"tracewell: {message}", err=True)
    sys.exit(code)


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turns the errors that a person can do something about into a line and a code."""
    try:
        yield
    except tuple(told_errors()) as error:  # looked up only when something is raised
        name, code = told_errors()[_class_of(error)]
        fail(_WORDS.get(name, "{error}").format(error=error), code)
    except UnicodeError:
        fail("an argument or the input is not valid UTF-8", USAGE)
    except KeyboardInterrupt:
        fail("stopped", 130)
    except BrokenPipeError:
        # Whoever read has enough. What is still buffered goes nowhere, in silence.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        if error.filename is not None:
            fail(f"{error.filename}: {error.strerror}", USAGE)
        if error.errno in _DISK_FULL:
            fail(str(error.strerror), UNREACHABLE)
        raise


def told_errors() -> Mapping[type[BaseException], tuple[str, int]]:
    """Name and code of each error that is told in a line, of those whose modules are imported: no
    other can have been raised."""
    return {
        getattr(module, name): (name, code)
        for place, name, code in _TOLD
        if (module := sys.modules.get(place)) is not None and hasattr(module, name)
    }


def _class_of(error: BaseException) -> type[BaseException]:
    """The class that the error is listed by: its own or the nearest above."""
    listed = told_errors()
    return next(one for one in type(error).__mro__ if one in listed)
