"""Verdicts on chains of thought: what a reply must hold, and what it says."""

import re
from typing import Any

from dualchecker.records import SelfEvaluation, VerdictWord
from dualchecker.tasks.replies import read_object

VERDICTS: tuple[VerdictWord, ...] = ("correct", "wrong", "uncertain")
"""In the order of every probability vector over them."""


def verdict_schema() -> dict[str, Any]:
    """Reason first, so that the verdict follows from it."""
    return {
        "type": "object",
        "properties": {"rationale": {"type": "string"}, "verdict": {"type": "string", "enum": list(VERDICTS)}},
        "required": ["rationale", "verdict"],
        "additionalProperties": False,
    }


_NAMES = ("rationale", "reason", "reasoning", "explanation", "verdict", "judgement", "judgment", "evaluation", "correct")
_REASONS, _VERDICT_NAMES = _NAMES[:4], _NAMES[4:]

_CORRECT = "correct right valid accurate sound flawless"
_WRONG = "incorrect wrong invalid inaccurate unsound flawed mistaken erroneous false"
_OPEN = "uncertain unsure unclear unknown undecided undetermined inconclusive"
_FOREIGN: dict[VerdictWord, str] = {
    "correct": "richtig korrekt juste exact correcto correcta correto correta corretto corretta 正しい 正解 正确 正確 对 對",
    "wrong": "falsch inkorrekt faux fausse incorrecto incorrecta errado sbagliato 誤り 間違い 不正解 正しくない 错误 錯誤 错",
    "uncertain": "unsicher unklar incertain incierto incerto 不明 わからない 不确定 不確定",
}
_MEANS: dict[str, VerdictWord] = {
    **dict.fromkeys((*_CORRECT.split(), *_FOREIGN["correct"].split(), "true", "yes", "ok"), "correct"),
    **dict.fromkeys((*_WRONG.split(), *_FOREIGN["wrong"].split(), "no"), "wrong"),
    **dict.fromkeys((*_OPEN.split(), *_FOREIGN["uncertain"].split(), "maybe", "cannot tell"), "uncertain"),
}

_ADVERBS = r"(?:(?:completely|entirely|totally|fully|quite|very|all|also|indeed|actually|clearly|logically|factually) )"
_HEDGES = r"(?:(?:necessarily|certainly|definitely|clearly) )"
_NOT = r"(?:(?:not|isn't|aren't|wasn't|never|n't) )"
_BE = r"(?:is|are|was|were|be|seems?|appears?|looks?|seem to be|appears? to be|as|isn't|aren't|wasn't)"
_UNSURE = re.compile(
    r"\b(?:cannot|can't|can not|could not|impossible to|unable to|hard to) (?:be )?"
    r"(?:tell|say|determined?|decided?|judged?|know|verif\w+)|\b(?:not|un) ?(?:sure|certain)\b|\bi do(?:n't| not) know\b"
)
_MENTION = re.compile(
    rf"\b{_BE} (?P<not>not )?(?P<hedge>{_HEDGES})?{_ADVERBS}?(?P<word>{'|'.join((_CORRECT + ' ' + _WRONG + ' ' + _OPEN).split())})\b"
    rf"(?! (?:that|about|to say))"
)
_LEAD = re.compile(
    rf"^\W*(?:(?:the|this|my)\s+\w+\s+(?:is|:)\s+)?(?P<not>not )?{_ADVERBS}?"
    rf"(?P<word>{'|'.join(word for word in _MEANS if word.isascii())})(?=\s*(?:[.,:;!?)*\"'—–-]|$|\bbecause\b|\bsince\b))"
)
_MARKED = re.compile(
    r"(?:verdict|judge?ment|conclusion|evaluation|urteil|fazit|veredicto|判定|結論|结论)[\"'*_ ]*(?:is|:|=|：|は)[\"'*_ ]*([^\n]{1,200})",
    re.I,
)


def read_evaluation(reply: str) -> SelfEvaluation:
    """What a teacher says of a chain of thought: a JSON object, a ``Verdict:`` line, or a plain sentence.

    Outcomes: ``ok``, ``empty``, ``verdict_missing``, ``verdict_ambiguous`` (it says more than one). There is no verdict
    that is taken for granted.
    """
    if not reply.strip():
        return SelfEvaluation(None, "", "empty")
    fields, notes = read_object(reply, _NAMES)
    if fields is not None and "read_from_lines" not in notes:
        reason = next((str(fields[name]) for name in _REASONS if fields.get(name)), "")
        said = next((fields[name] for name in _VERDICT_NAMES if fields.get(name) not in (None, "")), None)
        if said is None and (remaining := _behind_object(reply)):
            return _evaluation(_in_prose(remaining), reason or remaining)
        return _evaluation(_of_value(said), reason)
    if fields is None and reply.lstrip().startswith("{"):
        return SelfEvaluation(None, "", "verdict_missing")  # an object that breaks off before anything was finished
    reason = next((str(fields[name]) for name in _REASONS if fields.get(name)), "") if fields else ""
    return _evaluation(_in_prose(reply), reason or reply.strip())


def _evaluation(said: set[VerdictWord], reason: str) -> SelfEvaluation:
    reason = reason.encode("utf-8", "replace").decode()  # JSON can spell half a surrogate pair
    if len(said) == 1:
        return SelfEvaluation(next(iter(said)), reason)
    return SelfEvaluation(None, reason, "verdict_ambiguous" if said else "verdict_missing")


def _behind_object(reply: str) -> str:
    return reply.rpartition("}")[2].strip()


def _of_value(value: object) -> set[VerdictWord]:
    """What the value of a verdict says: a word, or a phrase with one."""
    if isinstance(value, bool):
        return {"correct" if value else "wrong"}
    if isinstance(value, list):
        return set().union(*(_of_value(one) for one in value[:10]))
    if not isinstance(value, str):
        return set()
    phrase = _even(value).strip(" .!\"'*_`()[]{}<>。！,:")
    if phrase in _MEANS:
        return {_MEANS[phrase]}
    words = re.split(r"\s*(?:[/|,;]|\bor\b|\band\b)\s*", phrase)
    if len(words) > 1 and all(word in _MEANS for word in words):
        return {_MEANS[word] for word in words}
    return _in_prose(f"it is {phrase}") if len(phrase) < 200 else set()


def _even(text: str) -> str:
    """Lower case, single blanks, straight apostrophes, no emphasis."""
    return re.sub(r"\s+", " ", re.sub(r"[*_`]+", "", text.replace("’", "'"))).strip().casefold()


def _in_prose(reply: str) -> set[VerdictWord]:
    """Every verdict that prose gives: marked ones alone where there are any."""
    marked = [_even(one) for one in _MARKED.findall(reply)]
    said = set().union(*(_phrase(one.strip(" \"'")) for one in marked)) if marked else set()
    return said or _phrase(_even(reply))


def _phrase(text: str) -> set[VerdictWord]:
    said: set[VerdictWord] = set()
    if (bare := text.strip(" .!\"'*_`()[]{}<>。！,:")) in _MEANS:
        return {_MEANS[bare]}
    unsure = _UNSURE.search(text)
    if unsure:
        said.add("uncertain")
    lead = _LEAD.match(text)
    if lead:
        said.add(_turned(_MEANS[lead["word"]], bool(lead["not"])))
    for mention in _MENTION.finditer(text):
        verb = mention[0].split(" ", 1)[0]
        negated = bool(mention["not"]) != verb.endswith("n't")
        if negated and mention["hedge"] and mention["hedge"].strip() in ("necessarily", "certainly", "definitely"):
            said.add("uncertain")
        else:
            said.add(_turned(_MEANS[mention["word"]], negated))
    return said


def _turned(verdict: VerdictWord, negated: bool) -> VerdictWord:
    if not negated:
        return verdict
    return {"correct": "wrong", "wrong": "correct"}.get(verdict, verdict)  # type: ignore[return-value]
