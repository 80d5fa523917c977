"""What a run says about batches."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from dualchecker.errors import BatchPending, BudgetError, TeacherError
from dualchecker.ledger import Batch
from dualchecker.teachers.batch_files import ENDPOINT, RemoteBatch

_GIVE_UP = "`dualchecker batch cancel` or `dualchecker batch forget`"


def named(batches: Iterable[Batch]) -> str:
    """Batches by number and name."""
    names = [batch.remote or batch.file for batch in batches]
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{len(names)} batch{'es' if len(names) > 1 else ''} ({', '.join(names[:3])}{rest})"


def pending(batches: Sequence[Batch], requests: int) -> BatchPending:
    """The run has waited as long as it may."""
    return BatchPending(
        f"{named(batches)} with {requests:,} requests: the provider has not done all of them yet.",
        why="limits.batch_wait is over.",
        fix="Run the same command again later, even days later: it goes on where it stopped; nothing is paid twice.",
    )


def to_be_sent(batches: Sequence[Batch], folder: Path, requests: int) -> BatchPending:
    """Files wait for somebody."""
    paths = ", ".join(str(folder / batch.file) for batch in batches)
    return BatchPending(
        f"{requests:,} requests wait to be sent by hand: {paths}",
        fix=f"Send each file to the provider's batch form (endpoint {ENDPOINT}), bring the files of results back with "
        "`dualchecker batch import RUN.yaml RESULTS.jsonl`, and run the same command again.",
    )


def too_few(fit: int, waiting: int, least: int, refusal: BudgetError) -> BudgetError:
    """The money would do for a crumb of a batch, which takes as long as a whole one."""
    return BudgetError(
        f"limits.max_cost leaves room for {fit:,} of the {waiting:,} requests that are left: too few for a batch.",
        why=f"{refusal.why} limits.batch_least is {least:,}.".strip(),
        fix="Raise limits.max_cost and run the same command again: what is paid for is kept. To send so few all the "
        "same, lower limits.batch_least.",
    )


def elsewhere(batch: Batch, address: str) -> TeacherError:
    """A batch was sent to another address than the one that is now asked."""
    return TeacherError(
        f"Requests of this run are under way in the batch {batch.remote or batch.file}, sent "
        f"{f'to {batch.address}' if batch.address else 'by hand'}.",
        why=f"The run file now asks {address or 'by hand'}; sending them there would pay for them twice.",
        fix=f"Set teacher.base_url and teacher.batch back and run again; or give the batch up with {_GIVE_UP}.",
    )


def held() -> TeacherError:
    """A request would be asked one by one that a batch holds."""
    return TeacherError(
        "Some of these requests are under way in batches; asking them now would pay for them twice.",
        fix=f"Set teacher.batch back and run again; or give the batches up with {_GIVE_UP}.",
    )


def refused(remote: RemoteBatch, why: str) -> TeacherError:
    """The provider has done nothing of a batch, and would not next time."""
    return TeacherError(
        f"The provider has refused the batch {remote.id}; nothing of it was done.",
        why=why,
        fix="When the cause is mended, run the same command again: nothing that was answered is lost.",
    )


def cancelled(remote: RemoteBatch) -> TeacherError:
    """Somebody has cancelled a batch; whether its rest is still wanted is not for the run to say."""
    return TeacherError(
        f"The batch {remote.id} was cancelled; what was done of it is kept.",
        fix="Run again to send the rest in a new batch, or set teacher.batch to off to ask one by one.",
    )
