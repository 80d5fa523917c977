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


_NAMES = (
    "rationale",
    "reason",
    "reasoning",
    "explanation",
    "verdict",
    "judgement",
    "judgment",
    "evaluation",
    "correct",
)
_REASONS, _VERDICT_NAMES = _NAMES[:4], _NAMES[4:]

_CORRECT = "correct right valid accurate sound flawless"
_WRONG = "incorrect wrong invalid inaccurate unsound flawed mistaken erroneous false"
_OPEN = "uncertain unsure unclear unknown undecided undetermined inconclusive"
_FOREIGN: dict[VerdictWord, str] = {
    "correct": "richtig korrekt juste exact correcto correcta correto correta corretto corretta 正しい 正解 正确",
    "wrong": "falsch inkorrekt faux fausse incorrecto incorrecta errado sbagliato 誤り 間違い 正しくない 错误",
    "uncertain": "unsicher unklar incertain incierto incerto 不明 わからない 不确定 不確定",
}
_MEANS: dict[str, VerdictWord] = {
    **dict.fromkeys((*_CORRECT.split(), *_FOREIGN["correct"].split(), "true", "yes", "ok"), "correct"),
    **dict.fromkeys((*_WRONG.split(), *_FOREIGN["wrong"].split(), "no"), "wrong"),
    **dict.fromkeys((*_OPEN.split(), *_FOREIGN["uncertain"].split(), "maybe", "cannot tell"), "uncertain"),
}

_ADVERBS = r"(?:(?:completely|entirely|totally|fully|quite|very|all|also|indeed|actually|clearly|logically|factually) )"
_HEDGES = r"(?:(?:necessarily|certainly|definitely) )"
_PARTLY = r"(?:(?:partially|partly|mostly|largely|only partly|only partially|half) )"
_BE = r"(?:is|are|was|were|be|seems?|appears?|looks?|seem to be|appears? to be|as|isn't|aren't|wasn't)"
_UNSURE = re.compile(
    r"\b(?:cannot|can't|can not|could not|impossible to|unable to|hard to) (?:be )?"
    r"(?:tell|say|determined?|decided?|judged?|know|verif\w+)|\b(?:not|un) ?(?:sure|certain)\b"
    r"|\bi do(?:n't| not) know\b"
)
_MENTION = re.compile(
    rf"\b(?:{_BE}|(?<=\w),? (?:or|and|but)) (?P<not>not )?(?P<hedge>{_HEDGES})?(?P<partly>{_PARTLY})?{_ADVERBS}?"
    rf"(?P<word>{'|'.join((_CORRECT + ' ' + _WRONG + ' ' + _OPEN).split())})\b(?! (?:that|about|to say|answer|result))"
)
_CONDITION = re.compile(r"\b(?:whether|if|when)\b[^.,;]*\Z")
_LEAD = re.compile(
    rf"^\W*(?:(?:the|this|my)\s+\w+\s+(?:is|:)\s+)?(?P<not>not )?(?P<hedge>{_HEDGES})?(?P<partly>{_PARTLY})?{_ADVERBS}?"
    rf"(?P<word>{'|'.join(word for word in _MEANS if word.isascii())})"
    rf"(?=\s*(?:[.,:;!?)*\"'—–-]|$|\bbecause\b|\bsince\b))"
)
_MARKED = re.compile(
    r"(?:verdict|judge?ment|conclusion|evaluation|urteil|fazit|veredicto|判定|結論|结论)"
    r"[\"'*_ ]*(?:is|:|=|：|は)[\"'*_ ]*([^\n]{1,200})",
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
        if said is None and "json_in_prose" in notes and (remaining := reply.rpartition("}")[2].strip()):
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


def _of_value(value: object) -> set[VerdictWord]:
    """What the value of a verdict says: a word, or a phrase with one."""
    if isinstance(value, bool):
        return {"correct" if value else "wrong"}
    if isinstance(value, list):
        return set().union(*(_of_value(one) for one in value[:10]))
    return _phrase(_even(value)[:1000]) if isinstance(value, str) else set()


def _even(text: str) -> str:
    """Lower case, single blanks, straight apostrophes, no emphasis."""
    return re.sub(r"\s+", " ", re.sub(r"[*_`]+", "", text.replace("’", "'"))).strip().casefold()


def _in_prose(reply: str) -> set[VerdictWord]:
    """Every verdict that prose gives: marked ones alone where there are any."""
    marked = [_phrase(_even(one)) for one in _MARKED.findall(reply)]
    return set().union(*marked) or _phrase(_even(reply))


def _phrase(text: str) -> set[VerdictWord]:
    """Every verdict in some words."""
    bare = text.strip(_MARKS)
    words = [word.strip(_MARKS) for word in re.split(r"[/|,;]|\bor\b|\band\b", bare)]
    if all(word in _MEANS for word in words):
        return {_MEANS[word] for word in words}
    said: set[VerdictWord] = {"uncertain"} if _UNSURE.search(text) else set()
    if lead := _LEAD.match(text):
        said |= _said(lead, bool(lead["not"]))
    for mention in _MENTION.finditer(text):
        if not _CONDITION.search(text, max(0, mention.start() - 80), mention.start()):
            negated = bool(mention["not"]) != mention[0].split(" ", 1)[0].endswith("n't")
            said |= _said(mention, negated)
    return said


def _said(match: re.Match[str], negated: bool) -> set[VerdictWord]:
    """The verdict of a word with what turns it: ``not``, ``not necessarily``, ``partly``."""
    verdict = _MEANS[match["word"]]
    if match["partly"]:
        return {"correct", "wrong"}
    if negated and match["hedge"]:
        return {"uncertain"}
    return {_TURNED[verdict]} if negated and verdict in _TURNED else {verdict}


_TURNED: dict[VerdictWord, VerdictWord] = {"correct": "wrong", "wrong": "correct"}
_MARKS = " .!\"'*_`()[]{}<>。！,:"
