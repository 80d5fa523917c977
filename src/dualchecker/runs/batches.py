"""What people do with the batches of a run: bring results back by hand, look, cancel, give up."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

from dualchecker.asking.request_files import is_answer, is_request, is_result, read_results
from dualchecker.config import RunConfig
from dualchecker.errors import ConfigError, DataError
from dualchecker.ledger import Batch, BatchBook, Ledger
from dualchecker.ledger.batches import BY_HAND
from dualchecker.teachers import OpenAITeacher
from dualchecker.teachers.batch_files import BatchFiles, RemoteBatch

T = TypeVar("T")

_TOGETHER = 500


@dataclass
class Imported:
    """What files of results have brought.

    Attributes:
        answers: Results that are new and answer a request.
        errors: Results that are new and tell of an error.
        again: Those that were there already, or whose requests are settled.
        strangers: Ids of no request of this run.
        unreadable: Lines that are no results.
    """

    answers: int = 0
    errors: int = 0
    again: int = 0
    strangers: list[str] = field(default_factory=list)
    unreadable: int = 0


def import_results(ledger: Ledger, files: Sequence[Path]) -> Imported:
    """Keep results until the run asks for them. The same ones once more change nothing.

    Raises:
        DataError: A file cannot be read, or is none of results; then nothing of any file is kept.
        LedgerError: The ledger cannot be written.
    """
    found, book = Imported(), BatchBook(ledger)
    for file in files:
        with _reading(file):
            _check_results(file)
    for file in files:
        with _reading(file):
            lines = ((key if is_result(line) else None, line) for key, line in read_results(file))
            while group := list(islice(lines, _TOGETHER)):
                _import_group(ledger, book, group, found)
    return found


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"The results {file} cannot be read.", why=str(error), fix="Check the path.") from error


def _check_results(file: Path) -> None:
    results = 0
    for number, (_, line) in enumerate(read_results(file), 1):
        if is_request(line):
            raise DataError(
                f"{file} is the file of requests, not of results; nothing was imported.",
                why=f"Its line {number:,} has a request (method, url, body) and neither a response nor an error.",
                fix="Download the files of results and of errors from the provider, and import those.",
            )
        results += is_result(line)
    if not results:
        raise DataError(
            f"There is no result in {file}; nothing was imported.",
            why="A result is a line of JSON with custom_id and response or error.",
            fix="Import the files of results and of errors as the provider gives them.",
        )


def _import_group(ledger: Ledger, book: BatchBook, group: Sequence[tuple[str | None, str]], found: Imported) -> None:
    keys = sorted({key for key, _ in group if key is not None})
    known = book.known(keys)
    settled = {*ledger.replies(keys), *ledger.failures(keys)}
    found.unreadable += sum(key is None for key, _ in group)
    found.strangers += [key for key in keys if key not in known]
    new = book.keep((str(key), line) for key, line in group if key in known and key not in settled)
    answers = sum(map(is_answer, new))
    found.answers += answers
    found.errors += len(new) - answers
    found.again += sum(key in known for key, _ in group) - len(new)


def cancel(config: RunConfig, ledger: Ledger, names: Iterable[str] = ()) -> list[tuple[Batch, RemoteBatch]]:
    """Ask the provider to stop work on open batches; what is done of them is kept, and the next run reads it.

    Args:
        config: Says how to reach the provider.
        ledger: Open for writing.
        names: Which ones; all that the provider has, if none is given.

    Raises:
        ConfigError: No open batch has that name, or the run file does not reach its provider.
        TeacherError: The provider does not answer.
    """
    book = BatchBook(ledger)
    batches = [batch for batch in _chosen(book, names) if batch.remote]
    cancelled = []
    for batch in batches:
        remote = _at_provider(config, batch, lambda files, batch=batch: files.cancel(batch.remote))  # type: ignore[misc]
        cancelled.append((book.note(batch, state=remote.status), remote))
    return cancelled


def forget(ledger: Ledger, names: Iterable[str]) -> list[Batch]:
    """Give batches up: their requests are sent, and paid for, again; results that still come are not looked for.

    Args:
        ledger: Open for writing.
        names: Which ones; all that are open, if none is given.

    Raises:
        ConfigError: No open batch has that name.
    """
    book = BatchBook(ledger)
    return [book.note(batch, state="forgotten", ended=True) for batch in _chosen(book, names)]


def name_of(batch: Batch) -> str:
    """What people call a batch: the provider's name, or its file's."""
    return batch.remote or batch.file


def state_of(batch: Batch) -> str:
    """Its state in words."""
    if batch.state == BY_HAND:
        return "all results are in" if batch.ended else "by hand: waits for results"
    return batch.state.replace("_", " ") + (" (ended)" if batch.ended else "")


def _chosen(book: BatchBook, names: Iterable[str]) -> Iterator[Batch]:
    wanted, batches = list(names), book.open()
    for name in wanted:
        if not any(name_of(batch) == name for batch in batches):
            known = ", ".join(map(name_of, batches)) or "none"
            raise ConfigError(f"There is no open batch {name}.", fix=f"Open ones: {known}.")
    return (batch for batch in batches if not wanted or name_of(batch) in wanted)


def _at_provider(config: RunConfig, batch: Batch, call: Callable[[BatchFiles], Awaitable[T]]) -> T:
    async def run() -> T:
        for section in config.teacher.voices:
            if section.kind == "openai" and section.label == batch.teacher:
                teacher = OpenAITeacher(section.model_copy(update={"batch": "api"}))
                try:
                    files = teacher.batch
                    if files is not None and files.address == batch.address:
                        return await call(files)
                finally:
                    await teacher.aclose()
        raise ConfigError(
            f"The run file names no teacher {batch.teacher} at {batch.address}, where the batch {batch.remote} is.",
            fix="Set teacher.model and teacher.base_url to those that it was sent with.",
        )

    return asyncio.run(run())
