# Everything sets itself up in .venv from constraints.txt: `make demo` and `make test` work on a fresh machine.
PYTHON ?= python3
CONSTRAINTS ?= constraints.txt
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready

.PHONY: demo test lint check fuzz bench dist-check reproduce docs v4l2 clean

demo: $(READY)  ## train, convert and run a digit reader
	$(BIN)/lepton-edge demo -o build/demo

test: $(READY)  ## run the tests
	$(BIN)/python -m pytest $(ARGS)

lint: $(READY)  ## style, types, and which way imports point
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

check: lint test  ## what CI runs

fuzz: $(READY)  ## break files by the thousand; ARGS="--seconds 600 --group models", also --group engines
	PYTHONPATH=tests $(BIN)/python -m fuzz $(ARGS)

bench: $(READY)  ## speed, side by side with bare engines
	$(BIN)/python -m benchmarks $(ARGS)

dist-check: $(READY)  ## both wheels, built, installed into clean environments and run
	PYTHONPATH=tests $(BIN)/python -m dist_check $(ARGS)

reproduce: $(READY)  ## one model, converted in two clean environments: the same bytes
	PYTHONPATH=tests $(BIN)/python -m dist_check.reproduce $(ARGS)

v4l2:  ## Debian, as root: what the test of a real V4L2 camera needs
	tests/v4l2/prepare build/v4l2

docs: $(READY)  ## write docs/cli.md from the commands, the keys of docs/report.md and docs/search.md and the schema from the types
	$(BIN)/python docs/write_cli.py
	$(BIN)/python docs/write_report.py

$(READY): pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit("Python 3.11 to 3.13 is needed, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable '.[demo,mqtt]' --group dev
	@touch $@

clean:  ## remove what the above made
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
