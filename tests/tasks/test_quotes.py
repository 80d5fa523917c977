"""Where the words that a teacher quoted stand: in any script, with what models do to quotes."""

import unicodedata

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from dualchecker.tasks.folding import fold_text, parts_character, parts_word
from dualchecker.tasks.fuzzy import REORDERED, needed
from dualchecker.tasks.quotes import ELLIPSIS, FOLDED, STRIPPED, Place, Quote, find_quotes

FAMILY, ACUTE = "👨\u200d👩\u200d👧", "\u0301"

PIECES = [
    *("rain", "Rain", "floods", "the", "cafe" + ACUTE, "café", "ﬁsh", "Straße", "x" + ACUTE + "\u0323", "don't", "3.5"),
    *("大雨", "河川が", "氾濫した", "。", "ＡＢＣ", "ｶﾞｽ", "か\u3099", "增加", "，"),
    *("المطر", "سَبَّب", "גשם", "שִׁטפון", "می\u200cخواهم", "\u202e", "हिन्दी", "ฝนตก", "각", "\u1112\u1161\u11ab"),
    *(FAMILY, "❤️", "🇩🇪", "🇫🇷", "👍🏽", "🏴\U000e0067\U000e0062\U000e007f", "“", "”", "—", "…", "...", "**", "\ud800"),
    *(" ", " ", " ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "\u200b", "\u00ad"),
]
WORDS = st.lists(st.sampled_from(PIECES), max_size=20).map("".join)
TEXTS = st.one_of(WORDS, st.text(st.characters(), max_size=40), st.text("ab \r\n\u0301\u200d🇩👩", max_size=20))


def find(text: str, *quotes: str | Quote, least: float = 0.85) -> list[str | None]:
    """The stretches of the text that were found."""
    asked = [Quote(quote) if isinstance(quote, str) else quote for quote in quotes]
    return [place and text[place.start : place.end] for place in find_quotes(text, asked, least)]


def place(text: str, quote: str, least: float = 0.85) -> Place | None:
    return find_quotes(text, [Quote(quote)], least)[0]


# --- kinds of places --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "quote", "wanted", "fit"),
    [
        ("Heavy rain fell.", "rain", "rain", 1.0),
        ("Heavy rain fell.", "HEAVY  Rain", "Heavy rain", FOLDED),
        ("Heavy\r\n rain fell.", "heavy rain", "Heavy\r\n rain", FOLDED),
        ("Heavy\u00a0rain\u200b fell.", "Heavy rain fell", "Heavy\u00a0rain\u200b fell", FOLDED),
        ("hea\u00advy rain", "heavy rain", "hea\u00advy rain", FOLDED),
        ("It said “no” – twice", "it said \"no\" - twice", "It said “no” – twice", FOLDED),
        ("the ﬁsh died", "fish", "ﬁsh", FOLDED),
        ("die Straße stand unter Wasser", "STRASSE", "Straße", FOLDED),
        ("Heavy rain fell and", '"Heavy rain fell."', "Heavy rain fell", STRIPPED),
        ("Heavy rain fell and", "**Heavy rain** fell", "Heavy rain fell", STRIPPED),
        ("Heavy rain fell and", "- `heavy rain` fell", "Heavy rain fell", STRIPPED),
        ("Heavy rain fell and", "…heavy rain fell…", "Heavy rain fell", STRIPPED),
        ("a snake_case name", "_snake_case_", "snake_case", STRIPPED),
        ("大雨で河川が　氾濫した。", "河川が氾濫した", "河川が　氾濫した", FOLDED),
        ("大雨で\n河川が氾濫した。", "大雨で河川が", "大雨で\n河川が", FOLDED),
        ("ＡＢＣ株式会社", "ABC 株式会社", "ＡＢＣ株式会社", FOLDED),
        ("大雨で河川が氾濫した。", "「河川が氾濫した」", "河川が氾濫した", STRIPPED),
        ("ｶﾞｽが漏れた", "ガス", "ｶﾞｽ", FOLDED),
        ("cafe\u0301 closed", "café", "cafe\u0301", FOLDED),
        ("\u1112\u1161\u11ab강", "한강", "\u1112\u1161\u11ab강", FOLDED),
        ("I ❤️ it", "❤", "❤️", FOLDED),
        ("می\u200cخواهم", "میخواهم", "می\u200cخواهم", FOLDED),
        ("אמר: \u202bגשם כבד\u202c ירד", "גשם כבד", "גשם כבד", 1.0),
    ],
)  # fmt: skip
def test_what_makes_no_other_words_makes_no_other_place(text: str, quote: str, wanted: str, fit: float) -> None:
    found = place(text, quote)
    assert found is not None
    assert (text[found.start : found.end], found.fit) == (wanted, fit)


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("The train stopped.", "bus"),
        ("The cat sat.", "car"),
        ("The cats sat.", "hat"),
        ("several plants grew", "planet"),
        ("anything", ""),
        ("", "anything"),
        ("Heavy rain fell on the town.", "The company reported a loss for the third quarter."),
        ("大雨で河川が氾濫した。", "会社が損失を計上"),
        ("大雨で河川が氾濫した。", "晴れ"),
        ("x", '"."'),
    ],
)
def test_what_is_not_in_the_text_has_no_place(text: str, quote: str) -> None:
    assert place(text, quote) is None


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("cafe\u0301 closed", "cafe"),
        ("x\u0301 and y", "x"),
        (f"a {FAMILY} here", "👨"),
        ("🇩🇪🇫🇷", "🇪🇫"),
        ("👍🏽", "👍"),
        ("か\u3099", "か"),
        ("\u1112\u1161\u11ab", "\u1112\u1161"),
        ("ﬁ", "f"),
    ],
)
def test_no_character_is_cut(text: str, quote: str) -> None:
    assert place(text, quote) is None


def test_a_carriage_return_without_its_line_feed_is_no_exact_hit() -> None:
    found = place("rain fell\r\nhere", "rain fell\r")
    assert found == Place(0, 9, FOLDED)


@pytest.mark.parametrize(
    ("text", "quote", "wanted"),
    [
        ("The dam broke becuase heavy rain fell, they said.", "because heavy rain fell", "becuase heavy rain fell"),
        ("It was the sudden flooding of it", "the suden floodings of it", "the sudden flooding of it"),
        ("大雨で川が氾濫したため道が閉鎖された", "川が氾濫した為道が閉鎖された", "川が氾濫したため道が閉鎖された"),
        ("قال إن المطر سبب الفيضان", "إن المطر سبب الفيضانات", "إن المطر سبب الفيضان"),
        ("so the price, of course, of oil rose", "price of course of oil rose.", "price, of course, of oil rose"),
    ],
)  # fmt: skip
def test_a_slip_of_the_pen_is_found_as_whole_words_and_no_more(text: str, quote: str, wanted: str) -> None:
    found = place(text, quote)
    assert found is not None and text[found.start : found.end] == wanted
    assert 0.85 <= found.fit < STRIPPED


def test_the_least_fit_is_kept() -> None:
    text, quote = "The dam broke because heavy rain fell.", "becuase hevy rain fel"
    assert place(text, quote, 0.8) is not None
    assert place(text, quote, 0.97) is None
    assert place(text, "The DAM", 1) is None
    assert place(text, "The dam", 1) == Place(0, 7, 1.0)
    assert place(text, "'the dam'", 0.985) is None


def test_a_short_quote_needs_more() -> None:
    assert needed("abc", 0.85) == 1
    assert needed("...", 0.85) == 1
    assert needed("abcdef", 0.85) == pytest.approx(0.925)
    assert needed("a" * 100, 0.85) < 0.86


def test_an_ellipsis_spans_what_it_leaves_out() -> None:
    text = "Prices rose because the strike, which nobody had foreseen, closed the port. Then it ended."
    for quote in (
        "the strike ... closed the port",
        "the strike[…] closed the port.",
        "The strike [...] closed the port",
    ):
        found = place(text, quote)
        assert found is not None
        assert text[found.start : found.end] == "the strike, which nobody had foreseen, closed the port"
        assert found.fit == pytest.approx(ELLIPSIS * FOLDED)
    assert find(text, "closed the port ... the strike") == [None]
    assert find("大雨の影響で、河川が氾濫した", "大雨……氾濫した") == ["大雨の影響で、河川が氾濫した"]
    assert find("he said... nothing", "said… nothing") == ["said... nothing"]  # the text has it too


def test_an_ellipsis_leaves_out_as_little_as_it_can_and_no_page() -> None:
    text = "The strike began. The strike went on and closed the port. It closed the port."
    assert find(text, "the strike ... closed the port") == ["The strike went on and closed the port"]
    assert find("The strike " + "and so on " * 100 + "closed the port", "the strike ... closed the port") == [None]


# --- several places ---------------------------------------------------------------------------------------------------


def test_whole_words_go_before_parts_of_words() -> None:
    text = "The train stopped. Rain fell; the rain stopped."
    assert place(text, "rain") == Place(34, 38, 1.0)
    assert place("The train stopped. Rain fell.", "rain") == Place(19, 23, FOLDED)
    assert place("The train stopped.", "rain") == Place(5, 9, 1.0)
    assert place("大雨で河川が", "雨") == Place(1, 2, 1.0)


def test_the_same_quote_given_again_takes_the_next_place() -> None:
    text = "rain, rain and rain"
    assert [p and p.start for p in find_quotes(text, [Quote("rain")] * 4)] == [0, 6, 15, 15]


def test_context_settles_then_the_hint_then_the_neighbours() -> None:
    text = "Because rain fell, the road closed. Because rain stopped, it opened. Snow is not rain."
    starts = [8, 44, 81]
    quotes = [Quote("rain", after=" stopped, it"), Quote("rain", before="SNOW is  not"), Quote("rain", near=50)]
    for quote, start in zip(quotes, (starts[1], starts[2], starts[1]), strict=True):
        assert find_quotes(text, [quote]) == [Place(start, start + 4, 1.0)]
    assert find_quotes(text, [Quote("rain", before="Because", near=10**30)]) == [Place(44, 48, 1.0)]
    assert find_quotes(text, [Quote("rain", before="quite something else")]) == [Place(8, 12, 1.0)]
    assert find_quotes(text, [Quote("the road closed"), Quote("rain")])[1] == Place(44, 48, 1.0)
    assert find_quotes(text, [Quote("rain"), Quote("the road closed")])[0] == Place(8, 12, 1.0)
    assert find_quotes(text, [Quote("it opened"), Quote("rain")])[1] == Place(81, 85, 1.0)
    assert find_quotes(text, [Quote("rain"), Quote("Snow")])[0] == Place(44, 48, 1.0)


def test_a_quote_may_be_what_the_next_one_begins_with() -> None:
    text = "They marched to the capital on Monday to demand peace and to foil the plan."
    quotes = ["marched to the capital", "to", "to demand peace", "to", "to foil the plan"]
    found = find_quotes(text, [Quote(quote) for quote in quotes])
    assert [p and p.start for p in found] == [5, 38, 38, 58, 58]


@pytest.mark.parametrize(
    ("text", "quote", "wanted"),
    [
        ("The heavy rain caused big floods.", "heavy rain big floods caused", "heavy rain caused big floods"),
        ("The heavy rain caused floods there.", "floods caused rain", None),
        ("Rain fell and floods came; dams broke.", "dams broke and floods came rain fell", None),
    ],
)  # fmt: skip
def test_a_word_elsewhere_is_forgiven_but_not_another_order_of_all(text: str, quote: str, wanted: str | None) -> None:
    found = place(text, quote)
    assert (found and text[found.start : found.end]) == wanted
    assert found is None or found.fit == REORDERED


def test_a_misquote_that_stands_twice_is_settled_as_well() -> None:
    text = "The heavy rainfall came. Later the heavy rainfall went."
    found = find_quotes(text, [Quote("heavvy rainfall")] * 2)
    assert [text[p.start : p.end] for p in found if p] == ["heavy rainfall"] * 2
    assert [p and p.start for p in found] == [4, 35]


# --- any text at all --------------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.data())
def test_every_stretch_that_cuts_no_character_is_found_word_for_word(text: str, data: st.DataObject) -> None:
    cuts = [i for i in range(len(text) + 1) if not parts_character(text, i)]
    start, end = sorted((data.draw(st.sampled_from(cuts)), data.draw(st.sampled_from(cuts))))
    assume(start < end)
    quote = text[start:end]
    found = place(text, quote)
    assert found is not None
    if parts_word(text, start) or parts_word(text, end):  # the same word may stand elsewhere, as one, in capitals
        assert fold_text(text[found.start : found.end]).text == fold_text(quote).text
    else:
        assert (text[found.start : found.end], found.fit) == (quote, 1.0)
    assert find_quotes(text, [Quote(quote, near=start)], least=1)[0] is not None


@settings(max_examples=300, deadline=None)
@given(WORDS, st.data())
def test_width_case_and_white_space_change_nothing(text: str, data: st.DataObject) -> None:
    cuts = [i for i in range(len(text) + 1) if not parts_character(text, i) and not parts_word(text, i)]
    start, end = sorted((data.draw(st.sampled_from(cuts)), data.draw(st.sampled_from(cuts))))
    folded = fold_text(text[start:end]).text
    whole = fold_text(text).text
    assume(folded and whole.count(folded) == 1)
    to = (at := whole.index(folded)) + len(folded)
    quote = text[start:end]
    for change in (
        str.upper,
        str.swapcase,
        lambda s: unicodedata.normalize("NFD", s),
        lambda s: unicodedata.normalize("NFKC", s),
        lambda s: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in s),
        lambda s: " \r\n".join(s.split(" ")),
        lambda s: f"\u3000{s}\u200b\n",
    ):
        if fold_text(changed := change(quote)).text == folded and not (parts_word(whole, at) or parts_word(whole, to)):
            found = place(text, changed)
            assert found is not None and found.fit >= FOLDED
            assert fold_text(text[found.start : found.end]).text == folded
            assert text[found.start : found.end].strip() in quote or found.fit == 1


@settings(max_examples=500, deadline=None)
@given(
    TEXTS,
    st.lists(st.one_of(TEXTS, st.builds(Quote, TEXTS, TEXTS, TEXTS, st.integers() | st.none()))),
    st.sampled_from([0.5, 0.85, 1.0]),
)
@example("\ud800x", ["\ud800", "\udc00", ""], 0.5)
def test_places_are_stretches_of_the_text_that_cut_no_character(
    text: str, quotes: list[str | Quote], least: float
) -> None:
    asked = [Quote(quote) if isinstance(quote, str) else quote for quote in quotes]
    found = find_quotes(text, asked, least)
    assert len(found) == len(asked)
    for one, quote in zip(found, asked, strict=True):
        if one is not None:
            assert 0 <= one.start < one.end <= len(text)
            assert least <= one.fit <= 1
            assert (one.fit == 1) == (text[one.start : one.end] == quote.text)
            assert not parts_character(text, one.start) and not parts_character(text, one.end)
    assert find_quotes(text, asked, least) == found


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_a_folded_text_knows_where_it_came_from(text: str) -> None:
    folded = fold_text(text)
    assert len(folded.text) == len(folded.starts) == len(folded.ends)
    assert sorted(folded.starts) == folded.starts and sorted(folded.ends) == folded.ends
    assert all(0 <= start < end <= len(text) for start, end in zip(folded.starts, folded.ends, strict=True))
    assert not folded.text.endswith(" ") and not set(folded.text) & set("\n\r\t\u3000\u00a0\u200b")
    for start, end in set(zip(folded.starts, folded.ends, strict=True)):
        assert not parts_character(text, start) and not parts_character(text, end)


def test_long_and_hostile_texts_do_no_harm() -> None:
    text = "the quick brown fox " * 2_500
    asked = [Quote("quick brown fox"), Quote("quik brown fox jumps"), Quote("a" * 60_000), Quote("'" * 50_000)]
    found = find_quotes(text, [*asked, Quote("*_" * 20_000), Quote(". " * 20_000), Quote("[" * 20_000)])
    assert found[0] == Place(4, 19, 1.0) and found[2:] == [None] * 5
    assert find_quotes("🇩🇪" * 25_000, [Quote("🇩 🇪")]) == [None]
