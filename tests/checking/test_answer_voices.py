"""Quick students of answers: probabilities of numbers and choices, and what chains give away."""

from chain_fakes import SUMS, make_sums, said
from dualchecker.checking import AnswerVoices
from dualchecker.checking.chain_voices import judged_key
from dualchecker.checking.chain_vote import elected
from dualchecker.data import Fence
from dualchecker.embedding import NgramEmbedder
from dualchecker.records import Answer, Confidence, Labelled, Record
from dualchecker.tasks import Reasoning

GOLD, POOL = make_sums(20, "g"), make_sums(60, "p")


def voices(task: Reasoning, gold: list[Record]) -> AnswerVoices:
    embedder = NgramEmbedder(features=2**10)
    embedder.fit([record.text for record in gold])
    return AnswerVoices(Fence(tuple(gold), tuple(gold), "cross_fit"), task, embedder)


def labelled(record: Record, text: str, answer: str, task: Reasoning = SUMS) -> Labelled:
    blank = Answer(record.id, None, "failed", "brief")
    return Labelled(record, elected(blank, (said(answer, text),), task), Confidence(0.7), "accepted")


def test_the_numbers_that_others_of_its_kind_come_to_are_likely() -> None:
    def answer(record: Record) -> str:
        return str(abs(record.meta["a"] - record.meta["b"])) if record.id in ("p3", "p7") else record.label or ""

    found = voices(SUMS, GOLD).learn([labelled(r, f"So {answer(r)}.", answer(r)) for r in POOL], {})
    assert set(found) == {record.id for record in (*GOLD, *POOL)}
    for record in POOL:
        votes = found[record.id].votes
        assert sum(votes.values()) + 60 * 1e-3 > 0.99
        assert votes.get(record.label or "", 0) > 0.5  # also of the two that the teacher got wrong


def test_a_chain_with_a_fault_is_doubted() -> None:
    record = POOL[0]
    a, b = record.meta["a"], record.meta["b"]
    sound = labelled(record, f"She has {a} + {b} = {a + b} shells.", str(a + b))
    slip = labelled(POOL[1], f"She has {a} + {b} = {a + b + 1} shells.", str(a + b + 1))
    found = voices(SUMS, GOLD).learn([sound, slip], {})
    judged = [found[item.record.id].judged[judged_key(item.answer.chains[0])] for item in (sound, slip)]  # type: ignore[union-attr]
    assert judged[0] == 0.5 > judged[1]


def test_choices_are_scored_too() -> None:
    task = Reasoning("Which?", "choice")
    gold = [Record(f"c{i}", f"Where do fish swim, number {i}?", label="sea", choices=("sea", "sky")) for i in range(12)]
    pool = [Record(f"d{i}", f"Where do fish swim, case {i}?", choices=("sky", "sea")) for i in range(12)]
    found = voices(task, gold).learn([labelled(record, "Fish swim.", "sea", task) for record in pool], {})
    assert all(found[record.id].votes["sea"] > 0.5 for record in (*gold, *pool))


def test_about_free_words_they_have_nothing_to_say() -> None:
    task = Reasoning("Which?", "text")
    assert voices(task, GOLD).learn([labelled(POOL[0], "Well.", "a word", task)], {}) == {}
