"""Importing the package is cheap, and layers keep to their order."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dualchecker

ROOT = Path(__file__).parent.parent
HEAVY = [
    "torch", "transformers", "safetensors", "sklearn", "scipy", "pyarrow", "pandas", "aiohttp", "fastapi", "uvicorn",
    "starlette", "jinja2", "typer", "rich", "ray", "matplotlib", "datasets", "httpx", "requests", "openai",
]  # fmt: skip


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout


def loaded(code: str) -> set[str]:
    """Top-level modules that are there after the code."""
    return set(
        json.loads(python(f"import sys, json\n{code}\nprint(json.dumps([m for m in sys.modules if '.' not in m]))"))
    )


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded("import dualchecker") & set(HEAVY) == set()


@pytest.mark.parametrize(
    ("code", "free_of"),
    [
        ("dualchecker.Record, dualchecker.Classification, dualchecker.Ledger", HEAVY),
        ("dualchecker.load, dualchecker.RunConfig", HEAVY),
        (
            "dualchecker.distill, dualchecker.TeacherChecker, dualchecker.load_student",
            ["torch", "transformers", "sklearn"],
        ),
        ("import dualchecker.cli", ["torch", "transformers", "sklearn", "pyarrow", "fastapi"]),
    ],
)
def test_names_load_only_what_they_need(code: str, free_of: list[str]) -> None:
    modules = loaded(f"import dualchecker\n{code}")
    assert "dualchecker" in modules
    assert modules & set(free_of) == set()


def test_every_public_name_can_be_reached_first() -> None:
    code = """
import importlib, sys
import dualchecker
for name in dualchecker.__all__:
    for module in [m for m in sys.modules if m.split(".")[0] == "dualchecker"]:
        del sys.modules[module]
    getattr(importlib.import_module("dualchecker"), name)
    print(name)
"""
    assert python(code).split() == dualchecker.__all__


def test_importing_costs_little_more_than_numpy() -> None:
    def cpu(code: str) -> float:
        timed = f"import time\nstart = time.process_time()\n{code}\nprint(time.process_time() - start)"
        return min(float(python(timed)) for _ in range(3))

    assert cpu("import numpy, dualchecker") - cpu("import numpy") < 0.5


def test_layers_import_only_what_lies_below() -> None:
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent)) or shutil.which("lint-imports")
    if command is None:
        pytest.skip("import-linter is not installed")
    result = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
    assert "layers KEPT" in result.stdout
