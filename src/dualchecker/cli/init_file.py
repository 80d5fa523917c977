"""The commented run file that ``init`` writes."""

import json
from collections import Counter
from collections.abc import Mapping

_HEAD = "# A run of dualchecker. Paths are relative to this file. Any key can be set with --set section.key=value.\n"

_LABEL_STUDENT = """\
  kind: encoder                 # encoder (fine-tuned) | linear (seconds, frozen vectors)
  base: offline                 # or a Hugging Face encoder by name or path
"""

_SPAN_STUDENT = """\
  kind: tokens                  # tokens (a fine-tuned encoder) | linear (seconds, frozen vectors)
  base: offline                 # or a Hugging Face encoder by name or path
"""


def quoted(value: str) -> str:
    """A text as YAML; a JSON string is one."""
    return json.dumps(value, ensure_ascii=False)


def label_task(labels: Counter[str], *, multiple: bool) -> str:
    """The section ``task`` where texts are labelled as a whole."""
    several = (
        "  multiple: true               # any number of labels may apply to a text, also none\n" if multiple else ""
    )
    question = "Which labels apply to the text?" if multiple else "Which label fits the text?"
    described = {name: f"{count} in your data" for name, count in labels.most_common()}
    return f"  kind: classification\n{several}{_asked(question, described)}"


def span_task(labels: Counter[str], per_text: Mapping[str, tuple[int, int]]) -> str:
    """The section ``task`` where spans are marked."""
    told = {name: f"{count} in your data, {_between(*per_text[name])} a text" for name, count in labels.most_common()}
    question = f"Which parts of the text are {_listed(list(labels))}? Quote them exactly."
    return (
        f"  kind: extraction             # spans of the text, each with a label\n{_asked(question, told)}"
        "  # How many spans of a label a text may have: any | at_most_one | at_least_one | exactly_one; one for all,\n"
        "  # or one for each label, such as {cause: at_least_one}.\n"
        "  occurrence: any\n"
    )


def _asked(question: str, described: Mapping[str, str]) -> str:
    lines = "".join(f'    {quoted(name)}: ""   # {told}\n' for name, told in described.items())
    return (
        "  # What is asked of every text. Say it as you would to a new colleague.\n"
        f"  question: {quoted(question)}\n"
        "  # One line a label: what belongs to it, and what does not though it looks like it.\n"
        f"  labels:\n{lines}"
    )


def _between(fewest: int, most: int) -> str:
    return str(most) if fewest == most else f"{fewest} to {most}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def run_file(
    task: str, columns: Mapping[str, str], gold: str, pool: str | None, test: str | None, *, spans: bool = False
) -> str:
    """A whole run file.

    Args:
        task: Its section.
        columns: Of the data, by role.
        gold: Path, relative to the run file.
        pool: Likewise; None takes a part of gold.
        test: Likewise.
        spans: Whether the task asks for spans.
    """
    mapping = ", ".join(f"{role}: {quoted(name)}" for role, name in columns.items())
    pool_line = quoted(pool) if pool else "0.5            # half of the gold file, its labels hidden from the method"
    test_line = quoted(test) if test else "0.2            # a fifth of the gold file, touched once by the final report"
    return f"""{_HEAD}task:
{task}
data:
  gold: {quoted(gold)}      # human labels
  pool: {pool_line}
  test: {test_line}
  columns: {{{mapping}}}

teacher:
  # exemplar needs no key and no network; it is no language model and only good for trying things out.
  kind: exemplar
  # An LLM instead, at any OpenAI-compatible server. The key is read from the environment variable you name.
  # kind: openai
  # model: gpt-5-mini
  # base_url: https://api.openai.com/v1
  # key_env: OPENAI_API_KEY
  # price_input: 0.25           # per million tokens, for plan and limits
  # price_output: 2.00

align:
  embedder: offline             # offline (MiniLM, English) | ngrams (any language, no model) | a Hugging Face encoder
  demonstrations: 5
  neighbours: 3

check:
  threshold: {{precision: 0.95}}  # accept what is right 95 times in 100; or a fixed confidence such as 0.85
  rungs: [brief, detail, wide, reconsider, senior]

student:
{_SPAN_STUDENT if spans else _LABEL_STUDENT}  seed: 42

limits:
  max_cost: 5.00
  concurrency: 32

output: runs/first
"""
