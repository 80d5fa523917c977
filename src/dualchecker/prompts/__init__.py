"""Templates, the words of a prompt, fitting it to a context, and the rungs of the ladder of detail."""

from dualchecker.prompts.generate import LEVELS, Case, Written, ask_for_texts, read_texts
from dualchecker.prompts.prompt import Message, Prompt, Shown
from dualchecker.prompts.render import PromptWriter, left_out
from dualchecker.prompts.rungs import Rung, Style, rungs_for
from dualchecker.prompts.series import Series
from dualchecker.prompts.template import Template

__all__ = [
    "LEVELS",
    "Case",
    "Message",
    "Prompt",
    "PromptWriter",
    "Rung",
    "Series",
    "Shown",
    "Style",
    "Template",
    "Written",
    "ask_for_texts",
    "left_out",
    "read_texts",
    "rungs_for",
]
