"""What linear students see: label names teach where gold is scarce and they mean something."""

import random

import numpy as np

from dualchecker.embedding import NgramEmbedder
from dualchecker.records import Example, Record
from dualchecker.students import LinearStudent, choose_features
from dualchecker.students.features import name_examples

TOPICS = {
    name: name.split("_")
    for name in (
        "lost_stolen_missing_card",
        "exchange_rate_currency_euro",
        "cash_withdrawal_machine_notes",
        "pin_blocked_code_tries",
        "salary_transfer_late_employer",
        "refund_pending_shop_money",
    )
}
FILLER = ["please", "help", "me", "with", "this", "thing", "today", "because", "it", "would", "not", "work"]


def about(topics: dict[str, list[str]], count: int, seed: int) -> list[Record]:
    """Texts that hold one of their label's words among much that says nothing."""
    rng = random.Random(seed)
    return [
        Record(f"{label}{i}-{seed}", " ".join([*rng.choices(FILLER, k=5), rng.choice(words)]), label=label)
        for label, words in topics.items()
        for i in range(count)
    ]


def fitted(labels: dict[str, str], gold: list[Record]) -> LinearStudent:
    embedder = NgramEmbedder()
    embedder.fit([record.text for record in gold])
    features, l2 = choose_features(embedder, gold, [], labels, "text")
    return LinearStudent(tuple(labels), features, l2=l2).fit([Example(r, r.label or "") for r in gold])


def test_names_are_texts_with_the_description_behind() -> None:
    found = name_examples({"lost_card": "A card is gone.", "top-up": ""})
    assert [(example.record.text, example.label) for example in found] == [
        ("lost card: A card is gone.", "lost_card"),
        ("top up", "top-up"),
    ]


def test_with_few_texts_a_label_telling_names_are_taken_and_help() -> None:
    gold, test = about(TOPICS, 2, 0), about(TOPICS, 20, 1)
    truth = [list(TOPICS).index(record.label or "") for record in test]

    def accuracy(labels: dict[str, str]) -> float:
        return float(np.mean(fitted(labels, gold).predict(test).argmax(axis=1) == truth))

    opaque = {label: f"{i}" for i, label in enumerate(TOPICS)}
    renamed = [Record(r.id, r.text, label=opaque[r.label or ""]) for r in gold]
    student = fitted(dict.fromkeys(opaque.values(), ""), renamed)
    without = float(np.mean(student.predict(test).argmax(axis=1) == truth))
    assert accuracy(dict.fromkeys(TOPICS, "")) > without + 0.03


def test_names_that_say_the_opposite_are_left_out() -> None:
    labels = list(TOPICS)
    moved = dict(zip(labels, [*labels[1:], labels[0]], strict=True))
    gold = [Record(r.id, r.text, label=moved[r.label or ""]) for r in about(TOPICS, 6, 0)]
    embedder = NgramEmbedder()
    embedder.fit([record.text for record in gold])
    assert choose_features(embedder, gold, [], dict.fromkeys(labels, ""), "text")[0].named == ()
