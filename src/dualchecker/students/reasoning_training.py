"""How a reasoning student's model is trained on its lessons."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from dualchecker.students.reasoning_lessons import Lesson, Source
from dualchecker.students.reasoning_loss import Passes, packs, room
from dualchecker.students.training import bucketed_batches, learning_rate_factor, make_optimizer, update


@dataclass
class Work:
    """What training took.

    Attributes:
        steps: Optimiser steps.
        real: Tokens read and written.
        padded: The same with padding.
    """

    steps: int = 0
    real: int = 0
    padded: int = 0


@dataclass(frozen=True)
class Course:
    """How long, and how fast, one stage is trained.

    Attributes:
        lessons: One a question.
        epochs: Passes over them.
        min_steps: Optimiser steps to make at least.
        batch_size: Questions per optimiser step.
        learning_rate: At its peak.
        held: Questions and right answers that choose among the epochs; may be empty.
        drawn: At most so many chains, and chains with verdicts, of a question in a step, drawn anew each time; None for
            all of them.
    """

    lessons: Sequence[Lesson]
    epochs: float
    min_steps: int
    batch_size: int
    learning_rate: float
    held: Sequence[Source] = ()
    drawn: int | None = None

    @property
    def steps(self) -> int:
        """Optimiser steps that will be made."""
        return max(1, self.min_steps, round(math.ceil(len(self.lessons) / self.batch_size) * self.epochs))


def train(
    model: Any, fill: int, course: Course, rng: np.random.Generator, *, causal: bool, after_step: Callable[[], None]
) -> Work:
    """Train a model; with held-out questions, the weights of the epoch that answers them best are kept.

    Args:
        model: Sequence-to-sequence, or causal.
        fill: Token that pads.
        course: What is learnt, and how.
        rng: Decides the order of the questions.
        causal: Which kind of model it is.
        after_step: Called after every step.

    Raises:
        StudentError: Training diverged.
    """
    optimizer, steps, total = make_optimizer(model), 0, course.steps
    passes = Passes(model, fill, causal=causal)
    lengths = [lesson.length for lesson in course.lessons]
    # The mean weight of rows is 1, so that only the ratio of weights matters.
    mean = sum(lesson.weight for lesson in course.lessons) / sum(lesson.rows for lesson in course.lessons)
    best, state = (-1.0, -math.inf), None
    while steps < total:
        model.train()
        for batch in islice(bucketed_batches(lengths, course.batch_size, rng), total - steps):
            lessons = [course.lessons[number] for number in batch]
            scale = mean * sum(lesson.rows for lesson in lessons)
            if course.drawn is not None:
                lessons = [lesson.drawn(course.drawn, rng) for lesson in lessons]
            sources = [source for lesson in lessons for source in lesson.sources]
            for pack in packs(sources, causal=causal, budget=room(model)):
                (passes.weighted_loss(pack) / scale).backward()
            update(model, optimizer, course.learning_rate * learning_rate_factor(steps, total))
            steps += 1
            after_step()
        if course.held and (score := answered(model, fill, course.held, causal=causal)) > best:
            best, state = score, {name: value.clone() for name, value in model.state_dict().items()}
    if state is not None:
        model.load_state_dict(state)
    return Work(steps, passes.real, passes.padded)


def answered(model: Any, fill: int, held: Sequence[Source], *, causal: bool) -> tuple[float, float]:
    """How well a model answers held-out questions: share of right answers, and, to tell equals apart, their mean
    log-probability."""
    model.train(False)
    passes = Passes(model, fill, causal=causal)
    found = [one for pack in packs(held, causal=causal, budget=room(model)) for one in passes.written_well(pack)]
    return float(np.mean([right for right, _ in found])), float(np.mean([chance for _, chance in found]))
