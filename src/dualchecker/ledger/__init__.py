"""The ledger: every request to a teacher and everything that came back, in one SQLite file."""

from dualchecker.ledger.batches import Batch, BatchBook
from dualchecker.ledger.hashing import content_hash, request_key
from dualchecker.ledger.rows import Attempt, Entry, Failure, Request, Totals
from dualchecker.ledger.schema import SCHEMA_VERSION
from dualchecker.ledger.store import Ledger, Use

__all__ = [
    "SCHEMA_VERSION",
    "Attempt",
    "Batch",
    "BatchBook",
    "Entry",
    "Failure",
    "Ledger",
    "Request",
    "Totals",
    "Use",
    "content_hash",
    "request_key",
]
