"""Causal models of a few thousand random weights, of several architectures, that share one byte-level tokenizer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
"""A chat template with special tokens, as instruction-tuned models have."""

_SPECIAL = ["<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]

_SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}

ARCHITECTURES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {**_SMALL, "num_key_value_heads": 2, "max_position_embeddings": 4096}),
    "gpt2": ("GPT2", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 2048}),
    "mistral": (
        "Mistral",  # every layer sees the last 24 positions
        {**_SMALL, "num_key_value_heads": 2, "sliding_window": 24, "max_position_embeddings": 4096},
    ),
    "gemma": (
        "Gemma2",  # one layer sees the last 24 positions, the other all; logits are capped
        {**_SMALL, "num_key_value_heads": 2, "head_dim": 8, "sliding_window": 24, "max_position_embeddings": 4096},
    ),
    "mamba": ("Mamba", {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8}),
    "bloom": ("Bloom", {"hidden_size": 32, "n_layer": 2, "n_head": 4}),
}
"""Name of the classes of transformers, and settings. The last two keep no keys and values, or take no positions."""


def build_causal(folder: Path, kind: str = "llama", *, template: str | None = TEMPLATE, seed: int = 0) -> Path:
    """Save a model and its tokenizer; the folder.

    Weights are drawn wide, so that what the model says differs from prompt to prompt.
    """
    import torch
    import transformers

    tokenizer = _tokenizer()
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    name, settings = ARCHITECTURES[kind]
    ids = {f"{one}_token_id": getattr(tokenizer, f"{one}_token_id") for one in ("bos", "eos", "pad")}
    config = getattr(transformers, f"{name}Config")(vocab_size=len(tokenizer), **settings, **ids)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = getattr(transformers, f"{name}LMHeadModel" if kind == "gpt2" else f"{name}ForCausalLM")(config)
        for weight in model.parameters():
            if weight.ndim == 2:
                torch.nn.init.normal_(weight, std=0.2)
        model.tie_weights()
    model.save_pretrained(folder)
    return folder


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=_SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    seen = 'Reply with one JSON object: {"rationale": "it saves water", "label": "not_green", "confidence": 0.8}'
    bpe.train_from_iterator([seen, "The text to label: a green device"] * 20, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="</s>",
        additional_special_tokens=_SPECIAL[2:],
    )
