"""Many requests at once: cache, rate limits, retries, budget, progress."""

from dualchecker.asking.asker import Asker, Limits, Outcome, Usage
from dualchecker.asking.progress import Progress, Silent

__all__ = ["Asker", "Limits", "Outcome", "Progress", "Silent", "Usage"]
