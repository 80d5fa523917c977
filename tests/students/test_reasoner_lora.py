"""Low-rank matrices: learnt, merged, and gone from the folder."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from dualchecker.errors import ConfigError  # noqa: E402
from dualchecker.students.reasoner import ReasonerStudent  # noqa: E402
from tiny_writers import build_tiny_llama, build_tiny_t5, colour_examples, records  # noqa: E402

PINK = [replace(example, label="pink", chains=()) for example in colour_examples(20, 3)]


@pytest.mark.parametrize("build", [build_tiny_t5, build_tiny_llama])
def test_only_linear_layers_change_and_the_folder_is_plain(build: Any, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    base = build(tmp_path / "base")
    fitted = ReasonerStudent(base=base, lora=4, epochs=16, batch_size=8, learning_rate=1e-2, max_length=64).fit(PINK)
    assert fitted.answer(records(PINK)) == ["pink"] * len(PINK)
    fitted.save(tmp_path / "student")
    assert not list((tmp_path / "student").glob("adapter*"))
    auto = transformers.AutoModelForSeq2SeqLM if build is build_tiny_t5 else transformers.AutoModelForCausalLM
    before, after = (dict(auto.from_pretrained(folder).named_parameters()) for folder in (base, tmp_path / "student"))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert not any("norm" in name or "shared" in name or "embed" in name for name in changed)
    assert ReasonerStudent.load(tmp_path / "student").predict(records(PINK)) == fitted.predict(records(PINK))


def test_without_peft_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ConfigError, match=r"dualchecker\[lora\]"):
        ReasonerStudent(base=build_tiny_t5(tmp_path), lora=4).fit(PINK)
