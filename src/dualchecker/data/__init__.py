"""Bytes in and out: files to records, splits and leak checks, labels to files."""

from dualchecker.data.dataset import Dataset, load_dataset
from dualchecker.data.decisions import decision_fence, decisions
from dualchecker.data.fence import Fence, build_fence
from dualchecker.data.files import read_rows
from dualchecker.data.rows import to_records
from dualchecker.data.splits import find_leaks, fingerprint, same_as, stratified_split, stratum, text_folds
from dualchecker.data.write import write_json, write_jsonl, write_table, write_text, writing

__all__ = [
    "Dataset",
    "Fence",
    "build_fence",
    "decision_fence",
    "decisions",
    "find_leaks",
    "fingerprint",
    "load_dataset",
    "read_rows",
    "same_as",
    "stratified_split",
    "stratum",
    "text_folds",
    "to_records",
    "write_json",
    "write_jsonl",
    "write_table",
    "write_text",
    "writing",
]
