"""From a run file to the parts of a run."""

from pathlib import Path

from dualchecker.alignment import ContextAligner
from dualchecker.asking import Asker, Progress
from dualchecker.config import RunConfig
from dualchecker.data import Dataset, Fence, build_fence
from dualchecker.embedding import CachedEmbedder, Embedder, NgramEmbedder, make_embedder
from dualchecker.ledger import Ledger
from dualchecker.prompts import PromptWriter
from dualchecker.runs.kinds.base import Parts, Prepared
from dualchecker.runs.kinds.choose import kind_of
from dualchecker.runs.teachers import build_teacher
from dualchecker.tasks import Task


def build_task(config: RunConfig) -> Task:
    """The task that a run file describes."""
    return kind_of(config.task).task(config.task)


def build_embedder(config: RunConfig, cache: Path | None = None) -> Embedder:
    """The aligner's embedder; dense vectors are kept in ``cache``, by default in the run's folder."""
    embedder = make_embedder(config.model_name(config.align.embedder))
    if isinstance(embedder, NgramEmbedder):
        return embedder
    return CachedEmbedder(embedder, cache or config.output_dir / "cache")


def prepare(
    config: RunConfig, task: Task, dataset: Dataset, progress: Progress, embedder: Embedder | None = None
) -> Prepared:
    """Embed all texts, and choose on gold what the kind's students stand on."""
    embedder = embed(config, dataset, progress, embedder)
    features = kind_of(config.task).features(config, task, dataset, _fence(config, dataset), embedder)
    return Prepared(dataset, embedder, features)


def embed(config: RunConfig, dataset: Dataset, progress: Progress, embedder: Embedder | None = None) -> Embedder:
    """Embed all texts; the embedder that has done it."""
    embedder = embedder or build_embedder(config)
    everything = (*dataset.gold, *dataset.pool, *dataset.test)
    progress.stage("embedding", f"{len(everything)} texts")
    # Document frequencies are learnt without the test texts, which nothing may touch before the report.
    embedder.fit([record.long_text for record in (*dataset.gold, *dataset.pool)])
    if isinstance(embedder, CachedEmbedder):
        embedder.embed([record.text for record in everything])
        embedder.embed([record.long_text for record in everything if record.detail])
        embedder.save()
    return embedder


def build_parts(
    config: RunConfig,
    task: Task,
    dataset: Dataset,
    ledger: Ledger,
    progress: Progress,
    prepared: Prepared | None = None,
) -> Parts:
    """Put a run together. Nothing is asked yet; texts are embedded, unless that is ``prepared`` already."""
    kind = kind_of(config.task)
    kind.check_student(config)
    fence = _fence(config, dataset)
    prepared = prepared or prepare(config, task, dataset, progress)
    embedder = prepared.embedder
    asker = Asker(ledger, config.limits, progress, seed=config.data.seed)
    panel = tuple(build_teacher(member, config, embedder) for member in config.teacher.members)
    # The first member stands for the panel where one teacher is needed: reasons for gold, the few-shot baseline.
    teacher = panel[0] if panel else build_teacher(config.teacher, config, embedder)
    senior = build_teacher(config.teacher.senior, config, embedder, senior=True) if config.teacher.senior else None
    writer = PromptWriter(task, config.limits.max_prompt_tokens)
    aligner = ContextAligner(task, fence, embedder, config.align, writer, asker, teacher, seed=config.data.seed)
    return Parts(
        config=config,
        kind=kind,
        task=task,
        dataset=dataset,
        pool=kind.units(task, dataset.pool),
        fence=fence,
        judged=kind.around(task, fence),
        embedder=embedder,
        features=prepared.features,
        asker=asker,
        teacher=teacher,
        senior=senior,
        panel=panel,
        writer=writer,
        aligner=aligner,
        progress=progress,
    )


def _fence(config: RunConfig, dataset: Dataset) -> Fence:
    return build_fence(dataset.gold, config.data.calibration, config.data.calibration_limit, config.data.seed)
