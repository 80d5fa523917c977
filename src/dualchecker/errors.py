"""One hierarchy of errors: every one says what happened, why, and what to do about it."""


class DualcheckerError(Exception):
    """Base of all errors that a user can meet.

    Args:
        what: What happened, in one sentence.
        why: The cause, as far as it is known.
        fix: What the user can do.

    Attributes:
        retryable: True when the same call may succeed later without any change.
        exit_code: What the command line exits with.
    """

    retryable = False
    exit_code = 1

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        self.what, self.why, self.fix = what, why, fix
        super().__init__(" ".join(part for part in (what, why, fix) if part))


class ConfigError(DualcheckerError):
    """The run file, an option or the environment is wrong. Exit code 2."""

    exit_code = 2


class DataError(DualcheckerError):
    """A data file is missing, unreadable or breaks a rule (ids, labels, leaks). Exit code 3."""

    exit_code = 3


class LedgerError(DualcheckerError):
    """The ledger cannot be opened, read or written. Exit code 4."""

    exit_code = 4


class LedgerBusyError(LedgerError):
    """Another process is writing the same run. Exit code 4."""

    retryable = True


class TeacherError(DualcheckerError):
    """The teacher cannot be asked at all (key, address, model, repeated failure). Exit code 5."""

    exit_code = 5


class RequestFailed(TeacherError):
    """One request failed. The asker decides from the fields whether to try it again.

    Args:
        kind: A short stable name of the failure, counted in the report (``rate_limited``, ``timeout``, ...).
        retryable: Whether the same request may succeed later.
        fatal: Whether no other request can succeed either (wrong key, wrong model), so the run must stop.
        retry_after: Seconds the server asked to wait, if it said so.
        status: HTTP status, if there was a reply.
        elsewhere: Whether another address of the teacher is ready, so that trying again need not wait.
        tokens: Prompt and completion tokens that the request took all the same, as the server counts them.
        limit: Tokens that the server's context holds, prompt and reply together, where its refusal states it.
    """

    def __init__(
        self,
        what: str,
        *,
        kind: str,
        why: str = "",
        fix: str = "",
        retryable: bool = False,
        fatal: bool = False,
        retry_after: float | None = None,
        status: int | None = None,
        elsewhere: bool = False,
        tokens: tuple[int, int] = (0, 0),
        limit: int | None = None,
    ) -> None:
        super().__init__(what, why=why, fix=fix)
        self.kind, self.retryable, self.fatal = kind, retryable, fatal
        self.retry_after, self.status = retry_after, status
        self.elsewhere, self.tokens, self.limit = elsewhere, tokens, limit


class BudgetError(TeacherError):
    """The next call would cross a limit that the user set. Nothing is lost; raise the limit and run again."""

    exit_code = 6


class BatchPending(TeacherError):
    """Requests are with the provider in batches, and the run has waited as long as it may. Run again to go on."""

    exit_code = 8
    retryable = True


class StudentError(DualcheckerError):
    """A student cannot be trained, saved or loaded. Exit code 7."""

    exit_code = 7
