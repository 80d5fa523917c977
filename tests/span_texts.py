"""Random texts in many scripts, and random spans of them."""

from hypothesis import strategies as st

from dualchecker.records import Span

_PIECES = [
    "cause", "wet road", " ", "  ", "\t", "\n", "\r\n", "\r", "\u3000", "\u00a0", "\u2028", "\x85", ",", ".", "-", "_",
    "<", ">", "&", "&lt;", "</cause>", "<cause>", "a<b>c", "#", "# text = x", "B-cause", "O", "\\", '"', "\ufeff",
    "大雨で道が濡れた", "カタカナ", "由于暴雨", "，", "。", "שלום", "مرحبا", "ภาษาไทย", "हिन्दी", "e\u0301", "\u0301",
    "👨‍👩‍👧", "💩", "❤️", "🇯🇵", "\u200b", "\u200d", "İ", "ß", "ﬁ", "5 %", "\x0b", "\x1c",
]  # fmt: skip

LABELS = ["cause", "effect", "因果", "oil, gas", "a&b", "B-x"]

_CHARS = st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00")

texts = st.lists(st.one_of(st.sampled_from(_PIECES), st.text(_CHARS, max_size=4)), min_size=1, max_size=12).map("".join)


@st.composite
def marked(draw: st.DrawFn) -> tuple[str, list[Span]]:
    """A text and up to six spans of it, which may nest, cross and touch; none holds nothing but blanks."""
    text = draw(texts.filter(lambda t: bool(t.strip())))
    place = st.integers(0, len(text))
    pairs = draw(st.lists(st.tuples(place, place, st.sampled_from(LABELS)), max_size=6))
    spans = {Span(min(a, b), max(a, b), label) for a, b, label in pairs}
    return text, sorted(span for span in spans if text[span.start : span.end].strip())


def trimmed(text: str, span: Span) -> Span:
    """A span without the blanks at its edges."""
    words = text[span.start : span.end]
    start = span.start + len(words) - len(words.lstrip())
    return Span(start, start + len(words.strip()), span.label)
