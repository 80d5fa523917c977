"""A teacher that is a program with known flaws, for word problems. It is no language model, and says so."""

import json
import random
from typing import Any

from dualchecker.data.word_problems import WORDINGS, Problem, read_chain, read_problem, write_chain
from dualchecker.errors import RequestFailed
from dualchecker.ledger import content_hash
from dualchecker.prompts import Prompt
from dualchecker.records import Chain, Reply
from dualchecker.teachers.base import FreeTeacher
from dualchecker.teachers.program_flaws import Flaws, first_wrong, flawed, reaching

VERSION = 1
"""Enters the request key: raise it whenever answers change."""

_INSIGHT = 0.03
"""How much higher its stated confidence is on average where it is right, beyond what the difficulty tells it."""


class ProgramTeacher(FreeTeacher):
    """Solves arithmetic word problems by reading their text, and errs as often as it is told to.

    It serves to run and to test reasoning where no language model is at hand: its questions are those that
    ``read_problem`` understands, its chains of thought are real ones, and the true share of wrong ones is known. It
    sees no answer key. Its errors are like those of a language model in one respect that matters to every checker:
    they cluster. How hard a question is, and the error that it invites, are fixed by its text, so the samples of one
    question err together, often in the same way, and asking more often does not make them right.

    The same request always gets the same reply; another ``seed`` gives another teacher.

    Args:
        flaws: How often it errs, in which ways, and how well it judges.
        seed: Enters the key of every request.
    """

    name = "program"
    rungs = frozenset({"brief", "wide", "explain", "evaluate"})

    def __init__(self, flaws: Flaws | None = None, seed: int = 0) -> None:
        self._flaws = flaws or Flaws()
        self._seed = seed

    def payload(self, prompt: Prompt) -> dict[str, Any]:
        return {
            "teacher": "program",
            "version": VERSION,
            "flaws": self._flaws.as_values(),
            "seed": self._seed,
            "purpose": prompt.purpose,
            "messages": [dict(message) for message in prompt.messages],
            "sample": prompt.sample,
        }

    async def ask(self, prompt: Prompt, payload: dict[str, Any]) -> Reply:
        problem = read_problem(prompt.shown.text)
        if problem is None:
            raise RequestFailed(
                "The program cannot read this question.",
                kind="not_understood",
                why="It knows the word problems of its own grammar and nothing else.",
                fix="Use questions from dualchecker.data.word_problems, or a language model as the teacher.",
            )
        chance = random.Random(content_hash(payload))
        if prompt.purpose == "evaluate":
            body = self._evaluate(prompt, problem, chance)
        elif prompt.purpose == "explain":
            body = {"rationale": _explain(problem, prompt.shown.human_label or "", chance)}
        elif prompt.purpose == "label":
            body = self._solve(problem, prompt.sample, chance)
        else:
            raise RequestFailed(
                f"The program cannot answer a prompt of the purpose {prompt.purpose!r}.",
                kind="not_supported",
                why="It solves, explains and evaluates.",
                fix="Use a method that asks for chains and verdicts, or another teacher.",
                fatal=True,
            )
        return Reply(json.dumps(body), model=self.name)

    def _solve(self, problem: Problem, sample: int, chance: random.Random) -> dict[str, Any]:
        flaws = self._flaws
        risk = flaws.risk(problem)
        steps = problem.steps
        if chance.random() < risk:
            habit = chance.random() < flaws.habit
            steps = flawed(problem, flaws, random.Random(f"{self._seed} {problem.text}") if habit else chance)
        right = steps[-1].stated == problem.answer
        # What it says of itself hangs on the question more than on the answer, so that asking again does not help.
        mood = random.Random(f"mood {problem.text}").gauss(0, 0.12)
        said = 0.8 - 0.15 * risk + (_INSIGHT if right else -_INSIGHT) + mood + chance.gauss(0, 0.05)
        wording = (random.Random(problem.text).randrange(WORDINGS) + sample) % WORDINGS  # samples in different words
        return {
            "rationale": write_chain(steps, problem, wording),
            "answer": str(steps[-1].stated),
            "confidence": round(min(0.99, max(0.05, said)), 2),
        }

    def _evaluate(self, prompt: Prompt, problem: Problem, chance: random.Random) -> dict[str, Any]:
        chain = prompt.shown.chain
        if chain is None:
            raise RequestFailed("There is no chain of thought to evaluate.", kind="no_chain", fatal=True)
        wrong = _objection(problem, chain)
        if chance.random() < self._flaws.uncertain:
            return {"rationale": "The steps could be read in more than one way.", "verdict": "uncertain"}
        seen = chance.random() < (1 - self._flaws.missed if wrong else self._flaws.false_alarm)
        if not seen:
            return {"rationale": "Each step uses the right numbers and holds.", "verdict": "correct"}
        return {"rationale": wrong or _invented(chain, chance), "verdict": "wrong"}


def _objection(problem: Problem, chain: Chain) -> str:
    """What is wrong with a chain, by its first wrong step; empty where all of it holds."""
    steps, ending = read_chain(chain.text)
    found = first_wrong(steps, problem)
    if found:
        return found
    answer = str(problem.answer)
    if not _same_number(chain.answer, problem.answer) or ending not in (None, problem.answer):
        return f"The steps hold, but the answer should be {answer}."
    return ""


def _invented(chain: Chain, chance: random.Random) -> str:
    steps, _ = read_chain(chain.text)
    if not steps:
        return "No step is written out."
    step = chance.choice(steps)
    return f"The step {step.left} {step.operator} {step.right} = {step.stated} does not follow from the question."


def _explain(problem: Problem, human: str, chance: random.Random) -> str:
    """A chain that leads to the answer a person gave: right, or with the one flaw that reaches it."""
    wording = chance.randrange(WORDINGS)
    if _same_number(human, problem.answer):
        return write_chain(problem.steps, problem, wording)
    steps = reaching(problem, human)
    if steps:
        return write_chain(steps, problem, wording)
    return ""  # there is no reason to give, and none is made up


def _same_number(text: str, number: int) -> bool:
    try:
        return float(text.replace(",", "")) == number
    except ValueError:
        return False
