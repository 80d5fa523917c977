"""The student checker where reasoning is asked for: fusion, disputes, rejected chains, cross-fitted students."""

from collections.abc import Callable
from pathlib import Path

from chain_fakes import SUMS, ChainTeacher, FixedVoices, TellingStudent, chain_checker, chain_ladder, make_sums
from dualchecker.checking import ChainStudentChecker, ReasonerVoices, gold_chain_examples
from dualchecker.checking.chain_voices import Opinion
from dualchecker.confidence import Threshold
from dualchecker.data import Fence
from dualchecker.embedding import NgramEmbedder
from dualchecker.prompts import Prompt, Template
from dualchecker.records import Record
from dualchecker.tasks.chains import chain_key

GOLD, POOL = make_sums(60, "g"), make_sums(30, "p")
FENCE = Fence(tuple(GOLD), tuple(GOLD), "cross_fit")


def wrong(record: Record) -> bool:
    return int(record.id[1:]) % 3 == 0


def erring(prompt: Prompt, record: Record) -> dict[str, object]:
    """Every third question is answered wrongly, and as surely as the others."""
    answer = str(int(record.label or "") + wrong(record))
    return {"rationale": f"Thought {prompt.sample} about {record.id}.", "answer": answer, "confidence": 0.8}


def judged_labels(tmp_path: Path) -> tuple[object, list[object]]:
    with chain_ladder(tmp_path, ChainTeacher([*GOLD, *POOL], erring), GOLD, rungs=("brief",)) as ladder:
        checker = chain_checker(ladder, GOLD, threshold=0.5)
        return checker.calibrate(Template()), checker.label(POOL, Template())  # type: ignore[return-value]


def opinions(knows: Callable[[Record], bool]) -> dict[str, Opinion]:
    """A student that is right where it knows, and judges the teacher's chains accordingly."""
    found = {}
    for record in (*GOLD, *POOL):
        answer = str(int(record.label or "") + wrong(record))
        key = [(chain_key(f"Thought {n} about {record.id}."), answer) for n in range(3)]
        right = 0.5 if not knows(record) else 0.1 if wrong(record) else 0.9
        votes = {record.label or "": 0.8, "999": 0.2} if knows(record) else {"7": 0.5, "8": 0.5}
        found[record.id] = Opinion(votes, dict.fromkeys(key, right))
    return found


def make_checker(voices: object) -> ChainStudentChecker:
    embedder = NgramEmbedder(features=2**10)
    embedder.fit([record.text for record in GOLD])
    return ChainStudentChecker(SUMS, FENCE, embedder, voices, lambda said, right: Threshold(0.7))  # type: ignore[arg-type]


def test_a_student_that_knows_better_disputes_and_rejects(tmp_path: Path) -> None:
    calibration, labels = judged_labels(tmp_path)
    checker = make_checker(FixedVoices(opinions(lambda record: True)))
    findings = checker.inspect(labels, calibration)  # type: ignore[arg-type]
    assert {item.record.id for item in findings.disputed} == {r.id for r in POOL if wrong(r)}
    for item in findings.labels:
        assert item.status == ("abstained" if wrong(item.record) else "accepted")
        assert item.reason == ("disputed" if wrong(item.record) else "")
        for chain in item.answer.chains if item.answer else ():
            assert chain.rejected == ("student_doubts" if wrong(item.record) else "")
    assert findings.student_accuracy == 1


def test_a_student_that_knows_nothing_changes_little(tmp_path: Path) -> None:
    calibration, labels = judged_labels(tmp_path)
    findings = make_checker(FixedVoices(opinions(lambda record: False))).inspect(labels, calibration)  # type: ignore[arg-type]
    assert not findings.disputed
    confidences = {round(item.confidence.value, 6) for item in findings.labels}
    assert len(confidences) == 1  # two in three are right, and nothing tells which
    assert 0.5 < confidences.pop() < 0.8
    assert not any(chain.rejected for item in findings.labels if item.answer for chain in item.answer.chains)


def test_borderline_gold_is_what_the_student_gets_wrong(tmp_path: Path) -> None:
    calibration, labels = judged_labels(tmp_path)
    weak = {record.id for record in GOLD[:5]}
    findings = make_checker(FixedVoices(opinions(lambda record: record.id not in weak))).inspect(labels, calibration)  # type: ignore[arg-type]
    assert findings.borderline and {record.id for record in findings.borderline} <= weak


def test_a_question_without_an_answer_stays_as_it_is(tmp_path: Path) -> None:
    teacher = ChainTeacher([*GOLD, *POOL], lambda p, r: "" if r.id == "p0" else erring(p, r))
    with chain_ladder(tmp_path, teacher, GOLD, rungs=("brief",)) as ladder:
        checker = chain_checker(ladder, GOLD, threshold=0.5)
        calibration, labels = checker.calibrate(Template()), checker.label(POOL, Template())
    found = make_checker(FixedVoices({})).inspect(labels, calibration).labels
    assert found[0].status == "failed" and found[0].answer is None


def test_no_student_speaks_about_a_question_that_it_has_learnt(tmp_path: Path) -> None:
    calibration, labels = judged_labels(tmp_path)
    made: list[TellingStudent] = []

    spoken: list[set[str]] = []
    predict = TellingStudent.predict

    class Listening(TellingStudent):
        def predict(self, records):  # type: ignore[no-untyped-def]
            spoken.append({record.id for record in records})
            return predict(self, records)

    def make_listening() -> Listening:
        made.append(Listening(lambda record: record.label, lambda text: 0.7))
        return made[-1]  # type: ignore[return-value]

    voices = ReasonerVoices(
        FENCE, make_listening, lambda answers: gold_chain_examples(GOLD, SUMS, {}, answers), doubtful="weight"
    )
    gold = {climb.record.id: climb.answer for climb in calibration.climbs}  # type: ignore[attr-defined]
    found = voices.learn(labels, gold)  # type: ignore[arg-type]
    assert set(found) == {record.id for record in (*GOLD, *POOL)} == set(voices.heard)
    assert len(made) == len(spoken) == 2
    for student, heard in zip(made, spoken, strict=True):
        assert student.taught and not heard & {example.record.id for example in student.taught}
    assert set(found["p1"].judged.values()) == {0.7} and len(found["p1"].judged) == 3
