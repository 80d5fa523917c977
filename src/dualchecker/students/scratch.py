"""A small T5 without training, and a tokenizer of the training texts' own words: for where there is no base model.

All settings of it stand here.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from dualchecker.embedding.transformer import clean, import_torch
from dualchecker.errors import StudentError
from dualchecker.records import Example
from dualchecker.students.reasoning_texts import (
    evaluate_input,
    explain_input,
    predict_input,
    question_text,
    whole_chain,
)
from dualchecker.students.scratch_start import start_ready
from dualchecker.tasks.verdicts import VERDICTS

SCRATCH = "scratch"

_MOST_WORDS = 16_000
_KNOWN = 100
_SHAPE = {
    "d_model": 64,
    "d_kv": 16,
    "d_ff": 256,
    "num_heads": 4,
    "num_layers": 2,
    "num_decoder_layers": 2,
    "dropout_rate": 0.0,
    "feed_forward_proj": "relu",
    "tie_word_embeddings": True,
}
_PAD, _END, _UNKNOWN = _SPECIAL = ("<pad>", "</s>", "<unk>")
_BLANK = "\u2581"
# Numbers up to 99 are words; of longer ones the digits stand alone, so that any number can be read and written; so does
# what is no letter. The blank before a token is part of it, so that texts come back as they were.
_ALONE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}"  # scripts that write no blanks: character by character
_KINDS = (r"(?<!\d)\d{1,2}(?!\d)", r"\d", rf"[{_ALONE}]", rf"[^\W\d_{_BLANK}{_ALONE}]+", rf"[^\w\s{_BLANK}]", "_")
_TOKEN = "|".join([*(rf"{_BLANK}?{kind}" for kind in _KINDS), _BLANK])


def texts_of(examples: Iterable[Example], which: str) -> list[str]:
    """All that a student reads and writes of examples."""
    texts: list[str] = []
    for example in examples:
        question = question_text(example.record, which)
        texts += [predict_input(question), explain_input(question), example.label]
        for chain in example.chains:
            written = whole_chain(chain.text, chain.answer)
            texts += [written, evaluate_input(question, written), *(reason for _, reason in chain.verdicts)]
    return [*texts, *VERDICTS]


def make_scratch(texts: Iterable[str], max_length: int) -> tuple[Any, Any]:
    """A model, and a fast tokenizer of the words in ``texts``.

    Its weights are drawn from torch's random stream, and then made ready to copy and to reckon (``start_ready``).

    Raises:
        StudentError: The texts have no words.
        ConfigError: torch or transformers is missing.
    """
    torch, transformers = import_torch()
    tokenizer = _tokenizer(texts, max_length)
    config = transformers.T5Config(
        vocab_size=len(tokenizer), pad_token_id=0, eos_token_id=1, decoder_start_token_id=0, **_SHAPE
    )
    model = transformers.T5ForConditionalGeneration(config)
    start_ready(model, tokenizer)
    return model.to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer


def _tokenizer(texts: Iterable[str], max_length: int) -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    cut = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement=_BLANK, prepend_scheme="always", split=False),
            pre_tokenizers.Split(Regex(_TOKEN), "isolated"),
        ]
    )
    blanks = normalizers.Sequence([normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()])
    plain = (blanks.normalize_str(text) for text in clean(list(texts)))
    counts = Counter(token for text in plain for token, _ in cut.pre_tokenize_str(text))
    # Small numbers are always known, with a blank before them and without.
    counts.update({token: 1 for number in range(_KNOWN) for token in (str(number), f"{_BLANK}{number}")})
    words = sorted(counts, key=lambda token: (-counts[token], token))[:_MOST_WORDS]
    if len(words) <= 2 * _KNOWN:
        raise StudentError("There are no words to learn from.", fix="Give examples with texts.")
    vocabulary = {token: number for number, token in enumerate((*_SPECIAL, *words))}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token=_UNKNOWN))
    backend.normalizer, backend.pre_tokenizer = blanks, cut
    backend.decoder = decoders.Metaspace(replacement=_BLANK, prepend_scheme="always")
    backend.post_processor = processors.TemplateProcessing(single=f"$A {_END}", special_tokens=[(_END, 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=_PAD,
        eos_token=_END,
        unk_token=_UNKNOWN,
        model_max_length=max_length,
    )
