"""The ledger: every request to a teacher and everything that came back, in one SQLite file."""

from dualchecker.ledger.batches import Batch, BatchBook
from dualchecker.ledger.export import export_rows
from dualchecker.ledger.hashing import Keys, content_hash, digest, request_key
from dualchecker.ledger.merge import Merged, merge
from dualchecker.ledger.prune import Pruned, Selection, prune, would_prune
from dualchecker.ledger.rows import Attempt, Entry, Failure, Request, Totals
from dualchecker.ledger.schema import SCHEMA_VERSION
from dualchecker.ledger.stats import Part, Stats, stats
from dualchecker.ledger.store import SAVE, Ledger, Use
from dualchecker.ledger.verify import Damage, Verified, verify

__all__ = [
    "SAVE",
    "SCHEMA_VERSION",
    "Attempt",
    "Batch",
    "BatchBook",
    "Damage",
    "Entry",
    "Failure",
    "Keys",
    "Ledger",
    "Merged",
    "Part",
    "Pruned",
    "Request",
    "Selection",
    "Stats",
    "Totals",
    "Use",
    "Verified",
    "content_hash",
    "digest",
    "export_rows",
    "merge",
    "prune",
    "request_key",
    "stats",
    "verify",
    "would_prune",
]
