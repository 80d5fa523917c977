"""What students that are a fine-tuned Hugging Face model have in common: a plain model folder, and a head to scale."""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

from dualchecker.embedding.transformer import import_torch, load_pretrained, quiet_transformers
from dualchecker.errors import StudentError
from dualchecker.students.files import write_folder
from dualchecker.students.training import last_layer

SETTINGS = "dualchecker.json"


class Pretrained(ABC):
    """A student whose folder is a plain Hugging Face model with ``dualchecker.json`` beside it.

    Attributes:
        kind: Of the student.
        model_class: Name of the class in ``transformers``.
    """

    kind: ClassVar[str]
    model_class: ClassVar[str]

    _base: str
    _max_length: int
    _loaded: tuple[Any, Any] | None = None

    @abstractmethod
    def _settings(self) -> dict[str, Any]:
        """What ``dualchecker.json`` holds, besides the kind."""

    @classmethod
    @abstractmethod
    def _from_settings(cls, settings: dict[str, Any], base: str) -> Self:
        """An untrained student with these settings."""

    def sharpen(self, exponent: float) -> None:
        """Scale the head's last layer, so that the logits of the plain model are ``exponent`` times what they were.

        Raises:
            StudentError: The student has not been trained, or its logits do not come from a linear layer.
        """
        model, _ = self._trained()
        torch, _ = import_torch()
        layer = last_layer(model)
        with torch.no_grad():
            for weights in layer.parameters():
                weights.mul_(exponent)

    def save(self, folder: Path, card: str = "", extra: dict[str, Any] | None = None) -> None:
        """Write a folder that ``transformers.pipeline`` loads.

        Args:
            folder: Where to; what is there is replaced as a whole, once the new model is complete.
            card: Content of README.md.
            extra: Added to ``dualchecker.json``.

        Raises:
            StudentError: The student has not been trained.
        """
        model, tokenizer = self._trained()
        settings = {**(extra or {}), "kind": self.kind, **self._settings()}
        with write_folder(folder) as new, quiet_transformers():
            model.save_pretrained(new)
            tokenizer.save_pretrained(new)
            (new / "README.md").write_text(card, encoding="utf-8")
            (new / SETTINGS).write_text(json.dumps(settings, ensure_ascii=False, indent=2), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a student that ``save`` wrote.

        Raises:
            StudentError: The folder holds no student of this kind.
            ConfigError: Its model cannot be loaded; see ``load_pretrained``.
        """
        try:
            settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
            if settings["kind"] != cls.kind:
                raise ValueError(f"it holds a student of kind {settings['kind']!r}")
            student = cls._from_settings(settings, str(folder.resolve()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StudentError(
                f"There is no {cls.kind} student in {folder}.",
                why=f"{SETTINGS}: {error!r}.",
                fix=f"Name a folder that a run or {cls.__name__}.save has written.",
            ) from error
        student._loaded = student._load()
        return student

    def _load(self) -> tuple[Any, Any]:
        return load_pretrained(self.model_class, self._base, max_length=self._max_length, complete=True)

    def _trained(self) -> tuple[Any, Any]:
        if self._loaded is None:
            raise StudentError("The student has not been trained.", fix=f"Call fit, or {type(self).__name__}.load.")
        return self._loaded
