"""The student that reasons, on tiny random models; questions name their answers."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from dualchecker.errors import ConfigError, StudentError  # noqa: E402
from dualchecker.records import Example, Record, TaughtChain  # noqa: E402
from dualchecker.students import load_student  # noqa: E402
from dualchecker.students.reasoner import ReasonerStudent  # noqa: E402
from tiny_writers import COLOURS, build_tiny_llama, build_tiny_t5, colour_examples, records  # noqa: E402

FEW = colour_examples(12, 1)
TAUGHT = colour_examples(40, 1, chains=1)
LONG = {"epochs": 20, "batch_size": 4}  # enough for TAUGHT
UNSEEN = colour_examples(12, 99)


@pytest.fixture(scope="module")
def t5(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build_tiny_t5(tmp_path_factory.mktemp("tiny-t5"))


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build_tiny_llama(tmp_path_factory.mktemp("tiny-llama"))


def student(base: str, **options: Any) -> ReasonerStudent:
    settings = {"base": base, "epochs": 1, "batch_size": 8, "learning_rate": 1e-2, "max_length": 64, **options}
    return ReasonerStudent(**settings)


@pytest.fixture(scope="module")
def trained(t5: str) -> ReasonerStudent:
    return student(t5, **LONG).fit(TAUGHT)


@pytest.fixture(scope="module")
def brief(t5: str) -> ReasonerStudent:
    """Hardly trained: unsure, so that its chains differ."""
    return student(t5, learning_rate=2e-3).fit(colour_examples(40, 1))


def share(answers: Sequence[str | None], of: Sequence[Example] = UNSEEN) -> float:
    """Of right answers. Another machine, or number of threads, makes a somewhat other student."""
    return float(np.mean([answer == example.label for answer, example in zip(answers, of, strict=True)]))


def voted(student: ReasonerStudent, of: Sequence[Example] = UNSEEN) -> float:
    return share([one.answer for one in student.predict(records(of))], of)


def given(examples: list[Example]) -> list[list[tuple[str, str]]]:
    return [[(chain.text, chain.answer) for chain in example.chains] for example in examples]


# --- learning


def test_it_learns_to_answer_to_reason_and_to_judge(trained: ReasonerStudent) -> None:
    said = trained.predict(records(UNSEEN))
    assert trained.answer(records(UNSEEN)) == [one.direct for one in said]
    assert min(share([one.answer for one in said]), share([one.direct for one in said])) >= 0.85
    for one in said:
        assert len(one.chains) == 5
        assert "the box is" in one.chains[0].text
        assert sum(share for _, share in one.votes) == pytest.approx(1)
        assert 0 < one.confidence <= 1
    right, also_right, wrong = np.mean(trained.judge(records(UNSEEN), given(UNSEEN)), axis=0)
    assert wrong < 0.35 < 0.65 < min(right, also_right)


def test_a_causal_model_learns_too(llama: str) -> None:
    fitted = student(llama, min_steps=120).fit(FEW)
    assert share(fitted.answer(records(FEW)), FEW) > 0.8
    said = fitted.predict(records(FEW))
    assert share([one.answer for one in said], FEW) > 0.7
    assert np.mean(["the box is" in chain.text for one in said for chain in one.chains]) > 0.9
    verdicts = np.array(fitted.judge(records(FEW), given(FEW)))
    assert verdicts[:, :-1].mean() > 0.7 and verdicts[:, -1].mean() < 0.3


def test_from_scratch_with_the_words_of_the_examples() -> None:
    fitted = student("scratch", epochs=6, batch_size=4, learning_rate=2e-3).fit(colour_examples(40, 1, chains=1))
    assert voted(fitted) > 0.8


def test_progress_counts_the_steps_of_all_stages(t5: str) -> None:
    seen: list[tuple[int, int]] = []
    student(t5, stages="evaluation_first", progress=lambda *step: seen.append(step)).fit(FEW)
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    mixed = student(t5, min_steps=5).fit(FEW)
    assert mixed.work.steps == 5
    assert mixed.work.real <= mixed.work.padded


def test_stages_make_another_student(t5: str) -> None:
    mixed, staged = (student(t5, stages=stages).fit(FEW) for stages in ("mixed", "evaluation_first"))
    assert mixed.judge(records(UNSEEN), given(UNSEEN)) != staged.judge(records(UNSEEN), given(UNSEEN))
    assert staged.judges


def test_alpha_shares_out_the_loss(t5: str) -> None:
    """With all of it on answers, chains are not learnt, and the other way round."""
    only_answers = student(t5, alpha=1.0, **LONG).fit(TAUGHT)
    assert share(only_answers.answer(records(UNSEEN))) > 0.8
    assert not any(chain.answer for one in only_answers.predict(records(UNSEEN)) for chain in one.chains)


def test_heavier_examples_win(t5: str) -> None:
    record = Record("1", "Ann and Bob have a box . which colour is it ?")

    def answer(weight: float) -> str | None:
        data = [Example(record, "red", weight), Example(record, "blue", 1.0)]
        return student(t5, min_steps=40).fit(data).answer([record])[0]

    assert (answer(0.2), answer(5.0)) == ("blue", "red")


def test_only_the_ratio_of_weights_counts(t5: str) -> None:
    scaled = [Example(e.record, e.label, 0.5, chains=e.chains) for e in FEW]
    first, second = (student(t5).fit(data).judge(records(UNSEEN), given(UNSEEN)) for data in (FEW, scaled))
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_examples_of_weight_zero_are_ignored(t5: str) -> None:
    noise = [Example(e.record, "pink", 0.0, chains=e.chains) for e in colour_examples(5, 8)]
    first, second = (student(t5).fit(data).judge(records(UNSEEN), given(UNSEEN)) for data in (FEW, [*FEW, *noise]))
    assert first == second


# --- checkpoints


def test_the_epoch_that_answers_held_out_questions_best_is_kept(t5: str, trained: ReasonerStudent) -> None:
    """Held-out answers are wrong on purpose and get less likely with every epoch, so the first must win."""
    wrong = [
        Example(e.record, random.Random(n).choice([c for c in COLOURS if c != e.label])) for n, e in enumerate(UNSEEN)
    ]
    chosen = student(t5, **LONG).fit(TAUGHT, wrong)
    assert share(chosen.answer(records(UNSEEN))) < 0.7 < 0.85 <= share(trained.answer(records(UNSEEN)))


def test_a_question_that_is_learnt_chooses_nothing(t5: str) -> None:
    known = [Example(Record("other-id", example.record.text.upper()), "pink") for example in FEW]
    fitted = student(t5, epochs=3).fit(FEW, known)
    assert fitted.unlearnt["known_held"] == len(known)
    plain = student(t5, epochs=3).fit(FEW)
    assert fitted.judge(records(UNSEEN), given(UNSEEN)) == plain.judge(records(UNSEEN), given(UNSEEN))


# --- predictions


def test_order_and_company_change_no_prediction(brief: ReasonerStudent) -> None:
    asked = records(UNSEEN)
    together = brief.predict(asked)
    assert brief.predict(asked[::-1])[::-1] == together
    for number in (0, 5):
        (alone,) = brief.predict([asked[number]])
        assert [chain.text for chain in alone.chains] == [chain.text for chain in together[number].chains]
        assert alone.confidence == pytest.approx(together[number].confidence, abs=1e-5)
    assert brief.predict([]) == [] and brief.answer([]) == [] and brief.judge([], []) == []


def test_verdicts_do_not_depend_on_order_or_company(brief: ReasonerStudent) -> None:
    together = brief.judge(records(UNSEEN), given(UNSEEN))
    assert all(len(its) == 3 and all(0 <= one <= 1 for one in its) for its in together)
    back = brief.judge(records(UNSEEN)[::-1], [its[::-1] for its in given(UNSEEN)[::-1]])
    np.testing.assert_allclose([its[::-1] for its in back[::-1]], together, atol=1e-5)
    np.testing.assert_allclose(brief.judge(records(UNSEEN)[:1], given(UNSEEN)[:1]), together[:1], atol=1e-5)
    assert brief.judge(records(UNSEEN)[:2], [[], given(UNSEEN)[1]])[0] == []


def test_without_chains_the_answer_stands_alone(t5: str, tmp_path: Path) -> None:
    plain = [Example(e.record, e.label) for e in FEW]
    fitted = student(t5, epochs=3).fit(plain)
    said = fitted.predict(records(UNSEEN))
    assert [one.answer for one in said] == fitted.answer(records(UNSEEN))
    assert not any(one.chains or one.votes for one in said)
    fitted.save(tmp_path / "student")
    assert ReasonerStudent.load(tmp_path / "student").predict(records(UNSEEN)) == said


def test_a_draw_of_the_chains_is_enough_to_learn(t5: str) -> None:
    some = student(t5, chains_per_step=1, **LONG).fit(colour_examples(40, 1))
    assert voted(some) > 0.9
    assert some.work.real < 0.8 * student(t5, **LONG).fit(colour_examples(40, 1)).work.real


def test_the_seed_decides_everything(t5: str) -> None:
    first, again, other = (student(t5, seed=seed).fit(FEW) for seed in (1, 1, 2))
    assert first.predict(records(UNSEEN)) == again.predict(records(UNSEEN))
    assert first.predict(records(UNSEEN)) != other.predict(records(UNSEEN))


def test_chains_are_drawn_by_the_seed_and_differ(brief: ReasonerStudent) -> None:
    texts = [[chain.text for chain in one.chains] for one in brief.predict(records(UNSEEN))]
    assert brief.predict(records(UNSEEN)) == brief.predict(records(UNSEEN))
    assert np.mean([len(set(its)) for its in texts]) > 1.5
    brief._seed += 1
    try:
        others = [[chain.text for chain in one.chains] for one in brief.predict(records(UNSEEN))]
    finally:
        brief._seed -= 1
    assert [its[0] for its in others] == [its[0] for its in texts]  # greedy
    assert [its[1:] for its in others] != [its[1:] for its in texts]


def test_the_random_state_of_the_caller_is_left_alone(t5: str, tmp_path: Path) -> None:
    def states() -> tuple[object, ...]:
        return torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())

    before = states()
    for base in (t5, "scratch"):
        fitted = student(base).fit(FEW, UNSEEN)
        fitted.predict(records(UNSEEN))
        fitted.save(tmp_path / "student")
        ReasonerStudent.load(tmp_path / "student")
    assert states() == before


def test_answers_are_read_by_the_task(trained: ReasonerStudent) -> None:
    seen: list[tuple[str, Record]] = []

    def read(chain: str, record: Record) -> str | None:
        seen.append((chain, record))
        return "RED" if "answer is red" in chain else None

    trained.read, before = read, trained.read
    try:
        said = trained.predict(records(UNSEEN))
    finally:
        trained.read = before
    for one, plain in zip(said, trained.predict(records(UNSEEN)), strict=True):
        assert [chain.text for chain in one.chains] == [chain.text for chain in plain.chains]
        assert [chain.answer for chain in one.chains] == [
            "RED" if chain.answer == "red" else None for chain in plain.chains
        ]
        assert one.direct == ("RED" if plain.direct == "red" else None)
    assert {one.answer for one in said} == {"RED", None}
    assert {record.id for _, record in seen} == {record.id for record in records(UNSEEN)}


def test_awkward_texts_are_read(trained: ReasonerStudent) -> None:
    awkward = [Record("a", ""), Record("b", "lone \ud800 surrogate"), Record("c", "the box is red . " * 900)]
    said = trained.predict(awkward)
    assert len(said) == 3
    assert all(0 <= one.confidence <= 1 for one in said)
    assert np.isfinite(trained.judge(awkward, [[("", "red")], [("a " * 900, "")], [("\ud800", "blue")]])).all()


# --- folders


@pytest.mark.parametrize("base", ["t5", "llama", "scratch"])
def test_a_saved_student_says_the_same(base: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    fitted = student(base if base == "scratch" else request.getfixturevalue(base), samples=3, epochs=2).fit(FEW)
    said = fitted.predict(records(UNSEEN))
    fitted.calibrate(said, [number % 3 > 0 for number in range(len(said))])
    fitted.save(tmp_path / "student", card="# Card", extra={"run": "x"})
    loaded = load_student(tmp_path / "student")
    assert isinstance(loaded, ReasonerStudent)
    assert loaded.predict(records(UNSEEN)) == fitted.predict(records(UNSEEN)) != said
    assert loaded.judge(records(UNSEEN), given(UNSEEN)) == fitted.judge(records(UNSEEN), given(UNSEEN))
    assert loaded.judges
    names = {file.name for file in (tmp_path / "student").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md", "dualchecker.json"} <= names
    assert not any(name.endswith((".bin", ".pkl", ".pt")) for name in names)
    described = json.loads((tmp_path / "student" / "dualchecker.json").read_text())
    assert (described["kind"], described["reasons"], described["run"]) == ("reasoner", True, "x")
    auto = transformers.AutoModelForCausalLM if base == "llama" else transformers.AutoModelForSeq2SeqLM
    auto.from_pretrained(tmp_path / "student")
    transformers.AutoTokenizer.from_pretrained(tmp_path / "student")


def test_a_student_can_be_the_base_of_another(trained: ReasonerStudent, tmp_path: Path) -> None:
    trained.save(tmp_path / "student")
    further = student(str(tmp_path / "student"), learning_rate=1e-5).fit(FEW)
    assert voted(further) > 0.9


# --- what cannot be


def test_what_cannot_be_learnt_is_counted(t5: str) -> None:
    record = Record("1", "Ann has a box . " * 30)
    chains = (TaughtChain("  ", "red"), TaughtChain("the box is red . " * 30, "red"))
    fitted = student(t5).fit([Example(record, "red", chains=chains), Example(Record("2", "Ann ."), " ")])
    assert fitted.unlearnt == {"empty_chain": 1, "cut_chain": 1, "cut_question": 1, "empty_answer": 1}


def test_five_times_the_same_chain_and_one_verdict_only(t5: str) -> None:
    chain = TaughtChain("the box is red .", "red", 1.0, (("correct", "so it is ."),) * 5)
    fitted = student(t5).fit([Example(Record("1", "a red box ."), "red", chains=(chain,) * 5)])
    assert fitted._verdicts == pytest.approx({"correct": 1.0})
    (said,) = fitted.judge([Record("1", "a red box .")], [[("the box is red .", "red")] * 5])
    assert len(set(said)) == 1 and 0 <= said[0] <= 1


def test_without_verdicts_nothing_is_judged(t5: str) -> None:
    plain = [Example(e.record, e.label, chains=(TaughtChain(e.chains[0].text, e.label),)) for e in FEW]
    fitted = student(t5, stages="evaluation_first").fit(plain)
    assert not fitted.judges
    assert all(chain.right is None for one in fitted.predict(records(UNSEEN)) for chain in one.chains)
    with pytest.raises(StudentError, match="no verdicts"):
        fitted.judge(records(UNSEEN), given(UNSEEN))


def test_nothing_to_learn_from_is_refused(t5: str, trained: ReasonerStudent) -> None:
    with pytest.raises(StudentError, match="nothing to train on"):
        student(t5).fit([])
    with pytest.raises(StudentError, match="nothing to train on"):
        student(t5).fit([Example(Record("1", "a box ."), "")])
    with pytest.raises(StudentError, match="not been trained"):
        student(t5).predict(records(UNSEEN))
    with pytest.raises(StudentError, match="calibrate"):
        trained.sharpen(2.0)


def test_divergence_is_said(t5: str) -> None:
    with pytest.raises(StudentError, match="diverged"):
        student(t5, learning_rate=1e30, epochs=5).fit(FEW)


def test_models_that_cannot_write_are_refused(tiny_bert: str, tmp_path: Path) -> None:
    for base in ("offline", tiny_bert):
        with pytest.raises(ConfigError, match="cannot write"):
            student(base).fit(FEW)
    with pytest.raises(ConfigError, match="cannot be loaded"):
        student(str(tmp_path / "nothing")).fit(FEW)
    with pytest.raises(ConfigError, match="lora"):
        student("scratch", lora=4)
    with pytest.raises(StudentError, match="no reasoner student"):
        ReasonerStudent.load(tmp_path)


def test_what_a_checkpoint_says_of_writing_does_not_change_what_is_written(
    brief: ReasonerStudent, tmp_path: Path
) -> None:
    """Beams do not go with sampled chains; a penalty would keep numbers of the question out of the chain."""
    brief.save(tmp_path / "student")
    said = ReasonerStudent.load(tmp_path / "student").predict(records(UNSEEN[:4]))
    own = tmp_path / "student" / "generation_config.json"
    own.write_text(json.dumps({**json.loads(own.read_text()), "num_beams": 4, "repetition_penalty": 5.0}))
    assert ReasonerStudent.load(tmp_path / "student").predict(records(UNSEEN[:4])) == said
