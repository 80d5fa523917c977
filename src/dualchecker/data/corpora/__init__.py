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
