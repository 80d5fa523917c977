"""Texts to vectors: transformer encoders, and character n-grams that need no model."""

from dualchecker.embedding.base import Embedder, Vectors, similarity
from dualchecker.embedding.cache import CachedEmbedder
from dualchecker.embedding.choose import make_embedder
from dualchecker.embedding.ngrams import NgramEmbedder

__all__ = ["CachedEmbedder", "Embedder", "NgramEmbedder", "Vectors", "make_embedder", "similarity"]
