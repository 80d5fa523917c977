"""Replies spoilt as models, servers and networks spoil them, and worse; always the same by the same seed."""

import json
import random
import re
import unicodedata
from collections.abc import Callable, Sequence

ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
LOOKALIKES = str.maketrans("aceopxyABCEHIKMOPTX-_\"'", "асеорхуАВСЕНІКМОРТХ–＿”’")
WORDS = ("one", "forty-two", "a dozen", "ninety per cent", "null", "N/A", "high", "二十", "½", "٤٢", "XII")
GIANTS = ("9" * 400, "1e999", "-1e-999", "0." + "3" * 300, "123456789012345678901234567890", "1e308", "-0", "0x10")
ODD = ("NaN", "Infinity", "-Infinity", "true", "null", "[]", "{}", '""', "1.5", "-3", "101", '"90%"', '"9/10"')
PAGES = ("<html><body><h1>502 Bad Gateway</h1></body></html>", "<!DOCTYPE html><title>Sign in</title>{{ label }}")
SURROGATES = ("\\ud83d", "\\udc00\\ud83d", "\ud800", "\udfff x", "\\u0000", "\x00", "\x1b[31m", "\\x41")
BETWEEN = ("Sure! Here you are:\n", "<think>maybe {no}</think>", "label: ", "\n\n", "###", "Answer: ", "or ", "not ")

ECHOES = (
    'Answer with a JSON object: {"rationale": "...", "label": one of [names], "confidence": a number}\n',
    '{"type": "object", "properties": {"label": {"type": "string", "enum": [names]}}, "required": ["label"]}\n',
    '{"label": [names]}\n',
    "<text>\n...\n</text>\n\nLabel: green\n",
    '{"rationale": "...", "label": "<label>", "confidence": 0.0}\n',
)

Mutation = Callable[[random.Random, str, Sequence[str]], str]


def place(rng: random.Random, text: str) -> int:
    return rng.randint(0, len(text))


def flip_bytes(rng: random.Random, text: str, others: Sequence[str]) -> str:
    data = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(rng.choice((1, 1, 2, 8))):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data.decode("utf-8", "replace")


def truncate(rng: random.Random, text: str, others: Sequence[str]) -> str:
    return text[: place(rng, text)]


def behead(rng: random.Random, text: str, others: Sequence[str]) -> str:
    return text[place(rng, text) :]


def delete(rng: random.Random, text: str, others: Sequence[str]) -> str:
    start = place(rng, text)
    return text[:start] + text[start + rng.choice((1, 1, 3, 20)) :]


def repeat(rng: random.Random, text: str, others: Sequence[str]) -> str:
    start = place(rng, text)
    piece = text[start : start + rng.choice((1, 5, 40))]
    return text[:start] + piece * rng.choice((2, 3, 50)) + text[start:]


def swap_pieces(rng: random.Random, text: str, others: Sequence[str]) -> str:
    a, b, c = sorted(place(rng, text) for _ in range(3))
    return text[:a] + text[b:c] + text[a:b] + text[c:]


def duplicate_key(rng: random.Random, text: str, others: Sequence[str]) -> str:
    pairs = re.findall(r'"\w+"\s*:\s*(?:"[^"]*"|[\d.]+)', text)
    theirs = re.findall(r'"\w+"\s*:\s*(?:"[^"]*"|[\d.]+)', rng.choice(others))
    if not pairs or not theirs:
        return text
    pair = rng.choice(pairs)
    return text.replace(pair, f"{rng.choice(theirs)}, {pair}, {rng.choice(theirs)}", 1)


def bomb(rng: random.Random, text: str, others: Sequence[str]) -> str:
    depth = rng.choice((30, 900, 1500, 20_000))
    opens, closes = rng.choice((("[", "]"), ('{"a":', "}"), ('{"label":[', "]}"), ("(", ")"), ("<text>", "</text>")))
    depth = min(depth, 60_000 // len(opens))
    start = place(rng, text)
    return text[:start] + opens * depth + rng.choice(("", text[start:], closes * depth)) + text[start:]


def swap_quotes(rng: random.Random, text: str, others: Sequence[str]) -> str:
    return text.translate(str.maketrans(dict.fromkeys('"', rng.choice(("'", "”", "`", "", '\\"', "«")))))


def fence(rng: random.Random, text: str, others: Sequence[str]) -> str:
    return rng.choice(("```json\n{}\n```", "```\n{}", "Here:\n```JSON\n{}\n```\nDone. {{}}", "> {}", "**{}**")).format(
        text
    )


def lookalike(rng: random.Random, text: str, others: Sequence[str]) -> str:
    return "".join(char.translate(LOOKALIKES) if rng.random() < 0.15 else char for char in text)


def rewidth(rng: random.Random, text: str, others: Sequence[str]) -> str:
    form = rng.choice(("NFD", "NFKD", "NFKC", "wide"))
    if form != "wide":
        return unicodedata.normalize(form, text)
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" and rng.random() < 0.3 else char for char in text)


def recase(rng: random.Random, text: str, others: Sequence[str]) -> str:
    return rng.choice((str.upper, str.lower, str.title, str.swapcase))(text)


def hide(rng: random.Random, text: str, others: Sequence[str]) -> str:
    for _ in range(rng.choice((1, 3, 10))):
        start = place(rng, text)
        text = text[:start] + rng.choice(ZERO_WIDTH) + text[start:]
    return text


def several(rng: random.Random, text: str, others: Sequence[str]) -> str:
    pieces = [text, *rng.choices(others, k=rng.choice((1, 2)))]
    rng.shuffle(pieces)
    return rng.choice(("\n", " ", ",", "\n---\n", "")).join(pieces)


def renumber(rng: random.Random, text: str, others: Sequence[str]) -> str:
    said = rng.choice((*ODD, *GIANTS, *(json.dumps(word, ensure_ascii=False) for word in WORDS)))
    numbers = list(re.finditer(r"\d+(?:\.\d+)?", text))
    if not numbers:
        return text + said
    found = rng.choice(numbers)
    return text[: found.start()] + said + text[found.end() :]


def revalue(rng: random.Random, text: str, others: Sequence[str]) -> str:
    """Another kind of value where a string stands."""
    values = list(re.finditer(r':\s*("(?:[^"\\]|\\.)*")', text))
    if not values:
        return text
    found = rng.choice(values)
    said = rng.choice(
        (*ODD, *GIANTS, f"[{found[1]}]", f'{{"label": {found[1]}}}', f"[{found[1]}, null]", f"[[{found[1]}]]")
    )
    return text[: found.start(1)] + said + text[found.end(1) :]


def echo(rng: random.Random, text: str, others: Sequence[str]) -> str:
    """The prompt, or the schema, said again, before or behind or around the reply."""
    names = json.dumps(re.findall(r'"([^"]+)"', rng.choice(others))[:6], ensure_ascii=False)
    said = rng.choice(ECHOES).replace("[names]", names)
    return rng.choice((said + text, text + said, said.replace("...", text), said))


def describe(rng: random.Random, text: str, others: Sequence[str]) -> str:
    """Other words of the task where a value stands: a description, a label with a word before it, two labels."""
    values = re.findall(r':\s*"((?:[^"\\]|\\.)*)"', text)
    theirs = re.findall(r':\s*"((?:[^"\\]|\\.)*)"', rng.choice(others))
    if not values or not theirs:
        return text
    mine, other = rng.choice(values), rng.choice(theirs)
    said = rng.choice(
        ("{1}", "not {0}", "{0} or {1}", "{0}, {1}", "{0}: {1}", "Saves energy or waste", "({0})", "{0}s")
    )
    return text.replace(mine, said.format(mine, other), 1) if mine else text


def retype(rng: random.Random, text: str, others: Sequence[str]) -> str:
    """Valid JSON stays valid: one value, wherever it is, becomes another, twice, wrapped, or is gone."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    box: list[object] = [value]
    holder: list[object] | dict[str, object] = box
    place: int | str = 0
    while isinstance(inner := holder[place], list | dict) and inner and (holder is box or rng.random() < 0.85):  # type: ignore[index]
        holder, place = inner, rng.choice(list(inner) if isinstance(inner, dict) else range(len(inner)))
    deep: object = rng.choice(WORDS)
    for _ in range(rng.choice((1, 1, 1, 400, 1000))):
        deep = [deep]
    old = holder[place]  # type: ignore[index]
    new = rng.choice(
        (None, True, [], {}, "", -1, 10**30, 1e300, 0.5, float("nan"), float("inf"), "\ud800", [old, old], deep)
    )
    holder[place] = new  # type: ignore[index,assignment]
    try:
        return json.dumps(box[0], ensure_ascii=rng.random() < 0.5)
    except RecursionError:
        return text


def insert(rng: random.Random, text: str, others: Sequence[str]) -> str:
    start = place(rng, text)
    return text[:start] + rng.choice((*SURROGATES, *BETWEEN, *PAGES, *WORDS)) + text[start:]


def escape(rng: random.Random, text: str, others: Sequence[str]) -> str:
    """Letters as JSON escapes, some of them wrong."""
    return "".join(
        rng.choice((f"\\u{ord(char):04x}", f"\\u{ord(char):03x}", "\\" + char)) if rng.random() < 0.08 else char
        for char in text
    )


def page(rng: random.Random, text: str, others: Sequence[str]) -> str:
    return rng.choice(PAGES).replace("{{ label }}", text)


def lines(rng: random.Random, text: str, others: Sequence[str]) -> str:
    """The fields as lines, in place of JSON."""
    pairs = re.findall(r'"(\w+)"\s*:\s*("(?:[^"\\]|\\.)*"|[\d.]+)', text)
    return rng.choice(("\n", ", ", "\r\n")).join(
        f"{rng.choice(('', '- ', '**'))}{key}: {value}" for key, value in pairs
    )


def typo(rng: random.Random, text: str, others: Sequence[str]) -> str:
    """Neighbours exchanged, as in quotes of which characters have changed."""
    found = list(text)
    for _ in range(rng.choice((1, 2, 6))):
        if len(found) > 2:
            at = rng.randrange(len(found) - 1)
            found[at], found[at + 1] = found[at + 1], found[at]
    return "".join(found)


MUTATIONS: tuple[Mutation, ...] = (
    flip_bytes,
    truncate,
    behead,
    delete,
    repeat,
    swap_pieces,
    duplicate_key,
    bomb,
    swap_quotes,
    fence,
    lookalike,
    rewidth,
    recase,
    hide,
    several,
    renumber,
    revalue,
    echo,
    describe,
    retype,
    insert,
    escape,
    page,
    lines,
    typo,
)

DEAR = frozenset({bomb})
"""Mutations that make replies long: fewer of them."""


def mutate(rng: random.Random, text: str, others: Sequence[str]) -> str:
    """A reply after one to four mutations; ``others`` are replies that pieces may be taken from."""
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        mutation = rng.choice(MUTATIONS)
        if mutation in DEAR and rng.random() < 0.8:
            continue
        text = mutation(rng, text, others)[:200_000]
    return text
