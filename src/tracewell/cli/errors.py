"""What a person sees of a failure: one line on standard error and an exit code, never a trace.

Codes: 0 done, 1 refused (what was asked cannot be done), 2 wrong usage or settings, 3 the database
or another part cannot be reached.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from tracewell.intrace.role_file import RoleFileWrong
from tracewell.kernel.credits import AccountNotFound, BookedOtherwise
from tracewell.kernel.database import DatabaseFailed, MigrationFailed
from tracewell.kernel.identity.passwords import PasswordRefused
from tracewell.kernel.identity.service import IdentityRefused
from tracewell.kernel.mail import MailFailed
from tracewell.kernel.signing import SigningFailed
from tracewell.main.entities import EntityRefused
from tracewell.main.fingerprint_errors import CollectionRefused, RegistryUnreachable
from tracewell.main.secret_files import SecretUnusable
from tracewell.main.settings import SettingsWrong
from tracewell.trace.flags.model import FlagRefused

REFUSED = 1
USAGE = 2
UNREACHABLE = 3


def fail(message: str, code: int) -> NoReturn:
    """Ends the command with a line and a code."""
    click.echo(f"tracewell: {message}", err=True)
    sys.exit(code)


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turns the errors that a person can do something about into a line and a code."""
    try:
        yield
    except SettingsWrong as error:
        fail(f"these settings cannot be used:\n{error}", USAGE)
    except RoleFileWrong as error:
        fail(f"ROLE_FILE cannot be used:\n{error}", USAGE)
    except (
        BookedOtherwise,
        CollectionRefused,
        EntityRefused,
        FlagRefused,
        IdentityRefused,
        MigrationFailed,
        PasswordRefused,
    ) as error:
        fail(str(error), REFUSED)
    except SigningFailed as error:
        fail(str(error), REFUSED)
    except AccountNotFound:
        fail("the org has no credit account", REFUSED)
    except (DatabaseFailed, MailFailed, RegistryUnreachable, SecretUnusable) as error:
        fail(str(error), UNREACHABLE)
    except UnicodeEncodeError:
        fail("an argument or the input is not valid UTF-8", USAGE)
    except KeyboardInterrupt:
        fail("stopped", 130)
    except BrokenPipeError:
        # Whoever read has enough. What is still buffered goes nowhere, in silence.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
