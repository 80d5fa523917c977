"""Random models that write, with some sixty words, and questions that they can learn in seconds."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dualchecker.records import Example, Record, TaughtChain

COLOURS = ["red", "green", "blue", "white", "black", "pink"]
_WORDS = [
    "predict",
    "explain",
    "evaluate",
    "choices",
    "The",
    "the",
    "answer",
    "is",
    "question",
    "which",
    "colour",
    "has",
]
_WORDS += ["have", "box", "says", "note", "on", "it", "card", "first", "then", "so", "look", "at", "see", "here"]
_WORDS += ["one", "correct", "wrong", "uncertain", "because", "not", "that", "a", "and", "of", "in", *".,:;[]?"]
_NAMES = ["Ann", "Bob", "Cem", "Dia", "Eve", "Flo", "Gus", "Hal"]
VOCABULARY = ["<pad>", "</s>", "<unk>", *_WORDS, *COLOURS, *_NAMES]


def colour_examples(count: int, seed: int, chains: int = 2) -> list[Example]:
    """Questions that name the answer: right chains, and one wrong chain that is judged only."""
    rng = random.Random(seed)
    examples = []
    for number in range(count):
        colour, other = rng.sample(COLOURS, 2)
        first, second = rng.sample(_NAMES, 2)
        question = f"{first} and {second} have a {colour} box . which colour is it ?"
        openings = rng.sample(["look at it", "first see the card", "the note says so", "here it is"], chains)
        right = [TaughtChain(f"{one} : the box is {colour} .", colour, 1.0, _verdicts(True)) for one in openings]
        wrong = TaughtChain(f"the box is {other} .", other, 0.0, _verdicts(False))
        examples.append(Example(Record(f"{seed}-{number}", question), colour, chains=(*right, wrong)))
    return examples


def _verdicts(right: bool) -> Any:
    return (("correct", "the box says so ."),) if right else (("wrong", "the box is not that ."), ("wrong", ""))


def records(of: Sequence[Example]) -> list[Record]:
    return [example.record for example in of]


def _tokenizer(**special: str) -> Any:
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    backend = Tokenizer(models.WordLevel({word: n for n, word in enumerate(VOCABULARY)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()  # every sign by itself
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="</s>", unk_token="<unk>", model_max_length=512, **special
    )


def build_tiny_t5(folder: Path) -> str:
    """A random T5 with 1 + 1 layers x 32; its folder."""
    import torch
    import transformers

    config = transformers.T5Config(
        vocab_size=len(VOCABULARY),
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_heads=4,
        num_layers=1,
        dropout_rate=0.0,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.T5ForConditionalGeneration(config).save_pretrained(folder)
    _tokenizer(pad_token="<pad>").save_pretrained(folder)
    return str(folder)


def build_tiny_llama(folder: Path) -> str:
    """A random Llama with 2 layers x 32, whose tokenizer has no padding token; its folder."""
    import torch
    import transformers

    config = transformers.LlamaConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=256,
        eos_token_id=1,
        bos_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.LlamaForCausalLM(config).save_pretrained(folder)
    _tokenizer().save_pretrained(folder)
    return str(folder)
