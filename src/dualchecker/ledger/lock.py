"""One writer: an operating-system lock beside the ledger."""

import os
import sys
from pathlib import Path
from typing import IO

from dualchecker.errors import LedgerBusyError


def acquire(file: Path) -> IO[str]:
    """Hold an operating-system lock beside the ledger; the system frees it even when the process is killed."""
    handle = file.with_name(file.name + ".lock").open("a+", encoding="utf-8")
    try:
        if sys.platform == "win32":
            import msvcrt

            handle.seek(0)
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.seek(0)
        holder = handle.read().strip()
        handle.close()
        raise LedgerBusyError(
            f"Another process is writing {file}.",
            why=f"It is held by process {holder}." if holder else "",
            fix="Wait for it to end, stop it, or give this run another output folder.",
        ) from None
    handle.seek(0)
    handle.truncate()
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def release(lock: IO[str] | None) -> None:
    """Let go of the lock, if one is held."""
    if lock is not None:
        lock.close()
