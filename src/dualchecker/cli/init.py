"""``dualchecker init``: a commented run file from a data file."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

_TEXT_NAMES = ("text", "summary", "abstract", "sentence", "title", "question", "content", "body", "document", "review")
_LABEL_NAMES = ("label", "labels", "class", "category", "target", "gold", "intent", "answer", "y")
_DETAIL_NAMES = ("detail", "full_text", "fulltext", "body", "description", "context", "passage", "abstract")


def init(
    data: Annotated[Path, typer.Argument(help="Your human-labelled texts: .jsonl, .csv, .tsv or .parquet.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The run file to write.")] = Path("run.yaml"),
    pool: Annotated[Path | None, typer.Option(help="Texts to label; without it, half of the data is used.")] = None,
    test: Annotated[Path | None, typer.Option(help="Labelled texts for the final report only.")] = None,
    force: Annotated[bool, typer.Option(help="Replace an existing run file.")] = False,
) -> None:
    """Write a commented run.yaml that fits your data."""
    from dualchecker.data import read_rows, write_text
    from dualchecker.errors import ConfigError, DataError

    if output.exists() and not force:
        raise ConfigError(f"{output} exists already.", fix="Use --force to replace it, or --output for another name.")
    rows = [row for _, row in read_rows(data)]
    columns = _guess(rows)
    given = [row[columns["label"]] for row in rows if row.get(columns["label"]) not in (None, "")]
    labels, multiple = _labels(given)
    if len(labels) < 2:
        raise DataError(
            f"The column {columns['label']!r} of {data} holds {len(labels)} label(s); at least two are needed.",
            fix="Check that the file carries human labels.",
        )
    if len(labels) > max(200, len(rows) // 2):
        raise DataError(
            f"The column {columns['label']!r} of {data} holds {len(labels)} different values in {len(rows)} rows.",
            why="It does not look like a label column.",
            fix="Rename the label column to 'label'.",
        )
    folder = output.resolve().parent
    write_text(output, _run_file(columns, labels, multiple, *(_relative(path, folder) for path in (data, pool, test))))
    typer.echo(f"Written: {output}")
    if multiple:
        typer.echo("Several labels at once were found in the label column, so task.multiple is true.")
    if "id" not in columns:
        typer.echo("No id column was found: rows are numbered, so keep their order. Or name it in data.columns.id.")
    typer.echo("Next: describe your labels in it, then  dualchecker plan", err=False)


def _relative(path: Path | None, folder: Path) -> str | None:
    if path is None:
        return None
    absolute = path.resolve()
    return str(absolute.relative_to(folder)) if absolute.is_relative_to(folder) else str(absolute)


def _guess(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Columns by name, else by content: labels repeat, texts are long."""
    names = list(dict.fromkeys(key for row in rows for key in row))
    sample = rows[:500]

    def mean_length(name: str) -> float:
        return sum(len(str(row.get(name) or "")) for row in sample) / len(sample)

    def distinct(name: str) -> int:
        return len({str(row.get(name)) for row in sample})

    lower = {name.lower(): name for name in names}
    label = next((lower[n] for n in _LABEL_NAMES if n in lower), None) or min(names, key=distinct)
    rest = [name for name in names if name != label]
    text = next((lower[n] for n in _TEXT_NAMES if n in lower and lower[n] in rest), None) or max(
        rest or names, key=mean_length
    )
    found = {"text": text, "label": label}
    longer = [n for n in _DETAIL_NAMES if n in lower and lower[n] not in (text, label)]
    if longer and mean_length(lower[longer[0]]) > mean_length(text):
        found["detail"] = lower[longer[0]]
    identity = next((n for n in names if n.lower() in ("id", "uid", "key") and n not in found.values()), None)
    if identity:
        found["id"] = identity
    return found


def _labels(given: list[Any]) -> tuple[Counter[str], bool]:
    """How often each label stands in the label column, and whether a cell may hold several."""
    lists = any(isinstance(value, list) or _is_json_list(value) for value in given)
    whole = Counter(str(name) for value in given for name in (_items(value) if lists else [value]))
    parts = Counter(piece for name, count in whole.items() for piece in _divided(name) for _ in range(count))
    # Sets of labels are made of fewer names than there are sets; a name with a comma in it falls into more.
    divided = any(len(_divided(name)) > 1 for name in whole)
    sure = lists or any("|" in name for name in whole)
    if divided and (len(parts) < len(whole) or (sure and len(parts) == len(whole))):
        return parts, True
    return whole, lists


def _divided(cell: str) -> list[str]:
    """A cell at the character at which a task with several labels divides it."""
    from dualchecker.tasks.multilabel import SEPARATORS

    mark = next((mark for mark in SEPARATORS if mark in cell), None)
    return [piece.strip() for piece in cell.split(mark) if piece.strip()] if mark else [cell]


def _is_json_list(value: Any) -> bool:
    return isinstance(value, str) and value.lstrip().startswith("[") and _items(value) != [value]


def _items(value: Any) -> list[Any]:
    """The labels in a cell: a list, a list as JSON text, or one label."""
    if isinstance(value, list):
        return value
    try:
        found = json.loads(value)
    except (ValueError, TypeError):
        return [value]
    return found if isinstance(found, list) else [value]


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)  # a JSON string is a YAML string


def _run_file(
    columns: dict[str, str], labels: Counter[str], multiple: bool, gold: str | None, pool: str | None, test: str | None
) -> str:
    mapping = ", ".join(f"{role}: {_quoted(name)}" for role, name in columns.items())
    described = "\n".join(f'    {_quoted(name)}: ""   # {count} in your data' for name, count in labels.most_common())
    pool_line = (
        f"{_quoted(pool)}" if pool else "0.5            # half of the gold file, its labels hidden from the method"
    )
    test_line = (
        f"{_quoted(test)}" if test else "0.2            # a fifth of the gold file, touched once by the final report"
    )
    several = (
        "  multiple: true               # any number of labels may apply to a text, also none\n" if multiple else ""
    )
    question = "Which labels apply to the text?" if multiple else "Which label fits the text?"
    return f"""# A run of dualchecker. Paths are relative to this file. Any key can be set with --set section.key=value.
task:
  kind: classification
{several}  # What is asked of every text. Say it as you would to a new colleague.
  question: "{question}"
  # One line a label: what belongs to it, and what does not though it looks like it.
  labels:
{described}

data:
  gold: {_quoted(gold or "")}      # human labels
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
  kind: encoder                 # encoder (fine-tuned) | linear (seconds, frozen vectors)
  base: offline                 # or a Hugging Face encoder by name or path
  seed: 42

limits:
  max_cost: 5.00
  concurrency: 32

output: runs/first
"""
