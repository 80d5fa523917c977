"""The model under a reasoning student: where it comes from, and LoRA."""

from typing import Any

from dualchecker.embedding.transformer import OFFLINE, import_torch, load_pretrained, model_path, quiet_transformers
from dualchecker.errors import ConfigError

SEQ2SEQ, CAUSAL = "AutoModelForSeq2SeqLM", "AutoModelForCausalLM"
_FIX = (
    "Set student.base to 'scratch', or to the name or folder of a complete sequence-to-sequence or causal model. Where "
    "a spiece.model is all the tokenizer there is: pip install 'dualchecker[sentencepiece]'."
)
_WRITERS = ("ForConditionalGeneration", "ForCausalLM", "LMHeadModel", "WithLMHead")


def load_writer(base: str, max_length: int) -> tuple[Any, Any]:
    """A sequence-to-sequence or a causal model, whichever it is, and its tokenizer.

    Raises:
        ConfigError: It cannot be loaded (see ``load_pretrained``), or it is an encoder, which cannot write.
    """
    _, transformers = import_torch()
    refused = ConfigError(
        f"The model {base!r} cannot write.",
        why="A student of kind 'reasoner' writes chains of thought; an encoder only reads.",
        fix="Set student.base to 'scratch', to a sequence-to-sequence model (google/t5-v1_1-small) or to a causal one.",
    )
    if base == OFFLINE:
        raise refused
    auto_class = SEQ2SEQ
    try:
        with quiet_transformers():
            config = transformers.AutoConfig.from_pretrained(model_path(base))
    except (OSError, ValueError):
        pass  # loading the model fails alike, and says why
    else:
        if not any(name.endswith(_WRITERS) for name in config.architectures or ()):
            raise refused
        auto_class = SEQ2SEQ if config.is_encoder_decoder else CAUSAL
    try:
        model, tokenizer = load_pretrained(auto_class, base, max_length=max_length, complete=True, pad_with_end=True)
    except ConfigError as error:
        raise ConfigError(error.what, why=error.why, fix=_FIX) from error
    if tokenizer.eos_token_id is None:
        raise ConfigError(f"The tokenizer of {base!r} knows no token that ends a text.", fix=_FIX)
    # What a checkpoint says of writing (beams, penalties, forced tokens) was meant for another use: it would change
    # every chain, or not go with ours at all.
    model.generation_config = transformers.GenerationConfig(
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=getattr(model.config, "decoder_start_token_id", None),
    )
    return model, tokenizer


def is_causal(model: Any) -> bool:
    """Whether a model goes on with what it reads, instead of reading it with an encoder of its own."""
    return not model.config.is_encoder_decoder


def part_length(model: Any, max_length: int) -> int:
    """Tokens that a question, a chain or a reason may have, so that all that is read or written at once has room."""
    positions: int | None = getattr(model.config, "max_position_embeddings", None)
    if positions is None:
        return max_length
    parts = 3 if is_causal(model) else 2  # question and chain are read together; a causal model goes on with a reason
    return max(1, min(max_length, (positions - 8) // parts))


def import_peft() -> Any:
    """The package peft.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import peft
    except ImportError as error:
        raise ConfigError(
            "student.lora needs the package peft.", why=f"{error}.", fix="pip install 'dualchecker[lora]'"
        ) from error
    return peft


def with_lora(model: Any, rank: int) -> Any:
    """The model with low-rank matrices beside its linear layers (Hu et al. 2021), and only these are trained.

    Raises:
        ConfigError: peft is not installed.
    """
    peft = import_peft()
    config = peft.LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        target_modules="all-linear",
        task_type="CAUSAL_LM" if is_causal(model) else "SEQ_2_SEQ_LM",
    )
    return peft.get_peft_model(model, config)


def without_lora(model: Any) -> Any:
    """The plain model, its weights with what the low-rank matrices have learnt."""
    return model.merge_and_unload()
