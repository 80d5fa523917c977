"""A full disk, and a folder that may not be written: a clear error, a sound ledger, and the run goes on later."""

import json
import os
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from dualchecker.data.corpora import corpus_path
from dualchecker.ledger import Ledger, verify
from servers import LoopbackServer

CONCURRENCY = 4


class Disk:
    """A small disk of its own at a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mount(self, options: str) -> bool:
        again = "remount," if os.path.ismount(self.folder) else ""
        command = ["mount", "-t", "tmpfs", "-o", again + options, "tmpfs", str(self.folder)]
        return subprocess.run(command, capture_output=True).returncode == 0

    def fill(self, left: int) -> None:
        """Take all room but for so many bytes."""
        free = os.statvfs(self.folder)
        (self.folder / "fill").write_bytes(bytes(free.f_bavail * free.f_bsize - left))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    (tmp_path / "run").mkdir()
    found = Disk(tmp_path / "run")
    if not sys.platform.startswith("linux") or not found.mount("size=32m"):
        pytest.skip("needs the right to mount a disk")
    yield found
    subprocess.run(["umount", str(found.folder)], check=True)


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


def write_run_file(folder: Path, server: LoopbackServer) -> Path:
    corpus = corpus_path("green-innovation")
    for name, count in (("gold", 30), ("pool", 30)):
        lines = (corpus / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[:count]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    run = {
        "task": {"question": "Green?", "labels": {"green": "It cuts harm.", "not_green": "Anything else."}},
        "data": {"gold": "gold.jsonl", "pool": "pool.jsonl", "columns": {"text": "summary"}},
        "teacher": {"kind": "openai", "model": "loopback", "base_url": server.base_url},
        "method": "few_shot",
        "align": {"embedder": "ngrams"},
        "student": {"kind": "linear"},
        "limits": {"concurrency": CONCURRENCY},
        "output": "run",
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(run), encoding="utf-8")
    return path


def run(path: Path, *, largest: int | None = None) -> subprocess.CompletedProcess[str]:
    """``dualchecker run`` in a process of its own, in which no file may grow beyond ``largest`` bytes."""

    def limit() -> None:
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))

    command = [sys.executable, "-m", "dualchecker", "run", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit)
    assert "Traceback" not in ended.stderr
    return ended


def look(path: Path) -> int:
    """The ledger is sound; how many answers it holds."""
    with Ledger.open(path.parent / "run/ledger.sqlite", read_only=True) as ledger:
        assert verify(ledger).damages == ()
        return ledger.totals().requests


def goes_on(path: Path, server: LoopbackServer, held: int) -> None:
    """With room again the run ends, and only what was under way is asked again."""
    before = len(server.calls)
    ended = run(path)
    assert ended.returncode == 0, ended.stderr
    again = {key: count for key, count in Counter(call.key for call in server.calls).items() if count > 1}
    assert len(server.calls) - before == look(path) - held and len(again) <= 2 * CONCURRENCY
    labels = [json.loads(line) for line in (path.parent / "run/labels.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(labels) == 30 and {row["status"] for row in labels} == {"accepted"}


@pytest.mark.slow
def test_a_disk_that_fills_up(disk: Disk, server: LoopbackServer, tmp_path: Path) -> None:
    path = write_run_file(tmp_path, server)
    assert disk.mount("size=300k")
    ended = run(path)
    assert ended.returncode == 4 and "full" in ended.stderr and "Free some room" in ended.stderr
    held = look(path)
    assert 0 < held < 30
    assert disk.mount("size=32m")
    goes_on(path, server, held)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs a limit on the size of files")
def test_a_file_that_may_not_grow(server: LoopbackServer, tmp_path: Path) -> None:
    path = write_run_file(tmp_path, server)
    ended = run(path, largest=150_000)  # Python ignores the signal, so that writing fails as on a full disk
    assert ended.returncode == 4 and "cannot be written" in ended.stderr
    held = look(path)
    assert 0 < held < 30
    goes_on(path, server, held)


@pytest.mark.slow
def test_a_disk_that_is_full_when_the_labels_are_written(disk: Disk, server: LoopbackServer, tmp_path: Path) -> None:
    path = write_run_file(tmp_path, server)
    assert run(path).returncode == 0
    held = look(path)
    (disk.folder / "labels.jsonl").unlink()
    disk.fill(left=50_000)
    ended = run(path)
    assert ended.returncode == 1 and "No space left" in ended.stderr and "is kept" in ended.stderr
    assert look(path) == held
    (disk.folder / "fill").unlink()
    goes_on(path, server, held)


@pytest.mark.slow
def test_without_any_room_a_ledger_can_still_be_read(disk: Disk, server: LoopbackServer, tmp_path: Path) -> None:
    with Ledger.open(disk.folder / "ledger.sqlite") as ledger:
        ledger.record_uses([("r", "label", "brief", "k")])
    disk.fill(left=0)
    assert look(disk.folder.parent / "run.yaml") == 0
    ended = run(write_run_file(tmp_path, server))
    assert ended.returncode == 4 and "has room" in ended.stderr and not server.calls


@pytest.mark.slow
def test_a_folder_that_may_only_be_read(disk: Disk, server: LoopbackServer, tmp_path: Path) -> None:
    path = write_run_file(tmp_path, server)
    with Ledger.open(disk.folder / "ledger.sqlite") as ledger:
        ledger.record_uses([("r", "label", "brief", "k")])
    assert disk.mount("ro")
    ended = run(path)
    assert ended.returncode == 4 and "cannot be opened" in ended.stderr and "Read-only" in ended.stderr
    assert look(path) == 0 and not server.calls
    assert disk.mount("rw")
    goes_on(path, server, 0)
