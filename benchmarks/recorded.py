"""What confidence signals are worth on answers that real LLMs once gave, replayed from files.

Three questions: does a student of the teacher's own labels find the teacher's errors without any gold (CommonsenseQA,
PaLM 540B); whom to ask again in more detail, and which answer to keep (PubMedQA); does it help that three prompts agree
(Causal News). See docs/benchmarks.md.
"""

import argparse
import json
import os
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: see docs/benchmarks.md
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import numpy.typing as npt

from dualchecker.alignment import ContextAligner
from dualchecker.asking import Asker
from dualchecker.checking import Ladder, TeacherChecker, check_choices
from dualchecker.confidence import Calibrator, read_signals
from dualchecker.config import AlignConfig, LimitsConfig, RungName
from dualchecker.data import Fence, fingerprint
from dualchecker.embedding import CachedEmbedder, Embedder, NgramEmbedder, make_embedder
from dualchecker.evaluation.metrics import auroc
from dualchecker.ledger import Ledger
from dualchecker.prompts import PromptWriter, Template, rungs_for
from dualchecker.records import Example, Record
from dualchecker.students import ChoiceQuestion, ChoiceStudent, LinearStudent, PairFeatures, choose_features
from dualchecker.students.choice_features import FEATURES
from dualchecker.tasks import Classification
from dualchecker.teachers import RecordedTeacher
from pages import splice

Rows = list[dict[str, Any]]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

STRUCTURE = ("times_offered", "in_sibling", "chosen_in_sibling", "passed_over_in_siblings")
"""Features that live off how CommonsenseQA was made: three questions were written around the same choices."""

COVERAGE = (1.0, 0.8, 0.6, 0.4)
OWN = "calibrated; the one that is surer by its own rung"
KEPT = "**calibrated; the one that the teacher checker keeps**"
ASKED = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
CALIBRATION = 100


def read(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


def answers_of(path: Path) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in read(path)}


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Mean and half-range over seeds, in per cent."""
    array = 100 * np.array(values, dtype=float)
    return f"{array.mean():.{digits}f} ± {np.ptp(array) / 2:.{digits}f}" if len(array) > 1 else f"{array.mean():.1f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


# --- CommonsenseQA: confidence without gold -------------------------------------------------------------------------


def commonsense(data: Path, embedder: Embedder, seeds: int) -> list[str]:
    rows, given = read(data / "cqa/train.jsonl"), answers_of(data / "cqa/answers/palm-540b_train.jsonl")
    questions = [
        ChoiceQuestion(Record(row["id"], row["text"]), tuple(row["choices"]), given[row["id"]]["label"]) for row in rows
    ]
    right = np.array([row["label"] == given[row["id"]]["label"] for row in rows])
    pairs = PairFeatures(questions, embedder)
    known = pairs.labelled
    students: dict[str, Callable[[], ChoiceStudent]] = {
        "similarity of question and choice alone": lambda: ChoiceStudent(("similarity",), hidden=0),
        "without the data set's structure": lambda: ChoiceStudent([f for f in FEATURES if f not in STRUCTURE]),
        "all features, linear": lambda: ChoiceStudent(hidden=0),
        "**all features**": ChoiceStudent,
    }
    lines = []
    for name, make in students.items():
        outcome = check_choices(pairs, make)
        sure = np.nan_to_num(outcome.confidence, nan=-1.0)  # no usable answer: the least sure of all
        lines.append(
            [name, f"{outcome.log_likelihood:.3f}", f"{100 * auroc(sure[known].tolist(), right[known].tolist()):.1f}"]
            + [f"{100 * covered(sure, right, share):.1f}" for share in COVERAGE[1:]]
            + [f"{100 * covered(sure[known], right[known], share):.1f}" for share in COVERAGE[1:]]
        )
    head = ["student", "log-likelihood of its labels", "AUROC", *(f"{100 * share:.0f} %" for share in COVERAGE[1:])]
    return [
        "### CommonsenseQA, PaLM 540B: confidence without gold",
        "",
        f"{len(rows)} questions; PaLM's label is right for {100 * right.mean():.1f} % of them, for "
        f"{100 * right[known].mean():.1f} % of the {known.sum()} with a usable answer. Right, of the surest 80, 60 and "
        "40 %, by the out-of-fold probability of PaLM's label; first of all questions (no usable answer counts as "
        "wrong and least sure), then of those answered. In per cent.",
        "",
        *table([*head, *(f"{100 * share:.0f} % of answered" for share in COVERAGE[1:])], lines),
    ]


def covered(sure: Floats, right: Bools, share: float) -> float:
    """Share of right ones among the surest."""
    order = np.argsort(-sure, kind="stable")
    return float(right[order[: round(share * len(order))]].mean())


# --- PubMedQA: whom to ask again -------------------------------------------------------------------------------------

PUBMED = Classification(
    "What does the study answer to the question in its title?",
    {"yes": "The findings support it.", "no": "They contradict it.", "maybe": "They leave it open."},
)


@contextmanager
def checker(
    task: Classification, teacher: RecordedTeacher, gold: Sequence[Record]
) -> Iterator[tuple[TeacherChecker, Template]]:
    """A teacher checker that sends every record up all rungs that were recorded."""
    embedder = NgramEmbedder()
    embedder.fit([record.text for record in gold])
    config = AlignConfig(embedder="ngrams", rationales=False)
    # The recorded answers saw none of this gold, whatever stands in the prompts that are built here.
    fence = Fence(tuple(gold), tuple(gold), "cross_fit")
    with tempfile.TemporaryDirectory() as folder, Ledger.open(Path(folder) / "ledger.sqlite") as ledger:
        asker = Asker(ledger, LimitsConfig())
        try:
            writer = PromptWriter(task)
            aligner = ContextAligner(task, fence, embedder, config, writer, asker, teacher)
            rungs = rungs_for(config, ("brief", "detail"))
            ladder = Ladder(task, aligner, writer, asker, teacher, rungs, gold=gold)
            yield TeacherChecker(task, ladder, fence, 1.0), aligner.template()
        finally:
            asker.close()


def pubmedqa(data: Path, embedder: Embedder, seeds: int) -> list[str]:
    folder = data / "pubmedqa/answers"
    files: dict[RungName, Path] = {
        "brief": folder / "assistant-llm_brief.jsonl",
        "detail": folder / "assistant-llm_detail.jsonl",
    }
    records = [
        Record(row["id"], row["text"], row["detail"], row["label"]) for row in read(data / "pubmedqa/train.jsonl")
    ]
    first, second = answers_of(files["brief"]), answers_of(files["detail"])
    curves: dict[str, list[list[float]]] = {}
    for seed in range(seeds):
        shuffled = random.Random(seed).sample(records, len(records))
        gold, pool = shuffled[:CALIBRATION], shuffled[CALIBRATION:]
        with checker(PUBMED, RecordedTeacher(files), gold) as (teacher_checker, template):
            labels = teacher_checker.label(pool, template)
            calibration = teacher_checker.calibrate(template)
        before = np.array([first[r.id]["label"] == r.label for r in pool])
        after = np.array([second[r.id]["label"] == r.label for r in pool])
        kept = np.array([item.label == item.record.label for item in labels])
        signals = [read_signals(item.trail[0]) for item in labels]
        calibrated = calibration.calibrators["brief"].predict(signals)
        stated = np.array([first[r.id]["confidence"] for r in pool])
        surer = np.where([first[r.id]["confidence"] > second[r.id]["confidence"] for r in pool], before, after)
        later = calibration.calibrators["detail"].predict([read_signals(i.trail[1], i.trail) for i in labels])
        own = np.where(calibrated > later, before, after)
        found = {
            "at random; second answer": [float((1 - x) * before.mean() + x * after.mean()) for x in ASKED],
            "stated; second answer": asked(stated, before, after),
            "stated; the one with the larger stated confidence": asked(stated, before, surer),
            "calibrated; second answer": asked(calibrated, before, after),
            OWN: asked(calibrated, before, own),
            KEPT: asked(calibrated, before, kept),
        }
        for name, curve in found.items():
            curves.setdefault(name, []).append(curve)
    gains = [float(kept[-1] - own[-1]) for kept, own in zip(curves[KEPT], curves[OWN], strict=True)]
    rows = [[name, *(spread([c[i] for c in found]) for i in range(len(ASKED)))] for name, found in curves.items()]
    return [
        "### PubMedQA, short form, then long form: whom to ask again",
        "",
        f"{len(records)} questions, {CALIBRATION} of them gold to calibrate on and the others scored; {seeds} seeds, "
        "mean ± half-range. Right, in per cent, by the share that is asked again (the least sure ones by the "
        "confidence in the first answer); which answer is kept of those asked again.",
        "",
        *table(["least sure by; kept", *(f"{100 * share:.0f} %" for share in ASKED)], rows),
        f"The last line over the one before it where all are asked again, seed by seed: {spread(gains)} points, from "
        f"{100 * min(gains):+.1f} to {100 * max(gains):+.1f}.",
        "",
    ]


def asked(confidence: Floats, before: Bools, after: Bools) -> list[float]:
    """Accuracy when the least sure share is asked again."""
    order = np.argsort(confidence, kind="stable")
    curve = []
    for share in ASKED:
        chosen = np.zeros(len(order), dtype=bool)
        chosen[order[: round(share * len(order))]] = True
        curve.append(float(np.where(chosen, after, before).mean()))
    return curve


# --- Causal News: agreement of prompts -------------------------------------------------------------------------------

PROMPTS = {"no demonstrations": "zero_shot", "five fixed": "fixed_shots", "five nearest": "aligned_shots"}
LABELS = ("causal", "not_causal")
COMBINED = {
    "stated": ("stated",),
    "stated + agreement": ("stated", "variant_share"),
    "stated + student": ("stated", "student"),
    "stated + agreement + student": ("stated", "variant_share", "student"),
}
SLOPES = {"stated": 0.6, "variant_share": 0.2, "student": 0.2}


def causal_news(data: Path, embedder: Embedder, seeds: int) -> list[str]:
    folder = data / "causal-news"
    truth = {row["id"]: Record(row["id"], row["text"], label=row["label"]) for row in read(folder / "train.jsonl")}
    given = {title: answers_of(folder / f"answers/assistant-llm_{name}.jsonl") for title, name in PROMPTS.items()}
    shown = set(json.loads((folder / "answers/gold_ids.json").read_text(encoding="utf-8")))
    gold = [truth[identity] for identity in sorted(shown)]
    shared = sorted(set.intersection(*(set(answers) for answers in given.values())) - shown)
    beliefs = held_out(gold, truth, given["five nearest"], shared, embedder)
    calibrated = [f"calibrated: {name}" for name in COMBINED]
    lines = []
    for title, answers in given.items():
        signals = [
            {
                "stated": answers[identity]["confidence"],
                "variant_share": float(
                    np.mean([o[identity]["label"] == answers[identity]["label"] for o in given.values()])
                ),
                "student": float(row[LABELS.index(answers[identity]["label"])]),
            }
            for identity, row in zip(shared, beliefs, strict=True)
        ]
        right = [answers[identity]["label"] == truth[identity].label for identity in shared]
        single = [f"{100 * auroc([row[name] for row in signals], right):.1f}" for name in SLOPES]
        found: dict[str, list[float]] = {name: [] for name in COMBINED}
        for seed in range(seeds):
            order = random.Random(seed).sample(range(len(shared)), len(shared))
            fit, rest = order[:CALIBRATION], order[CALIBRATION:]
            for name, names in COMBINED.items():
                prior = Calibrator.prior(names, slopes=SLOPES, chance=0.5)
                model = Calibrator.fit([signals[i] for i in fit], [right[i] for i in fit], prior)
                found[name].append(auroc(model.predict([signals[i] for i in rest]).tolist(), [right[i] for i in rest]))
        gain = np.subtract(found["stated + agreement + student"], found["stated"]).tolist()
        combined = [spread(values) for values in (*found.values(), gain)]
        lines.append([title, f"{100 * np.mean(right):.1f}", *single, *combined])
    return [
        "### Causal News, three prompts: does their agreement find the errors?",
        "",
        f"{len(shared)} sentences, each answered with no demonstrations, five fixed ones and the five nearest of "
        f'{len(gold)}. AUROC of "the answer is right", in per cent. Single signals on all {len(shared)}; calibrated '
        f"combinations fitted on {CALIBRATION} of them and judged on the others, {seeds} seeds, mean ± half-range. "
        "*Agreement*: share of the three answers with this label. *Student*: linear, of the demonstrations' human "
        f"labels and of {len(given['five nearest'])} labels of the third prompt, out of fold. *Gain*: of "
        "all three over the stated confidence, split by split.",
        "",
        *table(["prompt", "right", "stated", "agreement", "student", *calibrated, "gain"], lines),
    ]


def held_out(
    gold: Sequence[Record],
    truth: dict[str, Record],
    answers: dict[str, dict[str, Any]],
    wanted: Sequence[str],
    embedder: Embedder,
    folds: int = 5,
) -> Floats:
    """A student's probabilities for the wanted records, of which it has heard no label, shape (wanted, labels)."""
    records = [truth[identity] for identity in answers]
    features, l2 = choose_features(embedder, gold, records, LABELS, "text")
    fold = {record.id: int(fingerprint(record.text)[:8], 16) % folds for record in records}
    taught = [Example(record, answers[record.id]["label"], source="teacher") for record in records]
    rows: dict[str, Floats] = {}
    for number in range(folds):
        held = [identity for identity in wanted if fold[identity] == number]
        train = [*(Example(r, r.label or "") for r in gold), *(e for e in taught if fold[e.record.id] != number)]
        student = LinearStudent(LABELS, features, l2=l2).fit(train)
        rows |= dict(zip(held, student.predict([truth[identity] for identity in held]), strict=True))
    return np.stack([rows[identity] for identity in wanted])


PARTS = {"cqa": commonsense, "pubmedqa": pubmedqa, "causal-news": causal_news}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--cache", type=Path, default=Path("runs/benchmarks"), help="where vectors are kept")
    parser.add_argument("--write", type=Path, help="put the tables between the marks of this Markdown file")
    options = parser.parse_args()
    embedder = CachedEmbedder(make_embedder("offline"), options.cache)
    lines: list[str] = []
    for name in options.only.split(","):
        lines += PARTS[name](options.data, embedder, options.seeds)
        embedder.save()
    text = "\n".join(lines)
    print(text)
    if options.write:
        splice(options.write, "recorded", text)


if __name__ == "__main__":
    main()
