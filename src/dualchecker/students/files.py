"""Model folders, written beside and then moved into place."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dualchecker.errors import StudentError


@contextlib.contextmanager
def write_folder(folder: Path) -> Iterator[Path]:
    """A temporary sibling that replaces ``folder`` when the block ends well: a kill never leaves half a model."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
        if folder.exists():
            folder.rename(old)
        temporary.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_description(folder: Path) -> dict[str, Any]:
    """What ``dualchecker.json`` of a saved student says.

    Raises:
        StudentError: The folder holds no student.
    """
    try:
        description = json.loads((folder / "dualchecker.json").read_text(encoding="utf-8"))
        if not isinstance(description, dict) or "kind" not in description:
            raise ValueError("dualchecker.json names no kind of student")
    except (OSError, ValueError) as error:
        raise StudentError(
            f"{folder} holds no student.",
            why="There is no dualchecker.json in it: a run that has not ended has no student yet."
            if isinstance(error, FileNotFoundError)
            else str(error),
            fix="Name the folder of a finished run, or its student folder.",
        ) from error
    return description
