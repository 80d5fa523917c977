"""Templates, the words of a prompt, fitting it to a context, and the rungs of the ladder of detail."""

from dualchecker.prompts.prompt import Message, Prompt, Shown
from dualchecker.prompts.render import PromptWriter
from dualchecker.prompts.rungs import Rung, Style, rungs_for
from dualchecker.prompts.template import Template

__all__ = ["Message", "Prompt", "PromptWriter", "Rung", "Shown", "Style", "Template", "rungs_for"]
