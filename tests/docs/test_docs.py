"""The documentation says what the code does: keys, defaults, verbs, links, examples, exit codes."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel
from typer.main import get_command

from dualchecker import errors
from dualchecker.cli import app
from dualchecker.config import (
    AlignConfig,
    CheckConfig,
    Columns,
    DataConfig,
    EndpointConfig,
    EvolveConfig,
    FlawsConfig,
    LimitsConfig,
    PanelConfig,
    PrecisionThreshold,
    ReasoningConfig,
    ReportConfig,
    RunConfig,
    SamplingConfig,
    SeniorConfig,
    StudentConfig,
    TaskConfig,
    TeacherConfig,
    build_config,
    load_config,
)
from dualchecker.config import file as config_file
from dualchecker.config import models as config_models
from dualchecker.config import teacher as config_teacher
from dualchecker.config.section import Section
from dualchecker.evaluation.wording import OUTCOMES

ROOT = Path(__file__).parents[2]
GUIDES = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*(path for name in ("README.md", "CONTRIBUTING.md") if (path := ROOT / name).is_file()), *GUIDES]
RUN_FILE, TEACHERS, RESULTS = (ROOT / "docs" / f"{name}.md" for name in ("run-file", "teachers", "results"))

SECTIONS: dict[str, type[BaseModel]] = {
    "Top level": RunConfig,
    "task": TaskConfig,
    "data": DataConfig,
    "data.columns": Columns,
    "teacher": TeacherConfig,
    "align": AlignConfig,
    "check": CheckConfig,
    "check.threshold": PrecisionThreshold,
    "sampling": SamplingConfig,
    "reasoning": ReasoningConfig,
    "teacher.endpoints": EndpointConfig,
    "teacher.flaws": FlawsConfig,
    "evolve": EvolveConfig,
    "check.panel": PanelConfig,
    "student": StudentConfig,
    "limits": LimitsConfig,
    "report": ReportConfig,
}

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.S | re.M)
_LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path, *languages: str) -> list[str]:
    """The fenced blocks of a page in these languages."""
    return [body for language, body in _FENCE.findall(read(path)) if language in languages]


def tables(text: str) -> dict[str, list[list[str]]]:
    """By heading, without its code marks: the rows of all its tables, headers included."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in _FENCE.sub("", text).splitlines():
        if line.startswith("#"):
            heading = line.lstrip("#").strip().strip("`")
        elif line.startswith("|") and not re.fullmatch(r"[|\s:-]+", line):
            cells = [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            found.setdefault(heading, []).append(cells)
    return found


def key_rows(section: str) -> dict[str, str]:
    """Key and default, as docs/run-file.md tells them."""
    rows = tables(read(RUN_FILE)).get(section, [])
    start = next((i for i, row in enumerate(rows) if row[0] == "key"), len(rows))
    return {row[0].strip("`"): row[1] for row in rows[start + 1 :]}


def anchors(path: Path) -> set[str]:
    """The fragments that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", read(path)), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def as_yaml(value: Any) -> Any:
    """A default as the run file would hold it."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return list(value) if isinstance(value, tuple) else value


def run_files() -> list[Any]:
    found = []
    for path in PAGES:
        for number, body in enumerate(blocks(path, "yaml", "yml"), 1):
            raw = yaml.safe_load(body)
            if isinstance(raw, dict) and {"task", "data"} <= raw.keys():
                found.append(pytest.param(body, id=f"{name_of(path)}-{number}"))
    return found


@pytest.mark.parametrize("body", run_files())
def test_every_whole_run_file_is_valid(body: str, tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(body, encoding="utf-8")
    task = load_config(file).task
    assert task.labels or task.kind == "reasoning"
    assert build_config(yaml.safe_load(body)).model_dump() == load_config(file).model_dump()


def test_there_is_a_whole_run_file() -> None:
    assert run_files()


@pytest.mark.parametrize("path", [RUN_FILE, TEACHERS], ids=name_of)
def test_every_part_of_a_run_file_is_valid(path: Path) -> None:
    whole = {"task": {"question": "q", "labels": ["a", "b"]}, "data": {"gold": "g.jsonl", "pool": "p.jsonl"}}
    for body in blocks(path, "yaml", "yml"):
        raw = yaml.load(body, config_file._Loader)
        assert isinstance(raw, dict), body
        if raw.get("teacher", {}).get("kind") == "program":
            raw["task"] = {"kind": "reasoning", "question": "q"}
        if raw.keys() <= RunConfig.model_fields.keys():
            build_config({**whole, **raw})
        else:
            build_config({**whole, "task": {"question": "q", **raw}})


def test_the_sections_are_all_models_of_the_run_file() -> None:
    models = {
        value
        for value in (*vars(config_models).values(), *vars(config_teacher).values())
        if isinstance(value, type) and issubclass(value, Section) and value is not Section
    }
    # A senior or member has the teacher's keys but no others below it; the page says so in place of a second table.
    assert models - {SeniorConfig} == set(SECTIONS.values())
    assert SeniorConfig.model_fields.keys() == TeacherConfig.model_fields.keys() - {"senior", "members"}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_stands_in_its_table_and_no_other(section: str) -> None:
    assert key_rows(section).keys() == SECTIONS[section].model_fields.keys()


@pytest.mark.parametrize("section", SECTIONS)
def test_defaults_are_those_of_the_code(section: str) -> None:
    for key, said in key_rows(section).items():
        field = SECTIONS[section].model_fields[key]
        if field.is_required():
            assert said == "required", key
            continue
        default = field.get_default(call_default_factory=True)
        if default is None:
            assert said == "none", key
        elif said == "see below":
            assert isinstance(default, BaseModel), key
        else:
            assert yaml.safe_load(said.strip("`")) == as_yaml(default), key


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    for link in _LINK.findall(_FENCE.sub("", read(path))):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, fragment = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), link
        if fragment and file.suffix == ".md":
            assert fragment in anchors(file), link


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_verb_and_option_is_real(path: Path) -> None:
    command: Any = get_command(app)
    code = "\n".join([*blocks(path, "bash", "sh", "console"), *re.findall(r"`([^`\n]+)`", read(path))])
    for verb, rest in re.findall(r"\bdualchecker ([a-z][\w-]*)(?!/)([^\n]*)", code):
        assert verb in command.commands, verb
        meant = command.commands[verb]
        if hasattr(meant, "commands") and (second := rest.split()[:1]) and second[0].isalpha():  # a verb of verbs
            assert second[0] in meant.commands, (verb, second)
            meant = meant.commands[second[0]]
        known = {option for parameter in meant.params for option in parameter.opts} | {"--help"}
        used = re.findall(r"(?<=\s)--?[a-z][\w-]*", re.split(r"\s[#|]\s|&&|;", rest)[0])
        assert set(used) <= known, (verb, used)


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_python_example_compiles(path: Path) -> None:
    for number, body in enumerate(blocks(path, "python", "py"), 1):
        compile(body, f"{name_of(path)}-{number}", "exec")


def test_the_program_of_the_python_page_prints_what_the_page_says(tmp_path: Path) -> None:
    page = ROOT / "docs" / "python.md"
    program = next(body for body in blocks(page, "python") if "class KeywordTeacher" in body)
    printed = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert printed.stdout in blocks(page, "text")


def test_the_exit_codes_are_those_of_the_errors() -> None:
    said = {int(row[0]) for row in tables(read(RESULTS))["Exit codes"][1:]}
    kinds = [v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, errors.DualcheckerError)]
    # The rest is the command line's own: success and an interrupt.
    assert said == {kind.exit_code for kind in kinds} | {0, 130}


def test_the_named_outcomes_exist() -> None:
    found = tables(read(TEACHERS))
    requests = {name for row in found["Requests that fail"][1:] for name in re.findall(r"`(\w+)`", row[1])}
    replies = {row[0].strip("`") for row in found["Answers that cannot be used"][1:]}
    assert requests | replies <= OUTCOMES.keys()
    # Not about a teacher that is asked over the wire.
    assert OUTCOMES.keys() - requests - replies == {"ok", "failed", "empty_text", "not_recorded", "no_demonstrations"}


def test_the_labels_table_names_the_fields_of_a_row() -> None:
    source = read(ROOT / "src" / "dualchecker" / "runs" / "label_rows.py")
    body = source[source.index("def label_rows") : source.index("def prediction_rows")]
    written = re.findall(r'^ {16}"(\w+)":', body, re.M)
    table = tables(read(RESULTS))["labels.jsonl"]
    end = next(i for i, row in enumerate(table) if row[0] == "status")
    assert written and [row[0].strip("`") for row in table[1:end]] == written


def test_the_table_of_several_labels_names_the_fields_of_a_row() -> None:
    source = read(ROOT / "src" / "dualchecker" / "runs" / "label_sets.py")
    written = re.findall(r'^ {16}"(\w+)":', source, re.M)
    table = tables(read(RESULTS))["Rows with several labels"]
    assert written and [row[0].strip("`") for row in table[1:]] == written


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_no_page_holds_a_path_of_somebodys_machine(path: Path) -> None:
    assert not re.search(r"(?<![\w.])/(?:home|root|work|tmp|Users)/", read(path))
