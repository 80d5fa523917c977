"""The tables of a ledger, and how one from an older version becomes one of this."""

import sqlite3
from pathlib import Path

from dualchecker.errors import LedgerError
from dualchecker.ledger.batches import BATCH_TABLES
from dualchecker.ledger.inserts import COLUMNS

SCHEMA_VERSION = 2

# Rows of text lie in the order in which they came, with a small index beside them: sorted by their hash (WITHOUT ROWID,
# as version 1 had it) each would be written into the middle of the file.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS requests (
    key TEXT PRIMARY KEY,      -- hash of everything that changes the output
    prompt TEXT NOT NULL,      -- hash of the messages alone
    teacher TEXT NOT NULL,
    payload TEXT NOT NULL,     -- JSON; holds no key and no address
    created REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS requests_by_prompt ON requests (prompt);
CREATE TABLE IF NOT EXISTS attempts (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL REFERENCES requests (key),
    started REAL NOT NULL,
    seconds REAL NOT NULL,
    outcome TEXT NOT NULL,     -- ok, or the name of the failure
    status INTEGER,
    message TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY REFERENCES requests (key),
    reply TEXT NOT NULL,       -- JSON of the Reply
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cost REAL NOT NULL,
    created REAL NOT NULL,
    cached_tokens INTEGER NOT NULL DEFAULT 0,
    hash TEXT NOT NULL DEFAULT ''  -- over key, reply, tokens, cost; empty in rows of version 1
);
CREATE TABLE IF NOT EXISTS failures (  -- requests that ended for good without an answer
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL REFERENCES requests (key),
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    status INTEGER,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cost REAL NOT NULL,
    created REAL NOT NULL,
    hash TEXT NOT NULL,        -- over key, kind, message, status, tokens, cost
    forgotten INTEGER NOT NULL DEFAULT 0  -- 1: the request may be asked again; what it cost stays
);
CREATE INDEX IF NOT EXISTS failures_by_key ON failures (key);
CREATE TABLE IF NOT EXISTS uses (
    record TEXT NOT NULL,      -- which record was asked about
    purpose TEXT NOT NULL,     -- what for: label, calibrate, explain, ...
    rung TEXT NOT NULL,
    key TEXT NOT NULL,
    PRIMARY KEY (record, purpose, rung, key)
) WITHOUT ROWID;
"""

_ADDED_TO_REPLIES = (
    "ALTER TABLE replies ADD COLUMN cached_tokens INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE replies ADD COLUMN hash TEXT NOT NULL DEFAULT ''",
)


# Where an old ledger may only be read, these stand in for what it lacks.
_STAND_INS = (
    "CREATE TEMP VIEW replies AS SELECT *, 0 AS cached_tokens, '' AS hash FROM main.replies",
    "CREATE TEMP VIEW failures AS SELECT 0 AS id, '' AS key, '' AS kind, '' AS message, NULL AS status,"
    " 0 AS prompt_tokens, 0 AS completion_tokens, 0.0 AS cost, 0.0 AS created, '' AS hash, 0 AS forgotten WHERE 0",
)


def prepare(db: sqlite3.Connection, file: Path, *, read_only: bool) -> int:
    """Make the tables, or bring them up to date, where writing is allowed; the version they then have.

    Raises:
        LedgerError: The ledger is from a newer version, or the file is another program's.
    """
    empty = not db.execute("SELECT 1 FROM sqlite_master").fetchone()
    if not empty and not _is_ledger(db):
        raise LedgerError(
            f"The file {file} is no ledger.",
            why="It is an SQLite database with other tables.",
            fix="Check the path. If it was a ledger, bring back a backup.",
        )
    if read_only:
        if empty:
            _stand_in_for_all(db)
            return SCHEMA_VERSION
        version = _version(db, file)
        for statement in _STAND_INS if version < 2 else ():
            db.execute(statement)
        return version
    db.execute("PRAGMA journal_mode=WAL")
    # NORMAL survives a killed process; only a power cut can lose the last moments.
    db.execute("PRAGMA synchronous=NORMAL")
    db.execute("BEGIN IMMEDIATE")
    try:
        version = SCHEMA_VERSION if empty else _version(db, file)
        if version < 2:
            for statement in _ADDED_TO_REPLIES:
                db.execute(statement)
        for statement in (_SCHEMA + BATCH_TABLES).split(";\n"):
            db.execute(statement)
        db.execute("INSERT OR REPLACE INTO meta VALUES ('schema_version', ?)", (str(SCHEMA_VERSION),))
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return SCHEMA_VERSION


def _stand_in_for_all(db: sqlite3.Connection) -> None:
    """Whoever began the ledger was killed before its tables were there: nothing is in it."""
    for table, columns in COLUMNS.items():
        nothing = ", ".join(f"NULL AS {column}" for column in dict.fromkeys(("id", *columns, "forgotten")))
        db.execute(f"CREATE TEMP VIEW {table} AS SELECT {nothing} WHERE 0")


def _is_ledger(db: sqlite3.Connection) -> bool:
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return {"meta", "requests", "replies"} <= tables


def _version(db: sqlite3.Connection, file: Path) -> int:
    row = db.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchone()
    version = str(row[0]) if row else "?"
    if not version.isdecimal() or int(version) > SCHEMA_VERSION:
        raise LedgerError(
            f"The ledger {file} has the format {version}; this version reads up to {SCHEMA_VERSION}.",
            fix="Upgrade dualchecker.",
        )
    return int(version)
