"""Many requests at once: cache, admission, retries, budget, progress."""

from dualchecker.asking.asker import Asker
from dualchecker.asking.outcome import Limits, Outcome, Usage
from dualchecker.asking.progress import Progress, Silent

__all__ = ["Asker", "Limits", "Outcome", "Progress", "Silent", "Usage"]
