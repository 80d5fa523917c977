"""From checked answers and their chains to training examples: what a student learns to write, and to judge."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from dualchecker.checking.examples import examples_from
from dualchecker.records import Answer, Chain, Example, Labelled, Record, TaughtChain, VerdictWord
from dualchecker.tasks import Reasoning
from dualchecker.tasks.chains import chain_key

OTHER_ANSWER = "other_answer"
"""The chain arrives at something else than the answer kept."""
UNSOUND = "unsound"
"""An arithmetic statement of the chain does not hold."""
CALLED_WRONG = "called_wrong"
"""The teacher's self-evaluations speak against the chain."""
STUDENT_DOUBTS = "student_doubts"
"""A student that has not seen the question judges the chain wrong."""
EMPTY = "empty_chain"
"""There is an answer and no reasoning."""

REJECTIONS = (OTHER_ANSWER, UNSOUND, CALLED_WRONG, STUDENT_DOUBTS, EMPTY)
"""Why checkers keep a chain from being distilled."""


def checked_chains(
    answer: Answer, confidence: float, task: Reasoning, judged: Mapping[tuple[str, str], float] | None = None
) -> tuple[Chain, ...]:
    """The chains of an answer, each with the probability that it is right and why it is not distilled, if so.

    Args:
        answer: The one kept.
        confidence: In it.
        task: Compares answers.
        judged: A student's probability that a chain is right, by its ``chain_key`` and answer, where it may reject any.
    """
    return tuple(_checked(chain, answer, confidence, task, judged or {}) for chain in answer.chains)


def _checked(
    chain: Chain, answer: Answer, confidence: float, task: Reasoning, judged: Mapping[tuple[str, str], float]
) -> Chain:
    same = task.equal(chain.answer, answer.label)
    doubt = judged.get((chain_key(chain.text), chain.answer))
    reason = ""
    if not same:
        reason = OTHER_ANSWER
    elif not chain.text.strip():
        reason = EMPTY
    elif chain.sound is not None and chain.sound < 1:
        reason = UNSOUND
    elif chain.approval is not None and chain.approval < 0.5:
        reason = CALLED_WRONG
    elif doubt is not None and doubt < 0.5:
        reason = STUDENT_DOUBTS
    # A chain to another answer can be right only where the answer kept is wrong.
    return replace(chain, right=confidence if same else (1 - confidence) / 2, rejected=reason)


def chain_examples(labels: Iterable[Labelled], doubtful: str = "weight") -> list[Example]:
    """Training examples of the answers that may teach, with their chains.

    Answers that no checker has looked at teach in full, with all their chains and the verdicts that the teacher gave of
    them. Of checked ones, chains that were rejected are not written any more, but judged: what is known of the answer
    says which verdict is right, and a self-evaluation that says so lends its reason. Where an answer is in doubt it
    teaches less, and the teacher's verdicts on its chains in full.

    Args:
        labels: Of the pool.
        doubtful: How unsure answers teach; see ``examples_from``.
    """
    by_id = {item.record.id: item for item in labels}
    examples = []
    for example in examples_from(by_id.values(), doubtful):
        answer = by_id[example.record.id].answer
        accepted = by_id[example.record.id].status == "accepted"
        if accepted and answer and all(chain.right is None for chain in answer.chains):
            example = replace(example, weight=1.0)  # nobody has checked it: it teaches as the paper has it, in full
        chains = [_taught(chain, accepted=accepted) for chain in (answer.chains if answer else ())]
        examples.append(replace(example, chains=tuple(chain for chain in chains if chain.weight or chain.verdicts)))
    return examples


def _taught(chain: Chain, *, accepted: bool) -> TaughtChain:
    said = tuple((one.verdict, one.reason) for one in chain.evaluations if one.verdict is not None)
    if chain.right is None:
        return TaughtChain(chain.text, chain.answer, 1.0 if chain.text.strip() else 0.0, said)
    if not accepted:
        # That the answer is in doubt is no doubt about the verdicts; and hard questions are where chains fail.
        return TaughtChain(chain.text, chain.answer, 0.0 if chain.rejected else 1.0, said, 1.0)
    truth = _truth(chain)
    return TaughtChain(
        chain.text,
        chain.answer,
        0.0 if chain.rejected else 1.0,
        _agreeing(said, truth) if truth else (),  # where checks and answer disagree, nobody knows the verdict
    )


def _truth(chain: Chain) -> VerdictWord | None:
    """The verdict that a chain of a trusted answer deserves; None where checkers and answer do not agree on it."""
    if not chain.rejected:
        return "correct"
    return "wrong" if chain.rejected in (OTHER_ANSWER, UNSOUND) else None


def _agreeing(said: Sequence[tuple[VerdictWord, str]], truth: VerdictWord) -> tuple[tuple[VerdictWord, str], ...]:
    """The verdicts that say the truth; where none does, the truth without a reason. Without any, none is taught."""
    if not said:
        return ()
    return tuple(one for one in said if one[0] == truth) or ((truth, ""),)


def gold_chain_examples(
    records: Iterable[Record],
    task: Reasoning,
    reasons: Mapping[str, str],
    answers: Mapping[str, Answer],
) -> list[Example]:
    """Human answers as training examples, with the teacher's reasons for them and its chains about these questions.

    Args:
        records: Gold.
        task: Compares answers.
        reasons: A chain that leads to the human answer, by record id, where the teacher has written one.
        answers: What the teacher answered about gold, by record id: chains to the human answer are taught, and all of
            them are judged by it.
    """
    examples = []
    for record in records:
        label = record.label or ""
        reason = reasons.get(record.id, "")
        chains = [TaughtChain(reason, label)] if reason else []
        if record.id in answers:
            known = replace(answers[record.id], label=label)
            checked = checked_chains(known, 1.0, task)
            # Here people have answered: what the teacher says against a sound chain to their answer is mistaken.
            freed = [replace(c, rejected="" if c.rejected == CALLED_WRONG else c.rejected) for c in checked]
            chains += [_taught(chain, accepted=True) for chain in freed]
        examples.append(Example(record, label, chains=tuple(c for c in chains if c.weight or c.verdicts)))
    return examples
