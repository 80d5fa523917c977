"""From the name in the run file to an embedder."""

from dualchecker.embedding.base import Embedder
from dualchecker.embedding.ngrams import NgramEmbedder
from dualchecker.embedding.transformer import TransformerEmbedder


def make_embedder(name: str, *, max_length: int = 256) -> Embedder:
    """``offline`` (MiniLM from its package), ``ngrams`` (no model), or any Hugging Face encoder by name or path."""
    if name == "ngrams":
        return NgramEmbedder()
    return TransformerEmbedder(name, max_length=max_length)
