"""The command line: one file a verb."""

import errno
import signal
import sys

from dualchecker.cli.app import app

_INTERRUPTED = 130

_FULL, _FORBIDDEN = {"ENOSPC", "EDQUOT", "EFBIG", "EIO"}, {"EROFS", "EACCES", "EPERM", "ENOENT", "ENOTDIR", "EISDIR"}
_ABOUT_FILES = {getattr(errno, name) for name in _FULL | _FORBIDDEN if hasattr(errno, name)}
"""Whichever file it was: a traceback would say it no better."""


def main() -> None:
    """Run a verb; a user's mistake ends with a message and an exit code, never with a traceback."""
    from dualchecker.cli.display import print_error
    from dualchecker.errors import DualcheckerError

    # A supervisor's polite stop ends like Ctrl-C: what is answered is in the ledger.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except DualcheckerError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in _ABOUT_FILES:
            raise
        print_error(
            DualcheckerError(
                f"{error.filename or 'A file'} cannot be read or written.",
                why=error.strerror or str(error),
                fix="Free some room or mend the permissions, then run again: what is in the ledger is kept.",
            )
        )
        sys.exit(DualcheckerError.exit_code)
    except SystemExit as stop:
        if stop.code == _INTERRUPTED:  # typer turns Ctrl-C into this, without a word
            sys.stderr.write("\ninterrupted: nothing that was answered is lost; run the same command again to go on\n")
        raise


__all__ = ["app", "main"]
