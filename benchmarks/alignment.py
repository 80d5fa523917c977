"""How well and how fast quotes are found in texts: synthetic quotes, changed as models change them, in random texts.

The texts are made of invented words in ten scripts, with accents that are combined or not, emoji, CR LF and numbers,
and of random code points. Constants were chosen on seed 0; report others. See docs/benchmarks.md.
"""

import argparse
import random
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz

from dualchecker.tasks.folding import fold_text, parts_character, parts_word
from dualchecker.tasks.quotes import Place, Quote, find_quotes
from pages import splice

LEAST = 0.85
ASKED_TOGETHER = 5


def letters(*ranges: tuple[int, int]) -> str:
    return "".join(chr(code) for low, high in ranges for code in range(low, high))


ALPHABETS = {
    "latin": "eeeeaaatttiiinnoosshrrdlucmfwypvbgkqjxzéüößñåçž",
    "cyrillic": letters((0x430, 0x450)),
    "greek": "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώ",
    "arabic": letters((0x627, 0x63B), (0x641, 0x64B)) + "\u064e\u064f\u0650",
    "hebrew": letters((0x5D0, 0x5EB)) + "\u05b0\u05b4",
    "devanagari": letters((0x915, 0x93A)) + "\u093e\u093f\u0940\u0941\u0947\u094b\u094d\u0902",
    "thai": letters((0xE01, 0xE2F)) + "\u0e31\u0e34\u0e35\u0e48\u0e49",
    "korean": letters((0xAC00, 0xD7A3))[::37],
    "chinese": letters((0x4E00, 0x9FA0))[::23],
    "japanese": letters((0x3042, 0x3094), (0x30A1, 0x30F5)) + letters((0x4E00, 0x9FA0))[::61],
}
UNSPACED = ("thai", "chinese", "japanese")
CASED = ("latin", "cyrillic", "greek")
EMOJI = ("👩‍🔬", "❤️", "👍🏽", "🇯🇵", "🌧", "é", "Å")


@dataclass(frozen=True)
class Text:
    """A text, its script, and where its stretches of whole words may begin and end."""

    text: str
    script: str
    words: tuple[tuple[int, int], ...]


def make_text(rng: random.Random, script: str) -> Text:
    """Some 150 to 6,000 characters of words drawn from a vocabulary in which few are frequent."""
    size = round(150 * 40 ** rng.random())
    if script == "any":
        codes = [
            rng.choice((rng.randrange(0x250), rng.randrange(0x3000), rng.randrange(0x110000))) for _ in range(size)
        ]
        text = "".join(map(chr, codes))
        cuts = [i for i in range(size + 1) if not parts_character(text, i)]
        return Text(text, script, tuple(pairwise(cuts)))
    unspaced = script in UNSPACED
    longest = 3 if script in ("chinese", "japanese", "korean") else 9
    alphabet = list(ALPHABETS[script])
    bases = [char for char in alphabet if not unicodedata.combining(char) and unicodedata.category(char)[0] != "M"]
    vocabulary = [rng.choice(bases) + "".join(rng.choices(alphabet, k=rng.randrange(longest))) for _ in range(600)] + [
        *EMOJI,
        "2026",
        "3.5",
        "ABC",
        "CO2",
    ]
    rng.shuffle(vocabulary)
    weights = [1 / (rank + 3) for rank in range(len(vocabulary))]
    parts: list[str] = []
    words: list[tuple[int, int]] = []
    length = 0
    while length < size:
        word = rng.choices(vocabulary, weights)[0]
        word = word.capitalize() if rng.random() < 0.15 else word
        word = unicodedata.normalize("NFD", word) if rng.random() < 0.1 else word
        glue = "" if unspaced else " "
        if rng.random() < 0.12:
            glue = "。" if unspaced else rng.choice((", ", ". ", " – ", "; ", ".\r\n"))
        words.append((length, length + len(word)))
        parts += [word, glue]
        length += len(word) + len(glue)
    return Text("".join(parts), script, tuple(words))


def stretch(rng: random.Random, text: Text, least: int, most: int) -> tuple[int, int]:
    """From the beginning of a word to the end of one, some words on."""
    count = min(rng.randint(least, most), len(text.words))
    first = rng.randrange(len(text.words) - count + 1)
    return text.words[first][0], text.words[first + count - 1][1]


# --- what models do to quotes -----------------------------------------------------------------------------------------


def recased(rng: random.Random, quote: str, text: Text) -> str:
    return rng.choice((str.upper, str.lower, str.swapcase, str.title))(quote)


def respaced(rng: random.Random, quote: str, text: Text) -> str:
    if text.script in ("chinese", "japanese"):
        middle = rng.choice([i for i in range(1, len(quote)) if not parts_character(quote, i)] or [len(quote)])
        return quote[:middle] + rng.choice((" ", "\u3000", "\n")) + quote[middle:]
    runs = ("\n", "\r\n  ", "\u00a0", "  ", "\t", " \u200b")
    return "".join(rng.choice(runs) if char == " " else char for char in quote)


def rewidened(rng: random.Random, quote: str, text: Text) -> str:
    return "".join(NARROW.get(char) or WIDE.get(char, char) for char in quote)


WIDE = {chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)}
NARROW = {unicodedata.normalize("NFKC", chr(code)): chr(code) for code in range(0xFF66, 0xFF9E)}


def marked(rng: random.Random, quote: str, text: Text) -> str:
    return rng.choice(('"{}"', "“{}.”", "«{}»", "「{}」", "**{}**", "- `{}`", "{}.", "...{}...")).format(quote)


def mistyped(rng: random.Random, quote: str, text: Text) -> str:
    """One slip in about fifteen characters: one replaced, left out, doubled, or exchanged with its neighbour."""
    chars = list(quote)
    for _ in range(max(1, len(chars) // 15)):
        i = rng.randrange(1, len(chars) - 1)
        kind = rng.randrange(4)
        if kind == 0:
            chars[i] = rng.choice(text.text)
        elif kind == 1:
            del chars[i]
        elif kind == 2:
            chars.insert(i, chars[i - 1])
        else:
            chars[i - 1 : i + 1] = reversed(chars[i - 1 : i + 1])
    return "".join(chars)


def shortened(rng: random.Random, quote: str, text: Text) -> str:
    """The first and last quarter, with an ellipsis between them."""
    if text.script in UNSPACED:
        quarter = len(quote) // 4
        while parts_character(quote, quarter) or parts_character(quote, len(quote) - quarter):
            quarter += 1
        return quote[:quarter] + rng.choice(("…", "...", "……")) + quote[len(quote) - quarter :]
    words = quote.split(" ")
    quarter = max(1, len(words) // 4)
    return " ".join(words[:quarter]) + rng.choice((" ... ", "… ", " [...] ")) + " ".join(words[-quarter:])


def reordered(rng: random.Random, quote: str, text: Text) -> str:
    """One word elsewhere in the quote."""
    words = quote.split(" ") if text.script not in UNSPACED else [quote[i : i + 3] for i in range(0, len(quote), 3)]
    word = words.pop(rng.randrange(len(words)))
    words.insert(rng.randrange(len(words) + 1), word)
    return ("" if text.script in UNSPACED else " ").join(words)


def unchanged(rng: random.Random, quote: str, text: Text) -> str:
    return quote


@dataclass(frozen=True)
class Kind:
    """A kind of quote: what is done to a stretch, of how many words it is, and from which scripts it is taken."""

    change: Callable[[random.Random, str, Text], str]
    words: tuple[int, int] = (2, 14)
    scripts: tuple[str, ...] = tuple(ALPHABETS)


SPACED = tuple(name for name in ALPHABETS if name not in UNSPACED)
KINDS = {
    "exact": Kind(unchanged, (1, 14), (*ALPHABETS, "any")),
    "exact, stands more than once": Kind(unchanged, (1, 2)),
    "case": Kind(recased, scripts=CASED),
    "white space": Kind(respaced, scripts=(*SPACED, "chinese", "japanese")),
    "full and half width": Kind(rewidened, scripts=("latin", "japanese")),
    "marks around it": Kind(marked),
    "typing errors": Kind(mistyped, (4, 14)),
    "ellipsis": Kind(shortened, (8, 24)),
    "a word elsewhere": Kind(reordered, (4, 14)),
    "absent": Kind(unchanged, (3, 14)),
}
AMBIGUOUS = "exact, stands more than once"


@dataclass(frozen=True)
class Case:
    """Quotes of a text in its order, with their true places; None where a quote is not in it."""

    text: Text
    quotes: tuple[str, ...]
    places: tuple[tuple[int, int] | None, ...]


def draw(rng: random.Random, kind: str) -> Case:
    """A text with some quotes of a kind, which but for ``AMBIGUOUS`` stand in one place only."""
    how = KINDS[kind]
    script = rng.choice(how.scripts)
    while True:
        text, other = make_text(rng, script), make_text(rng, script)
        folded = fold_text(text.text).text
        found: dict[tuple[int, int], str] = {}
        for _ in range(60):
            source = other if kind == "absent" else text
            start, end = stretch(rng, source, *how.words)
            bare = source.text[start:end]
            quote = how.change(rng, bare, source)
            # Of what a stretch says, not of its letters: a quote in capitals stands where its small letters do.
            times = folded.count(fold_text(bare).text)
            wanted = times == 0 if kind == "absent" else times > 1 if kind == AMBIGUOUS else times == 1
            if script == "any" and (bare.strip() != bare or parts_word(text.text, start) or parts_word(text.text, end)):
                continue
            if wanted and (quote != bare or how.change is unchanged) and fold_text(bare).text:
                if kind == AMBIGUOUS and text.text.count(bare) < 2:
                    continue
                found[start, end] = quote
            if len(found) == ASKED_TOGETHER:
                spans = sorted(found)
                gold = tuple(None if kind == "absent" else span for span in spans)
                return Case(text, tuple(found[span] for span in spans), gold)


# --- aligners ---------------------------------------------------------------------------------------------------------

Aligner = Callable[[Case], Sequence[Place | None]]


def ours(case: Case) -> list[Place | None]:
    return find_quotes(case.text.text, [Quote(quote) for quote in case.quotes], LEAST)


def by_find(case: Case) -> list[Place | None]:
    starts = [case.text.text.find(quote) for quote in case.quotes]
    return [Place(s, s + len(q), 1.0) if s >= 0 else None for s, q in zip(starts, case.quotes, strict=True)]


def by_rapidfuzz(case: Case) -> list[Place | None]:
    places: list[Place | None] = []
    for quote in case.quotes:
        found: Any = fuzz.partial_ratio_alignment(quote, case.text.text, score_cutoff=100 * LEAST)
        places.append(Place(found.dest_start, found.dest_end, found.score / 100) if found else None)
    return places


ALIGNERS: dict[str, Aligner] = {"find_quotes": ours, "str.find": by_find, "rapidfuzz alone": by_rapidfuzz}


def judge(case: Case, places: Sequence[Place | None]) -> Counter[str]:
    """How many are right (both offsets), overlap the right one by half at least, are wrong, have no place."""
    counts: Counter[str] = Counter()
    for place, gold in zip(places, case.places, strict=True):
        counts["quotes"] += 1
        if place is None:
            counts["none"] += 1
            counts["right"] += gold is None
            continue
        counts["outside"] += not 0 <= place.start < place.end <= len(case.text.text)
        shared = 0 if gold is None else min(place.end, gold[1]) - max(place.start, gold[0])
        union = 1 if gold is None else max(place.end, gold[1]) - min(place.start, gold[0])
        exact = gold == (place.start, place.end)
        counts["right" if exact else "near" if shared / union >= 0.5 else "wrong"] += 1
    return counts


def measure(cases: Sequence[Case], aligner: Aligner) -> tuple[Counter[str], float]:
    """Counts over cases, and the CPU seconds that the aligner took: neighbours on the machine matter less to these."""
    counts: Counter[str] = Counter()
    seconds = 0.0
    for case in cases:
        began = time.process_time()
        try:
            places = aligner(case)
        except Exception:  # what is counted here
            counts["crashes"] += 1
            continue
        finally:
            seconds += time.process_time() - began
        counts += judge(case, places)
    return counts, seconds


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f}".removesuffix(".00") if whole else "–"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *rows)] + [""]


def found_and_speed(seeds: Sequence[int], quotes: int, kinds: Sequence[str]) -> list[str]:
    rows, speeds = [], []
    total: Counter[str] = Counter()
    for kind in kinds:
        cases = []
        for seed in seeds:
            rng = random.Random(f"{seed} {kind}")
            cases += [draw(rng, kind) for _ in range(quotes // len(kinds) // ASKED_TOGETHER)]
        results = {name: measure(cases, aligner) for name, aligner in ALIGNERS.items()}
        mine = results["find_quotes"][0]
        total += mine
        right = [share(counts["right"], counts["quotes"]) for counts, _ in results.values()]
        rest = [share(mine[name], mine["quotes"]) for name in ("near", "wrong", "none")]
        rows.append([kind, str(mine["quotes"]), f"**{right[0]}**", *rest, *right[1:]])
        micros = [1e6 * seconds / counts["quotes"] for counts, seconds in results.values()]
        speeds.append(
            [kind, f"{micros[0]:,.0f}", f"{1e6 / micros[0]:,.0f}", *(f"{micros[0] / x:,.1f}" for x in micros[1:])]
        )
    lengths = f"{ASKED_TOGETHER} quotes a text of 150 to 6,000 characters; seeds {', '.join(map(str, seeds))}."
    return [
        "### Found",
        "",
        f"{total['quotes']:,} quotes, {lengths} Shares in per cent. *Right*: both offsets (for absent ones: no place). "
        "*Nearly*: overlaps the right place by half of both together. "
        f"{total['crashes']} crashes, {total['outside']} offsets outside the text.",
        "",
        *table(
            ["kind", "quotes", "right", "nearly", "wrong", "no place", "right: `str.find`", "right: rapidfuzz alone"],
            rows,
        ),
        "### Speed",
        "",
        "CPU microseconds a quote, quotes a CPU second, and the time as a multiple of that of `str.find` and of "
        "rapidfuzz's `partial_ratio_alignment` on the same quotes in the same run.",
        "",
        *table(["kind", "µs / quote", "quotes / s", "times `str.find`", "times rapidfuzz alone"], speeds),
    ]


def told_apart(seeds: Sequence[int], quotes: int) -> list[str]:
    """Quotes that stand in several places, with what helps to tell these apart."""
    ways: dict[str, Counter[str]] = {}
    for seed in seeds:
        rng = random.Random(f"{seed} told apart")
        for _ in range(quotes // len(KINDS) // ASKED_TOGETHER):
            case = draw(rng, AMBIGUOUS)
            text = case.text.text
            for quote, gold in zip(case.quotes, case.places, strict=True):
                if gold is None:
                    continue
                start, end = gold
                words = case.text.words
                beside = next(i for i, word in enumerate(words) if word[0] == start)
                low, high = max(0, beside - 5), min(len(words) - 1, beside + 8)
                before = Quote(text[words[low][0] : start].strip() or "-")
                after = Quote(text[end : words[high][1]].strip() or "-")
                guess = round(start + rng.gauss(0, 0.05 * len(text)))
                asked = {
                    "nothing": [Quote(quote)],
                    "a quote before it and one behind it": [before, Quote(quote), after],
                    "an offset, off by 5 % of the text": [Quote(quote, near=guess)],
                    "20 characters before and behind": [
                        Quote(quote, text[max(0, start - 20) : start], text[end : end + 20])
                    ],
                }
                for way, answer in asked.items():
                    place = find_quotes(text, answer, LEAST)[len(answer) // 2]
                    counts = ways.setdefault(way, Counter())
                    counts["quotes"] += 1
                    counts["right"] += place is not None and (place.start, place.end) == gold
    rows = [[way, str(counts["quotes"]), share(counts["right"], counts["quotes"])] for way, counts in ways.items()]
    return [
        "### Quotes that stand in several places",
        "",
        "One quote at a time, told apart by what comes with it. Right (both offsets), in per cent.",
        "",
        *table(["with it comes", "quotes", "right"], rows),
    ]


def long_text(seed: int) -> list[str]:
    """One long text and many quotes."""
    rng = random.Random(f"{seed} long")
    pieces = []
    while sum(map(len, pieces)) < 50_000:
        pieces.append(make_text(rng, "latin").text)
    text = " ".join(pieces)[:50_000]
    ends = [i for i in range(len(text)) if text[i] == " "]
    spots = [(i, i + rng.randint(3, 14)) for i in rng.sample(range(len(ends) - 14), 200)]
    bare = [text[ends[a] + 1 : ends[b]] for a, b in spots]
    whole = Text(text, "latin", ())
    kinds = {
        "exact": bare,
        "white space and case": [respaced(rng, quote, whole).upper() for quote in bare],
        "typing errors": [mistyped(rng, quote, whole) for quote in bare],
        "absent": [" ".join(rng.sample(quote.split(" "), len(quote.split(" ")))) + " nowhere" for quote in bare],
    }
    rows = []
    for kind, quotes in kinds.items():
        case = Case(whole, tuple(quotes), (None,) * len(quotes))
        seconds = [min(measure([case], aligner)[1] for _ in range(3)) for aligner in ALIGNERS.values()]
        rows.append([kind, *(f"{1000 * value:.1f}" for value in seconds)])
    return [
        "### A text of 50,000 characters, 200 quotes",
        "",
        "CPU milliseconds for all of them, the best of three runs.",
        "",
        *table(["kind", *(f"`{name}`" if name != "rapidfuzz alone" else name for name in ALIGNERS)], rows),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1", help="separated by commas; 0 is the one that constants were chosen on")
    parser.add_argument("--quotes", type=int, default=10_000, help="a seed, over all kinds")
    parser.add_argument("--only", choices=list(KINDS), help="one kind, of which all quotes are")
    parser.add_argument("--write", type=Path, help="put the tables between the marks of this Markdown file")
    options = parser.parse_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    lines = found_and_speed(seeds, options.quotes, [options.only] if options.only else list(KINDS))
    if not options.only:
        lines += told_apart(seeds, options.quotes) + long_text(seeds[0])
    text = "\n".join(lines)
    print(text)
    if options.write:
        splice(options.write, "alignment", text)


if __name__ == "__main__":
    main()
