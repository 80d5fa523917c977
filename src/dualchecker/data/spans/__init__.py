"""Texts with labelled spans in the formats of other tools: one file a format, reading and writing.

Everywhere offsets count Unicode code points from 0, and the end is exclusive.
"""

from dualchecker.data.spans.conll import CONLL_ENDINGS, read_conll, write_conll
from dualchecker.data.spans.files import Marked, SpanFile, SpanFormat, json_lines, span_file
from dualchecker.data.spans.gliner import is_gliner, read_gliner, write_gliner
from dualchecker.data.spans.inline import read_inline, write_inline
from dualchecker.data.spans.label_studio import is_task, read_task, write_task
from dualchecker.data.spans.offsets import read_offsets, write_offsets
from dualchecker.data.spans.written import Written, flat

__all__ = [
    "CONLL_ENDINGS",
    "Marked",
    "SpanFile",
    "SpanFormat",
    "Written",
    "flat",
    "is_gliner",
    "is_task",
    "json_lines",
    "read_conll",
    "read_gliner",
    "read_inline",
    "read_offsets",
    "read_task",
    "span_file",
    "write_conll",
    "write_gliner",
    "write_inline",
    "write_offsets",
    "write_task",
]
