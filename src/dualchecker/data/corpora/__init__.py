"""Example corpora that come with the package."""

from pathlib import Path

from dualchecker.errors import DataError


def corpus_path(name: str) -> Path:
    """The folder of an embedded corpus.

    Raises:
        DataError: There is none of that name.
    """
    here = Path(__file__).parent
    known = sorted(path.name for path in here.iterdir() if (path / "gold.jsonl").is_file())
    if name not in known:
        raise DataError(f"There is no corpus {name!r}.", fix=f"Known are {', '.join(known)}.")
    return here / name


def corpus_file(name: str) -> Path:
    """A run file of an embedded corpus: ``green-innovation``, or ``green-innovation/extraction`` for its other task.

    Raises:
        DataError: There is no such corpus, or it has no run file of that name.
    """
    corpus, _, task = name.partition("/")
    folder = corpus_path(corpus)
    file = folder / f"{task or 'run'}.yaml"
    if not file.is_file():
        known = sorted(f"{corpus}/{path.stem}" for path in folder.glob("*.yaml") if path.stem != "run")
        raise DataError(f"The corpus {corpus!r} has no task {task!r}.", fix=f"Known are {', '.join([corpus, *known])}.")
    return file
