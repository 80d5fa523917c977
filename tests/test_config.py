"""The run file: what is accepted, and what an error says."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualchecker.config import (
    AlignConfig,
    CheckConfig,
    PrecisionThreshold,
    RunConfig,
    build_config,
    load_config,
    parse_setting,
)
from dualchecker.errors import ConfigError

LEAST = """\
task:
  question: Is it?
  labels: [good, bad]
data:
  gold: gold.jsonl
  pool: pool.jsonl
"""

# DESIGN section 6, word for word: its names are a promise.
DESIGN = """\
task:
  kind: classification            # classification | extraction | reasoning
  question: Does this invention belong to green innovation?
  labels:
    green: Its purpose is to cut energy use, emissions, waste or harm to nature.
    not_green: Anything else, even where green words occur.
data:
  gold: data/gold.jsonl           # human labels
  pool: data/pool.jsonl           # to be labelled; a label column here, if any, is used for evaluation only
  test: data/test.jsonl           # optional; touched once, by the final report
  columns: {id: id, text: summary, detail: detail, label: label}
teacher:
  kind: openai                    # openai | decisions | transformers | exemplar | recorded | panel
  model: gpt-5-mini
  base_url: https://api.openai.com/v1
  key_env: OPENAI_API_KEY
  senior: {kind: openai, model: gpt-5}
method: dualchecker               # zero_shot | few_shot | cot | dtot | evokd | minds_mirror | ...
align: {embedder: offline, demonstrations: 5, neighbours: 3, rationales: true}
check: {threshold: {precision: 0.95}, rungs: [brief, detail, wide, reconsider, senior]}
student: {kind: encoder, base: offline, interim: linear, seed: 42}
limits: {max_cost: 5.00, concurrency: 64, requests_per_minute: 500}
output: runs/green
"""


def load(folder: Path, text: str, *settings: str) -> RunConfig:
    file = folder / "run.yaml"
    file.write_text(text, encoding="utf-8")
    return load_config(file, settings)


def fails(folder: Path, text: str, *settings: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, *settings)
    return str(caught.value)


def test_the_least_file_has_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, LEAST)
    assert config.task.labels == {"good": "", "bad": ""}
    assert config.teacher.kind == "exemplar"
    assert config.check.threshold == PrecisionThreshold(precision=0.95)
    assert config.data.columns.text == "text"


def test_the_design_example_loads_as_it_stands(tmp_path: Path) -> None:
    config = load(tmp_path, DESIGN)
    assert list(config.task.labels) == ["green", "not_green"]
    assert config.data.columns.text == "summary"
    assert config.teacher.senior is not None and config.teacher.senior.model == "gpt-5"
    assert config.teacher.senior.base_url == "https://api.openai.com/v1"
    assert config.check.rungs == ("brief", "detail", "wide", "reconsider", "senior")
    assert config.limits.max_cost == 5 and config.limits.concurrency == 64
    assert config.output_dir == (tmp_path / "runs/green").resolve()


@pytest.mark.parametrize(
    ("senior", "base_url", "key_env"),
    [
        ("{kind: openai, model: m}", "http://a", "KEY"),
        ("{kind: openai, model: m, key_env: OTHER}", "http://a", "OTHER"),
        ("{kind: openai, model: m, base_url: http://b}", "http://b", None),
        ("{kind: exemplar}", None, None),
    ],
)
def test_a_senior_is_on_the_teachers_server_and_its_key_goes_nowhere_else(
    tmp_path: Path, senior: str, base_url: str | None, key_env: str | None
) -> None:
    teacher = f"teacher: {{kind: openai, model: t, base_url: http://a, key_env: KEY, senior: {senior}}}"
    found = load(tmp_path, LEAST + teacher).teacher.senior
    assert found is not None
    assert (found.base_url, found.key_env) == (base_url, key_env)


@pytest.mark.parametrize(
    ("more", "wire"), [("", "decisions"), (", wire: systemone", "systemone"), (", base_url: http://b", "systemone")]
)
def test_a_senior_on_the_teachers_server_speaks_its_wire(tmp_path: Path, more: str, wire: str) -> None:
    own = "kind: decisions, model: t, base_url: http://a, wire: decisions, orders: 5"
    found = load(tmp_path, f"{LEAST}teacher: {{{own}, senior: {{kind: decisions, model: m{more}}}}}").teacher.senior
    assert found is not None
    assert (found.wire, found.orders) == (wire, "auto")


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("tasks: {}", "line 7: unknown key 'tasks'; did you mean 'task'?"),
        ("teacher:\n  modell: x", "line 8: unknown key 'teacher.modell'; did you mean 'model'?"),
        ("teacher:\n  senior:\n    knd: openai", "line 9: unknown key 'teacher.senior.knd'; did you mean 'kind'?"),
        ("check:\n  treshold: 0.8", "line 8: unknown key 'check.treshold'; did you mean 'threshold'?"),
        (
            "check:\n  threshold:\n    precison: 0.9",
            "line 9: unknown key 'check.threshold.precison'; did you mean 'precision'?",
        ),
        ("student: {kind: linear, sede: 1}", "line 7: unknown key 'student.sede'; did you mean 'seed'?"),
        ("qqqqqq: 1", "line 7: unknown key 'qqqqqq'; known are task, data, teacher"),
        ("root: /tmp", "line 7: unknown key 'root'"),
    ],
)
def test_an_unknown_key_is_named_with_line_and_suggestion(tmp_path: Path, extra: str, message: str) -> None:
    told = fails(tmp_path, LEAST + extra)
    assert message in told
    assert "valid number" not in told, "the other branch of a union was not meant"


def test_an_unknown_key_among_the_columns(tmp_path: Path) -> None:
    message = fails(tmp_path, LEAST + "  columns: {txt: summary}\n")
    assert "line 7: unknown key 'data.columns.txt'; did you mean 'text'?" in message


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    message = fails(tmp_path, LEAST + "student: {seed: x}\nlimts: {}\n")
    assert "line 7: student.seed:" in message
    assert "line 8: unknown key 'limts'; did you mean 'limits'?" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LEAST.replace("  gold: gold.jsonl\n", ""), "line 4: 'data.gold' is missing"),
        (LEAST.split("data:")[0], "'data' is missing"),
        (LEAST.split("data:")[0] + "data:\n", "'data' is missing"),
        (LEAST.replace("  question: Is it?\n", ""), "line 1: 'task.question' is missing"),
    ],
)
def test_a_missing_key_is_named(tmp_path: Path, text: str, message: str) -> None:
    assert message in fails(tmp_path, text)


@pytest.mark.parametrize(
    ("extra", "place", "reason"),
    [
        ("student: {seed: many}", "line 7: student.seed", "valid integer"),
        ("student: {epochs: -1}", "line 7: student.epochs", "greater than 0"),
        ("output: [a]", "line 7: output", "valid string"),
        ("teacher: exemplar", "line 7: teacher", "must be a section with the keys kind, model"),
        ("teacher: {kind: opnai}", "line 7: teacher.kind", "'openai', 'decisions', 'transformers', 'exemplar'"),
        ("teacher: {kind: openai, model: m}", "line 7: teacher", "needs both model and base_url"),
        ("teacher: {model: m, base_url: u}", "line 7: teacher", "is kind: openai meant?"),
        ("teacher: {kind: decisions, base_url: u}", "line 7: teacher", "needs both model and base_url"),
        (
            "teacher: {kind: decisions, model: m, base_url: u, binary: yes_no, none_of_these: true}",
            "line 7: teacher",
            "none_of_these is an option of a choice",
        ),
        ("teacher: {max_options: 2}", "line 7: teacher.max_options", "greater than or equal to 3"),
        ("teacher: {wire: chat}", "line 7: teacher.wire", "'systemone' or 'decisions'"),
        ("teacher: {kind: recorded}", "line 7: teacher", "needs answers"),
        ("teacher: {kind: recorded, answers: {brif: x}}", "line 7: teacher.answers.brif", "'brief'"),
        ("limits: {max_cost: .nan}", "line 7: limits.max_cost", "greater than or equal to 0"),
        ("check: {threshold: 2}", "line 7: check.threshold", "less than 1"),
        ("check: {threshold: high}", "line 7: check.threshold", "valid number"),
        ("check: {threshold: {precision: 0.5}}", "line 7: check.threshold.precision", "greater than 0.5"),
        ("check: {rungs: [detail]}", "line 7: check.rungs", "must begin with brief"),
        ("check: {rungs: [brief, wide, detail]}", "line 7: check.rungs", "must keep the order"),
        ("check: {rungs: [brief, brief]}", "line 7: check.rungs", "at most once"),
        ("check:\n  rungs:\n    - brief\n    - tall", "line 10: check.rungs.1", "'brief'"),
        ("align: {demonstrations: 2, neighbours: 3}", "line 7: align", "cannot exceed demonstrations"),
        ("method: magic", "line 7: method", "'dualchecker'"),
    ],
)
def test_a_wrong_value_is_told_with_its_line(tmp_path: Path, extra: str, place: str, reason: str) -> None:
    message = fails(tmp_path, LEAST + extra)
    assert f"{place}: " in message
    assert reason in message


def test_fractions_must_leave_gold(tmp_path: Path) -> None:
    text = LEAST.replace("pool.jsonl", "0.6") + "  test: 0.4\n"
    assert "which leaves no gold" in fails(tmp_path, text)
    config = load(tmp_path, text.replace("0.4", "0.3"))
    assert (config.data.pool, config.data.test) == (0.6, 0.3)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("0.85", 0.85), ("{precision: 0.95}", PrecisionThreshold(precision=0.95))],
)
def test_a_threshold_is_fixed_or_a_precision(tmp_path: Path, written: str, meant: object) -> None:
    assert load(tmp_path, LEAST + f"check: {{threshold: {written}}}").check.threshold == meant


def test_a_commented_out_section_is_an_empty_one(tmp_path: Path) -> None:
    config = load(tmp_path, LEAST + "check:\n  # threshold: 0.9\nalign:\n", "check.rounds=2")
    assert config.check == CheckConfig(rounds=2)
    assert config.align == AlignConfig()


# --- labels


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("[yes, no]", ["yes", "no"]),
        ("[true, false]", ["true", "false"]),
        ("[on, off, 1, 2]", ["on", "off", "1", "2"]),
        ("[2024-01-01, 2024-13-45]", ["2024-01-01", "2024-13-45"]),
        ("{yes: It is., no: It is not.}", ["yes", "no"]),
        ("{true: , false: }", ["true", "false"]),
        ("{1: one, 2: two, null: none}", ["1", "2", "null"]),
        ("[陽性, 陰性]", ["陽性", "陰性"]),
    ],
)
def test_label_names_stay_words(tmp_path: Path, written: str, names: list[str]) -> None:
    assert list(load(tmp_path, LEAST.replace("[good, bad]", written)).task.labels) == names


def test_label_descriptions_stay_words(tmp_path: Path) -> None:
    config = load(tmp_path, LEAST.replace("[good, bad]", "{a: yes, b: 2024-10-05}"))
    assert config.task.labels == {"a": "yes", "b": "2024-10-05"}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("[only]", "task: a classification task needs at least two labels"),
        ("[a, b, a]", "task.labels: the label 'a' is given twice"),
        ("{a: x, b: y, a: z}", "key 'a' is given twice"),
        ("{a: [x], b: y}", "task.labels.a: Input should be a valid string"),
        ("good", "task.labels: Input should be a valid dictionary"),
    ],
)
def test_labels_that_cannot_be_used(tmp_path: Path, written: str, message: str) -> None:
    assert message in fails(tmp_path, LEAST.replace("[good, bad]", written))


# --- files


def test_a_key_given_twice_is_told_with_its_line(tmp_path: Path) -> None:
    message = fails(tmp_path, LEAST + "output: a\noutput: b\n")
    assert "key 'output' is given twice" in message
    assert "line 8" in message


@pytest.mark.parametrize(
    "text",
    [
        "task: [",
        "a: b: c",
        "\ttask: x",
        "output: !!int x",
        "output: !!python/name:os.system",
        "a: " + "[" * 5000,
        "a: 1\n---\nb: 2",
        "? [a]\n: b",
    ],
)
def test_what_is_no_yaml(tmp_path: Path, text: str) -> None:
    assert "is not valid YAML" in fails(tmp_path, text)


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "word\n"])
def test_a_file_without_settings(tmp_path: Path, text: str) -> None:
    assert "holds no settings" in fails(tmp_path, text)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no run file .* dualchecker init"):
        load_config(tmp_path / "none.yaml")


def test_what_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes("task: café".encode("latin-1"))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    assert load(tmp_path, "\ufeff" + LEAST) == load(tmp_path, LEAST)


def test_relative_paths_start_at_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    config = load(folder, LEAST)
    monkeypatch.chdir(tmp_path)
    assert config.path("gold.jsonl") == folder.resolve() / "gold.jsonl"
    assert config.path("../x") == tmp_path.resolve() / "x"
    assert config.path("/abs/x") == Path("/abs/x")
    assert config.path("~/x") == (Path.home() / "x").resolve()
    assert config.output_dir == folder.resolve() / "runs/run"


# --- --set


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("student.seed=7", (("student", "seed"), 7)),
        ("a=b=c", (("a",), "b=c")),
        ("a.b.c=[1, yes]", (("a", "b", "c"), [1, "yes"])),
        (" a.b =x", (("a", "b"), "x")),
        ("a=", (("a",), None)),
        ("a={precision: 0.9}", (("a",), {"precision": 0.9})),
        ("a=2024-13-45", (("a",), "2024-13-45")),
    ],
)
def test_a_setting_is_a_path_and_a_value(text: str, expected: object) -> None:
    assert parse_setting(text) == expected


@pytest.mark.parametrize("text", ["student.seed", "=3", " =3", ""])
def test_a_setting_without_key_or_sign(text: str) -> None:
    with pytest.raises(ConfigError, match="not of the form key=value"):
        parse_setting(text)


@pytest.mark.parametrize("text", ["a=[1", "a=!!int x", "a={b: 1, b: 2}"])
def test_a_setting_whose_value_is_no_yaml(text: str) -> None:
    with pytest.raises(ConfigError, match="not valid YAML"):
        parse_setting(text)


def test_settings_go_over_the_file(tmp_path: Path) -> None:
    config = load(tmp_path, DESIGN, "student.seed=7", "teacher.senior.model=big", "check.threshold=0.8", "output=x")
    assert config.student.seed == 7
    assert config.student.kind == "encoder"
    assert config.teacher.senior is not None and config.teacher.senior.model == "big"
    assert config.check.threshold == 0.8
    assert config.output == "x"
    assert load(tmp_path, LEAST, "limits.max_cost=2").limits.max_cost == 2


def test_a_wrong_setting_is_an_error(tmp_path: Path) -> None:
    assert "unknown key 'student.sede'; did you mean 'seed'?" in fails(tmp_path, LEAST, "student.sede=1")
    assert "'output' is a value, not a section" in fails(tmp_path, LEAST + "output: x", "output.a=1")
    assert "student.seed" in fails(tmp_path, LEAST, "student.seed=x")


def test_a_mistake_is_blamed_on_where_it_was_made(tmp_path: Path) -> None:
    option = fails(tmp_path, LEAST, "student.seed=x")
    assert "A --set option cannot be used" in option and "--set student.seed=x: student.seed" in option
    file = fails(tmp_path, LEAST + "output: [1]", "student.seed=7")
    assert "The run file" in file and "line 7: output" in file
    both = fails(tmp_path, LEAST + "output: [1]", "student.seed=x")
    assert "The run file" in both and "line 7: output" in both and "--set student.seed=x: " in both


@pytest.mark.parametrize("setting", ["check.threshold={precision: 0.4}", "chek.rounds=2", "report.slices=maybe"])
def test_a_setting_is_blamed_though_the_file_has_the_same_section(tmp_path: Path, setting: str) -> None:
    said = fails(tmp_path, LEAST + "check:\n  threshold:\n    precision: 0.9\n", setting)
    assert "A --set option" in said and "line" not in said and "tuple" not in said


# --- round trip


@pytest.mark.parametrize("text", [LEAST, DESIGN, LEAST.replace("[good, bad]", "[yes, no, '1', 'null', 2024-01-01]")])
def test_what_is_written_loads_as_equal(tmp_path: Path, text: str) -> None:
    config = load(tmp_path, text)
    other = tmp_path / "other"
    other.mkdir()
    again = load(other, config.to_yaml())
    assert again.model_dump() == config.model_dump()
    assert again.root == other


# PyYAML does not bring control characters such as NEL back.
_WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(
    question=_WORDS,
    labels=st.dictionaries(_WORDS, _WORDS, min_size=2, max_size=4),
    pool=st.one_of(_WORDS, st.floats(0.01, 0.9)),
    threshold=st.one_of(st.floats(0.01, 0.99), st.floats(0.51, 0.99).map(lambda p: {"precision": p})),
    rate=st.floats(1e-7, 1),
    extra=st.dictionaries(_WORDS, st.one_of(_WORDS, st.integers(), st.booleans(), st.none()), max_size=3),
)
def test_any_configuration_survives_its_file(
    tmp_path_factory: pytest.TempPathFactory,
    question: str,
    labels: dict[str, str],
    pool: Any,
    threshold: Any,
    rate: float,
    extra: dict[str, Any],
) -> None:
    raw = {
        "task": {"question": question, "labels": labels},
        "data": {"gold": "g", "pool": pool},
        "check": {"threshold": threshold},
        "student": {"learning_rate": rate},
        "teacher": {"extra": extra},
    }
    config = build_config(raw)
    file = tmp_path_factory.mktemp("config") / "run.yaml"
    file.write_text(config.to_yaml(), encoding="utf-8", newline="")
    assert load_config(file).model_dump() == config.model_dump()


def test_a_written_configuration_can_be_read_by_people(tmp_path: Path) -> None:
    assert "output: 陽性\n" in load(tmp_path, LEAST + "output: 陽性").to_yaml()


def test_a_configuration_from_values_names_its_mistakes() -> None:
    with pytest.raises(ConfigError, match="'data' is missing"):
        build_config({"task": {"question": "q", "labels": ["a", "b"]}}, source="here")
