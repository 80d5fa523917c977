"""What a reasoning student is told to read and write; its texts, and the words of its own small model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from dualchecker.config import StudentConfig  # noqa: E402
from dualchecker.errors import ConfigError, StudentError  # noqa: E402
from dualchecker.records import Example, Record, TaughtChain, VerdictWord  # noqa: E402
from dualchecker.students import check_writer, load_label_student, load_reasoning_student, make_reasoning_student  # noqa: E402
from dualchecker.students.reasoning_lessons import MOST_WEIGHT, Lesson, LessonWriter, verdict_weights  # noqa: E402
from dualchecker.students.reasoning_texts import question_text, stated_answer, whole_chain  # noqa: E402
from dualchecker.students.reasoning_writing import Writer, verdict_tokens  # noqa: E402
from dualchecker.students.scratch import make_scratch  # noqa: E402
from tiny_writers import build_tiny_llama, build_tiny_t5, colour_examples  # noqa: E402

RECORD = Record("1", "How many?")


@pytest.mark.parametrize(
    ("text", "answer", "whole"),
    [
        ("2 + 3 = 5.", "5", "2 + 3 = 5. The answer is 5."),
        ("2 + 3 = 5. The answer is 5.", "5", "2 + 3 = 5. The answer is 5."),
        ("2 + 3 = 5. So the answer is: 5 apples", "5", "2 + 3 = 5. The answer is 5."),
        ("It is 3.5 in all.\n Therefore, the answer is 3.50.", "3.5", "It is 3.5 in all. The answer is 3.5."),
        ("The answer is not 4. It is 5.", "5", "The answer is not 4. It is 5. The answer is 5."),
        ("", "5", "The answer is 5."),
    ],
)
def test_every_chain_ends_in_its_answer_once(text: str, answer: str, whole: str) -> None:
    assert whole_chain(text, answer) == whole
    assert stated_answer(whole, RECORD) == answer
    assert whole_chain(whole, answer) == whole


@pytest.mark.parametrize(
    ("chain", "answer"),
    [
        ("the answer is 3.5.", "3.5"),
        ("The answer is 4. No: the answer is 5 .", "5"),
        ("The answer is a red box", "a red box"),
        ("There is none.", None),
        ("The answer is", None),
    ],
)
def test_the_last_answer_of_a_chain_is_read(chain: str, answer: str | None) -> None:
    assert stated_answer(chain, RECORD) == answer


def test_choices_are_read_with_the_question() -> None:
    record = Record("1", "Which? ", detail="Long.", choices=("a box", "a card"))
    assert question_text(record, "text") == "Which? choices: a box; a card"
    assert question_text(record, "both") == "Which? \nLong. choices: a box; a card"


def judged(*verdicts: VerdictWord, weight: float = 1.0) -> Example:
    return Example(RECORD, "5", weight, chains=(TaughtChain("2 + 3", "5", 1.0, tuple((v, "") for v in verdicts)),))


def test_rare_verdicts_count_more_within_bounds_and_one_in_the_mean() -> None:
    few = [*[judged("correct")] * 3, judged("wrong")]
    assert verdict_weights(few) == pytest.approx({"correct": 2 / 3, "wrong": 2.0})
    many = verdict_weights([*[judged("correct")] * 999, judged("wrong")])
    assert many["wrong"] / many["correct"] == pytest.approx(2 * MOST_WEIGHT, rel=0.01)
    assert (999 * many["correct"] + many["wrong"]) / 1000 == pytest.approx(1)
    assert verdict_weights([judged("wrong")] * 5) == {"wrong": 1.0}
    assert verdict_weights([Example(RECORD, "5")]) == {}
    # Several verdicts on a chain share its weight.
    assert verdict_weights([judged("correct", "wrong"), judged("correct", weight=0.5)]) == pytest.approx(
        verdict_weights([judged("correct"), judged("wrong", weight=0.5)])
    )


def writer(folder: Path, *, causal: bool = False, max_length: int = 20) -> tuple[LessonWriter, Any]:
    (build_tiny_llama if causal else build_tiny_t5)(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    return LessonWriter(tokenizer, causal=causal, max_length=max_length, text="text", alpha=0.5), tokenizer


def test_a_long_chain_keeps_its_ending(tmp_path: Path) -> None:
    lessons, tokenizer = writer(tmp_path)
    record = Record("1", "Ann has a box . " * 20)
    (lesson,) = lessons.lessons([Example(record, "red", chains=(TaughtChain("it is so . " * 20, "red"),))])
    _, explain = lesson.sources
    written = tokenizer.decode(explain.targets[0].ids)
    assert written.endswith("The answer is red . </s>")
    assert len(explain.targets[0].ids) == 21
    read = tokenizer.decode(lessons.evaluate("Ann has a box . " * 20, "it is so . " * 20, "red"))
    assert read.endswith("The answer is red . ] </s>") and read.startswith("evaluate : Ann")
    assert lessons.unlearnt == {"cut_question": 1, "cut_chain": 1}


def test_a_question_told_twice_is_one_lesson(tmp_path: Path) -> None:
    lessons, _ = writer(tmp_path)
    one, other = (Example(Record(name, "Ann has a box ."), answer) for name, answer in (("a", "red"), ("b", "blue")))
    (lesson,) = lessons.lessons([one, other])
    assert (len(lesson.sources), len(lesson.sources[0].targets), lesson.rows) == (1, 2, 2)


def test_a_draw_of_chains_weighs_as_much_as_all_on_average(tmp_path: Path) -> None:
    lessons, _ = writer(tmp_path, max_length=60)
    examples = colour_examples(1, 1, chains=4)
    (lesson,) = lessons.lessons(examples, verdicts=verdict_weights(examples))

    def weights(of: Any) -> dict[Any, float]:
        return {(source.ids, target.ids): sum(target.weights) for source in of.sources for target in source.targets}

    rng, sums, draws = np.random.default_rng(0), dict.fromkeys(weights(lesson), 0.0), 600
    for _ in range(draws):
        drawn = lesson.drawn(2, rng)
        explain, judged = drawn.sources[1], drawn.sources[2:]
        assert (len(explain.targets), len(judged), drawn.judged, drawn.rows) == (2, 2, 2, lesson.rows)
        for key, weight in weights(drawn).items():
            sums[key] += weight / draws
    for key, weight in weights(lesson).items():
        assert sums[key] == pytest.approx(weight, rel=0.2)
    assert lesson.drawn(9, rng) == lesson


def test_verdicts_are_told_apart_or_refused(tmp_path: Path) -> None:
    _, tokenizer = writer(tmp_path / "tiny")
    begun, words = verdict_tokens(tokenizer)
    assert begun == () and tokenizer.convert_ids_to_tokens(list(words)) == ["correct", "wrong", "uncertain"]

    class Letters:
        """Writes a sign for the blank before each word."""

        def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
            return {"input_ids": [0, *map(ord, text)]}

    assert verdict_tokens(Letters()) == ((0,), (ord("c"), ord("w"), ord("u")))

    class Blind:
        def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
            return {"input_ids": [2]}

    with pytest.raises(ConfigError, match="apart"):
        verdict_tokens(Blind())


def test_drawing_follows_the_softmax_at_its_temperature(tmp_path: Path) -> None:
    build_tiny_t5(tmp_path)
    model = transformers.T5ForConditionalGeneration.from_pretrained(tmp_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    pen = Writer(model, tokenizer, causal=False)
    read = (4, 9, 12, 1)
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([read]), decoder_input_ids=torch.tensor([[0]])).logits[0, -1]
        logits[tokenizer.unk_token_id] = -torch.inf
        expected = (logits / 5.0).topk(50)
        chances = dict(zip(expected.indices.tolist(), expected.values.softmax(0).tolist(), strict=True))
    (texts,) = pen.write([read], length=1, drawn=3000, temperature=5.0, seed=3)
    drawn = [tokenizer.convert_tokens_to_ids(text) for text in texts[1:] if text]
    for token in expected.indices[:6].tolist():
        if token > 2:  # those that are words
            share = np.mean([one == token for one in drawn]) * len(drawn) / 3000
            assert share == pytest.approx(chances[token], abs=4 * np.sqrt(chances[token] / 3000))


# --- the small model of its own


def test_scratch_reads_back_what_it_writes(tmp_path: Path) -> None:
    texts = ["Tom has 12 apples, and don't_eat 3.5 of them!", "答えは二つです。 Größe: -7 %", "predict: a\n b"]
    model, tokenizer = make_scratch(texts, 64)
    for text in (*texts[:2], "Tom has 98 apples, -3.40 %"):
        assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text
    assert tokenizer.decode(tokenizer(texts[2])["input_ids"], skip_special_tokens=True) == "predict: a b"
    pieces = tokenizer.convert_ids_to_tokens(tokenizer("Tom has 4096 zebras, 57 apples")["input_ids"])
    said = ["Tom", "has", "4", "0", "9", "6", "<unk>", ",", "57", "apples", "</s>"]
    assert [piece.strip("\u2581") for piece in pieces] == said
    assert model.config.vocab_size == len(tokenizer)
    tokenizer.save_pretrained(tmp_path)
    loaded = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert loaded(texts[0])["input_ids"] == tokenizer(texts[0])["input_ids"]
    assert loaded.model_max_length == 64


def test_scratch_needs_words() -> None:
    with pytest.raises(StudentError, match="no words"):
        make_scratch(["", " "], 64)


# --- from the run file


def test_a_student_from_the_run_file(tmp_path: Path) -> None:
    config = StudentConfig(kind="reasoner", base=build_tiny_t5(tmp_path / "base"), epochs=1, samples=2, max_length=32)
    student = make_reasoning_student(config, read=lambda chain, record: "yes", seed=3)
    student.fit(colour_examples(4, 1)).save(tmp_path / "student")
    (said,) = student.predict([RECORD])
    assert len(said.chains) == 2 and said.answer == "yes"
    loaded = load_reasoning_student(tmp_path / "student", lambda chain, record: "yes")
    assert loaded.predict([RECORD]) == [said]
    with pytest.raises(StudentError, match="reasons"):
        load_label_student(tmp_path / "student")
    check_writer(config.base)
    check_writer("scratch")
    with pytest.raises(ConfigError, match="cannot write"):
        check_writer("offline")


@pytest.mark.parametrize("option", [{"freeze": 2}, {"soft_targets": True}])
def test_what_does_not_apply_is_refused(option: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(option))):
        make_reasoning_student(StudentConfig(kind="reasoner", base="scratch", **option))


def test_a_draw_of_a_lesson_weighs_on_average_as_much_as_the_whole(tmp_path: Path) -> None:
    """Sum of all token weights, by what is read: the loss is linear in them."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(build_tiny_t5(tmp_path / "t5"))
    writer = LessonWriter(tokenizer, causal=False, max_length=64, text="both", alpha=0.5)
    (example,) = colour_examples(1, 3)
    (whole,) = writer.lessons([example], verdicts=verdict_weights([example]))
    rng = np.random.default_rng(0)
    draws = [whole.drawn(1, rng) for _ in range(3000)]
    assert whole.judged > 1 and {draw.judged for draw in draws} == {1}
    assert all(len(source.targets) == 1 for draw in draws for source in draw.sources[: -draw.judged])
    assert all((draw.rows, draw.weight) == (whole.rows, whole.weight) for draw in draws)

    def weights(lesson: Lesson) -> dict[tuple[object, object], float]:
        return {(s.ids, t.ids): sum(t.weights) for s in lesson.sources for t in s.targets}

    mean = {key: np.mean([weights(draw).get(key, 0.0) for draw in draws]) for key in weights(whole)}
    for key, weight in weights(whole).items():
        assert mean[key] == pytest.approx(weight, rel=0.15)
    assert whole.drawn(99, rng) == whole


def test_a_question_that_is_too_long_keeps_its_choices(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(build_tiny_t5(tmp_path / "t5"))
    writer = LessonWriter(tokenizer, causal=False, max_length=12, text="both", alpha=0.5)
    words = [word for word in tokenizer.get_vocab() if word.strip("\u2581").isalpha()]
    known = [word.strip("\u2581") for word in sorted(words)][:4]
    question = question_text(Record("1", " ".join(known[:2] * 20), choices=(known[2], known[3])), "both")
    told = writer.predict(question)
    kept = tokenizer(f"choices: {known[2]}; {known[3]}", add_special_tokens=False)["input_ids"]
    assert len(told) <= 13 and list(told[-1 - len(kept) : -1]) == kept


def test_verdicts_may_weigh_apart_from_the_answer(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    writer = LessonWriter(
        AutoTokenizer.from_pretrained(build_tiny_t5(tmp_path / "t5")),
        causal=False,
        max_length=64,
        text="both",
        alpha=0.5,
    )
    chain = TaughtChain("so red", "red", 0.0, (("wrong", ""),))
    weights = [
        writer.lessons([Example(RECORD, "red", 0.25, chains=(one,))], verdicts={"wrong": 1.0})[0].weight
        for one in (chain, TaughtChain(chain.text, chain.answer, 0.0, chain.verdicts, 1.0))
    ]
    assert weights == [0.5, 1.25]


def test_verdicts_count_at_most_as_much_as_chains() -> None:
    def examples(judged: int) -> list[Example]:
        chains = [TaughtChain(f"a{n}", "red", 0.0, (("wrong", ""),)) for n in range(judged)]
        return [Example(RECORD, "red", chains=(TaughtChain("so red", "red", verdicts=(("correct", ""),)), *chains))]

    few, many = verdict_weights(examples(0)), verdict_weights(examples(3))
    assert few == {"correct": 1.0}
    assert 3 * many["wrong"] + many["correct"] == pytest.approx(1.0)
    assert many["wrong"] < many["correct"]
