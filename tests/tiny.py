"""Two separable topics, and a random BERT that knows their words: small enough to train in a test."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dualchecker.records import Example, Record

LABELS = ("sea", "kitchen")
SEA = ["harbour", "anchor", "sail", "wave", "captain", "reef", "tide", "mast"]
KITCHEN = ["oven", "flour", "butter", "spoon", "simmer", "recipe", "dough", "salt"]


def texts_about(words: Sequence[str], count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(words, k=rng.randint(3, 9))) for _ in range(count)]


def examples(count: int = 20, seed: int = 0) -> list[Example]:
    pairs = [
        (text, label)
        for label, words in zip(LABELS, (SEA, KITCHEN), strict=True)
        for text in texts_about(words, count, seed)
    ]
    return [Example(Record(str(number), text), label) for number, (text, label) in enumerate(pairs)]


TOPICS = {
    "sea": SEA,
    "kitchen": KITCHEN,
    "garden": ["spade", "hedge", "compost", "tulip", "lawn", "weed", "orchard", "rake"],
    "office": ["desk", "memo", "printer", "invoice", "stapler", "meeting", "folder", "payroll"],
}


def label_sets(count: int, seed: int, prefix: str = "") -> list[dict[str, Any]]:
    """Rows of texts about none, one or several of the topics, with the list of these as ``labels``."""
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        about = [topic for topic in TOPICS if rng.random() < 0.35]
        words = [word for topic in about for word in rng.choices(TOPICS[topic], k=4)]
        words += rng.choices(["the", "a", "and", "some", "with", "near", "about", "under"], k=4)
        rng.shuffle(words)
        rows.append({"id": f"{prefix}{number}", "text": " ".join([*words, f"{prefix}{number}"]), "labels": about})
    return rows


def records(of: Sequence[Example]) -> list[Record]:
    return [example.record for example in of]


def build_tiny_bert(folder: Path) -> str:
    """A random BERT of 2 layers x 32 that knows the words of both topics; its folder."""
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *SEA, *KITCHEN]
    ids = {word: number for number, word in enumerate(vocabulary)}
    backend = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
