"""The embedded teacher's way to write: clauses of the texts shown, of one label."""

import json
import re

from dualchecker.embedding import NgramEmbedder
from dualchecker.prompts import Case, ask_for_texts, read_texts
from dualchecker.records import Record
from dualchecker.teachers import ExemplarTeacher
from fakes import TASK

CASES = [
    Case(Record(f"{label}{i}", f"{label} start {i}, {label} middle {i}; {label} end {i}.", label=label), "warm", i < 2)
    for label in ("warm", "cold")
    for i in range(4)
]


async def test_texts_are_new_of_one_label_and_of_the_right_difficulty() -> None:
    teacher = ExemplarTeacher(NgramEmbedder())
    assert "generate" in teacher.rungs
    seen = set()
    for number in range(12):
        chosen = CASES[number % 2 :]
        prompt = ask_for_texts(TASK, chosen, f"generated-1-{number}")
        reply = await teacher.ask(prompt, teacher.payload(prompt))
        assert "recombines" in json.loads(reply.text)["weakness"], "it does not pretend"
        for written in read_texts(TASK, reply.text, {case.record.text for case in CASES}):
            assert written.outcome == "ok" and written.label is not None
            assert set(re.findall("warm|cold", written.text)) == {written.label}
            numbers = {int(n) for n in re.findall(r"\d", written.text)}
            assert len(numbers) == 2, "two texts"
            hard = {0, 1} if number % 2 == 0 or written.label == "cold" else {1}
            assert written.level == "easier" or numbers & hard
            seen.add(written.text)
    assert len(seen) > 1


async def test_a_single_text_is_turned_around() -> None:
    teacher = ExemplarTeacher(NgramEmbedder())
    prompt = ask_for_texts(TASK, CASES[:1], "generated-1-1")
    body = json.loads((await teacher.ask(prompt, teacher.payload(prompt))).text)
    assert body["harder"]["text"] == "warm middle 0; warm end 0. warm start 0,"
