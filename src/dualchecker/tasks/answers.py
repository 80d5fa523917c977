"""Where a reply in prose states its answer: ``So the answer is (d) math problem.``, ``#### 42``, ``答えは42です。``"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MOST_CHARACTERS = 500
"""An answer that is stated in more is cut there."""


@dataclass(frozen=True, slots=True)
class Stated:
    """An answer as a text states it.

    Attributes:
        said: The words of the answer alone.
        start: Where the statement begins, with the ``So the answer is`` that leads to it.
        end: Where it ends, with its full stop.
        alternative: Whether it is offered beside the one before it: ``... Or the answer is 7.``
    """

    said: str
    start: int
    end: int
    alternative: bool = False


_LEADS = (
    r"(?:\b(?:and|so|thus|hence|therefore|finally|then|consequently|or|alternatively|in conclusion|also|daher|somit"
    r"|oder|donc|ou|por lo tanto|así que|o bien)\b,?\s{1,3}|(?:だから|よって|したがって|因此|所以|または|或者)[、,，]?)"
)
_KINDS = r"(?:(?:final|correct|right|best|numerical|endgültige|richtige)\s{1,3})"
# "He will get answers is what ..." states none: an article, an adjective, or the beginning of a sentence.
_ENGLISH = (
    rf"(?:(?:the|my|our)\s{{1,3}}(?:[a-z]+\s{{1,3}}){{0,2}}?|{_KINDS}|(?<![\w,;]\s))answer"
    r"(?:\s{1,3}(?:to|of|for)\s(?:the|this|that)\s\w+)?"
)
_MARK = r"[*_\"' \t]{0,4}"
_MARKERS = re.compile(
    rf"(?:{_LEADS}{{0,3}}(?:"
    rf"\b{_ENGLISH}{_MARK}(?:\bis\b(?!\s+(?:that|because)\b)|:|=|：)"
    rf"|\b(?:(?:die|meine)\s)?{_KINDS}?antwort{_MARK}(?:\b(?:ist|lautet)\b|:|：)"
    rf"|\b(?:la\s)?réponse(?:\sfinale)?{_MARK}(?:\best\b|:|：)"
    rf"|\b(?:la\s)?respuesta(?:\sfinal)?{_MARK}(?:\bes\b|:|：)"
    rf"|\b(?:la\s)?risposta(?:\sfinale)?{_MARK}(?:è|:|：)"
    rf"|\b(?:a\s)?resposta(?:\sfinal)?{_MARK}(?:é|:|：)"
    rf"|(?:最終的な)?(?:答え|解答|回答|正解){_MARK}(?:は|：|:)"
    rf"|(?:最终|最終|正确|正確)?(?:答案|正确答案){_MARK}(?:是|为|為|：|:)"
    rf"|(?:정답|답)(?:은|:)"
    rf")|(?:^[ \t]{{0,4}}|(?<=[\w.!?)]\s))#{{3,6}}(?=[ \t]*[-+$(]?\d)|\\boxed\s*(?=\{{))",
    re.I | re.M,
)
_SENTENCE = re.compile(r"\n|[.!?。！？](?=[\s\"'*)」]|$)|[。！？]")
_ABBREVIATION = re.compile(r"(?:\b(?:mr|mrs|ms|dr|st|mt|no|vs|approx|e\.g|i\.e|u\.s)|(?<![a-z])\(?[a-z])\Z", re.I)
_REASON = re.compile(
    r"[,;]?\s(?:because|since|as it|as the|for the reason|given that|which is|which means|weil|denn|parce que"
    r"|porque|ya que)\s|[,，、]?(?:なぜなら|因为|因為)",
    re.I,
)
_OFFERS = re.compile(r"^\W*(?:or|alternatively|oder|ou|o bien|または|或者)\b", re.I)
_TAG = re.compile(r"<([\w-]{1,40})>(.*)</\1>", re.S)
_COPULA = re.compile(r"(?:です|である|だ|입니다|이다)\Z")


def find_answers(text: str) -> list[Stated]:
    r"""Every statement of an answer, in order; ``####`` and ``\boxed{}`` too.

    In English, German, French, Spanish, Italian, Portuguese, Japanese, Chinese and Korean.
    """
    return list(_statements(text))


def find_answer(text: str) -> Stated | None:
    """The last statement of an answer, which is the one that counts; None without any."""
    found = find_answers(text)
    return found[-1] if found else None


def _statements(text: str) -> Iterator[Stated]:
    covered = 0
    for match in _MARKERS.finditer(text):
        if match.start() < covered:
            continue
        if match[0].startswith("\\boxed"):
            said, end = _braced(text, match.end())
            end = _behind_formula(text, end)
        else:
            said, end = _behind(text, match.end())
        if said:
            covered = end
            yield Stated(said, match.start(), end, bool(_OFFERS.match(match[0])))


def _behind_formula(text: str, end: int) -> int:
    """Behind the marks that close a formula, and the full stop."""
    while end < len(text) and text[end] in "$\\)].":
        end += 1
    return end


def _braced(text: str, start: int) -> tuple[str, int]:
    """What stands in the braces that open at ``start``, and where they end; nothing where they stay open."""
    depth = 0
    for place in range(start, min(len(text), start + MOST_CHARACTERS)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[start + 1 : place].strip(), place + 1
    return "", start


def _behind(text: str, start: int) -> tuple[str, int]:
    """The rest of the sentence behind ``start``, or the next line where this one is over."""
    begin = start
    while begin < len(text) and (text[begin].isspace() or text[begin] in "*_:=：`"):
        begin += 1
    if boxed := re.match(r"[\\$(\[]{0,4}boxed\s*(?=\{)", text[begin : begin + 20]):
        said, end = _braced(text, begin + boxed.end())
        return said, _behind_formula(text, end)
    end = stop = min(len(text), begin + MOST_CHARACTERS)
    for match in _SENTENCE.finditer(text, begin, stop):
        rest = text[match.end() : match.end() + 40].strip()
        if match[0] == "." and rest and _ABBREVIATION.search(text, begin, match.start()):
            continue
        stop, end = match.start(), match.end()
        break
    if reason := _REASON.search(text, begin, stop):
        stop = end = reason.start()  # what is behind it belongs to the chain
    return bare(text[begin:stop]), end


def bare(said: str) -> str:
    """An answer without emphasis, quotes or a tag around it."""
    said = said.strip()
    if tagged := _TAG.match(said):
        said = tagged[2].strip()
    said = said.strip().strip("*_`").strip()
    said = _COPULA.sub("", said.rstrip(" .。!！,")).strip()
    for opens, closes in ('""', "''", "“”", "「」", "«»", "$$", ("**", "**")):
        if len(said) > len(opens + closes) and said.startswith(opens) and said.endswith(closes):
            inside = said[len(opens) : -len(closes)]
            said = inside.strip() if opens not in inside and closes not in inside else said
    return said
