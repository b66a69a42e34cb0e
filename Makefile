# make demo: the main job, from nothing. make test: the tests, from nothing. make check: what CI checks.
# make fuzz: the laws on thousands of random worlds, other ones every time, and a training killed 1,000 times.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# One thread: on two busy cores more are slower, and results are the same everywhere.
export OPENBLAS_NUM_THREADS ?= 1
# A file of tests at a time on each core; some need 5 GB of memory.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile

.PHONY: demo test test-torch fuzz check format bench clean

demo: $(VENV)/.core
	$(BIN)/dataflow run alexnet-2x-gtx580

test: $(VENV)/.test
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

test-torch: $(VENV)/.torch
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -k torch

fuzz: $(VENV)/.test
	$(BIN)/python -m pytest tests/engine/test_laws.py tests/engine/test_laws_of_*.py \
		tests/training/test_kills.py --examples 20

check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.torch
	$(BIN)/python benchmarks/numpy_against_torch.py
	$(BIN)/python benchmarks/simulation_overhead.py
	$(BIN)/python benchmarks/training_overhead.py
	$(BIN)/python benchmarks/checkpoint.py
	$(BIN)/python benchmarks/data_pipeline.py

clean:
	rm -rf $(VENV) build dist

$(VENV)/.core: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(VENV)/.test: $(VENV)/.core
	$(PIP) --editable ".[test]"
	touch $@

$(VENV)/.torch: $(VENV)/.test
	$(PIP) --editable ".[test,torch]"
	touch $@
