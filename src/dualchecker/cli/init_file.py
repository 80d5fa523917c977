"""The commented run file that ``init`` writes."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

_HEAD = "# A run of dualchecker. Paths are relative to this file. Any key can be set with --set section.key=value.\n"

_LABEL_STUDENT = """\
  kind: encoder                 # encoder (fine-tuned) | linear (seconds, frozen vectors)
  base: offline                 # or a Hugging Face encoder by name or path
"""

_SPAN_STUDENT = """\
  kind: tokens                  # tokens (a fine-tuned encoder) | linear (seconds, frozen vectors)
  base: offline                 # or a Hugging Face encoder by name or path
"""


_REASONER = """\
  kind: reasoner                # writes an answer, chains of thought and verdicts on chains
  base: scratch                 # small and untrained; better: google/t5-v1_1-small, or a causal model, by name
"""

_STUDENTS = {"labels": _LABEL_STUDENT, "spans": _SPAN_STUDENT, "reasoning": _REASONER}

_ANY_TEACHER = """\
  # exemplar needs no key and no network; it is no language model and only good for trying things out.
  kind: exemplar
  # An LLM instead, at any OpenAI-compatible server. The key is read from the environment variable you name.
  # kind: openai
  # model: gpt-5-mini
  # base_url: https://api.openai.com/v1
  # key_env: OPENAI_API_KEY
  # price_input: 0.25           # per million tokens, for plan and limits; well-known models need none
  # price_output: 2.00
"""

_REASONING_TEACHER = """\
  # An LLM at any OpenAI-compatible server. The key is read from the environment variable that you name.
  kind: openai
  model: gpt-5-mini
  base_url: https://api.openai.com/v1
  key_env: OPENAI_API_KEY
  max_tokens: 800               # room for a chain of thought
  # price_input: 0.25           # per million tokens, for plan and limits; well-known models need none
  # price_output: 2.00
  # Or chains that you have already: several rows with one id are several chains about that question.
  # kind: recorded
  # answers: chains.jsonl
"""

_REASONING = """\
reasoning:
  chains: 5                     # different chains of thought about each question, which vote
  more: 5                       # further ones where the vote leaves doubt
  evaluations: 1                # how often the teacher judges each chain

"""

Form = Literal["labels", "spans", "reasoning"]
"""What an answer is, as far as the run file differs."""


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


_ANSWERS = {"number": "a number", "choice": "one of some choices", "text": "a few words"}


def question_task(answer: str, labels: Counter[str], examples: Sequence[str]) -> str:
    """The section ``task`` where questions are answered by reasoning."""
    shown = ", ".join(quoted(one) for one in examples)
    told = {name: f"the answer {count} times in your data" for name, count in labels.most_common()}
    choices = "".join(f'    {quoted(name)}: ""   # {words}\n' for name, words in told.items())
    shared = f"  # The choices that all questions have, each with a line on what it means.\n  labels:\n{choices}"
    return (
        "  kind: reasoning              # every text is a question; the answer is what a chain of thought arrives at\n"
        "  # What is asked of every question. Say it as you would to a new colleague.\n"
        f"  question: {quoted(_ASKED[answer])}\n"
        f"  answer: {answer:<20} # {_ANSWERS[answer]} (number | choice | text); in your data {shown}\n"
        + (shared if labels else "")
    )


_ASKED = {
    "number": "Solve the problem: which number is asked for?",
    "choice": "Which of the choices answers the question?",
    "text": "What is the answer to the question? In a few words.",
}


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
    task: str, columns: Mapping[str, str], gold: str, pool: str | None, test: str | None, *, form: Form = "labels"
) -> str:
    """A whole run file.

    Args:
        task: Its section.
        columns: Of the data, by role.
        gold: Path, relative to the run file.
        pool: Likewise; None takes a part of gold.
        test: Likewise.
        form: What the task asks for.
    """
    reasons = form == "reasoning"
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
{_REASONING_TEACHER if reasons else _ANY_TEACHER}
{_REASONING if reasons else ""}align:
  embedder: offline             # offline (MiniLM, English) | ngrams (any language, no model) | a Hugging Face encoder
  demonstrations: 5
  neighbours: 3

check:
  threshold: {{precision: 0.95}}  # accept what is right 95 times in 100; or a fixed confidence such as 0.85
  rungs: [brief, detail, wide, reconsider, senior]

student:
{_STUDENTS[form]}  seed: 42

limits:
  max_cost: 5.00
  concurrency: 32

output: runs/first
"""
