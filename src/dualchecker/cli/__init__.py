"""The command line: one file a verb."""

import signal
import sys

from dualchecker.cli.app import app

_INTERRUPTED = 130


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
    except OSError as error:  # a full disk, a folder that may not be written, at whichever file
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
