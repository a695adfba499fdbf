PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo up test lint fix bench clean

demo: $(VENV)/.embedded  ## one whole cycle on the embedded stack
	$(BIN)/python -m upward demo

up: $(VENV)/.embedded  ## the embedded stack until Ctrl-C
	$(BIN)/python -m upward up

test: $(VENV)/.test lint  ## everything: lint, then every test
	$(BIN)/python tests/browser.py
	$(BIN)/python -m pytest tests/workflows  # alone: the time-skipping server loses tasks on a crowded machine
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations 15 --ignore tests/workflows

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.test
	$(BIN)/python bench/cycle.py --pairs 1000 --json
	$(BIN)/python bench/matching.py --sizes 500,2000,10000 --json
	$(BIN)/python bench/events.py --events 1000000 --kills 200 --foreign-seconds 60 --json
	$(BIN)/python bench/events.py --neighbour --json
	$(BIN)/python bench/idle.py --json

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.embedded: requirements/embedded.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/embedded.txt
	@touch $@

$(VENV)/.test: requirements/test.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/test.txt
	@touch $@

clean:  ## remove the virtual environment and the embedded stack's data
	rm -rf $(VENV) .upward
