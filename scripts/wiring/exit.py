"""Turns an error into one sentence and the exit code of its family. Only a programmer's mistake gives a traceback."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click

from fl.audit.plain_words import without_names
from fl.protocol.errors import HemaledgerError, refused_write
from fl.protocol.names import shown_lines

P = ParamSpec("P")
R = TypeVar("R")
INTERRUPTED = 130


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """Wrap a command: print a HemaledgerError on standard error and exit with its family's code.

    A file that the system refuses is no programmer's mistake either.
    """

    @functools.wraps(command)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except HemaledgerError as error:
            click.secho(shown_lines(without_names(str(error))), fg="red", err=True)
            sys.exit(error.exit_code)
        except OSError as error:
            if error.filename is None:
                raise
            refused = refused_write(str(error.filename), error)
            click.secho(shown_lines(str(refused)), fg="red", err=True)
            sys.exit(refused.exit_code)
        except KeyboardInterrupt:
            click.echo("Stopped.", err=True)
            sys.exit(INTERRUPTED)

    return inner
