PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# There are more workers than cores, because tests wait more than they compute. `tests/conftest.py` says which worker runs
# what, and in what order.
SIDE_BY_SIDE := -n 4 --no-loadscope-reorder

# Python keeps its compiled modules, whatever the environment says, because the tests start it a hundred times.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo up test long lint fix bench pictures release clean

demo: $(VENV)/.embedded  ## one whole cycle on the embedded stack
	$(BIN)/python -m upward demo

up: $(VENV)/.embedded  ## the embedded stack until Ctrl-C
	$(BIN)/python -m upward up

# mypy runs beside the tests, which wait more than they compute. What it says is printed at the end.
test: $(VENV)/.test  ## everything but the long tests: lint, then types and tests side by side
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python tests/browser.py
	@said=$$(mktemp); $(BIN)/mypy >"$$said" 2>&1 & types=$$!; failed=0; \
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) --durations 15 || failed=1; \
	wait $$types || failed=1; cat "$$said"; rm "$$said"; exit $$failed

long: $(VENV)/.test  ## whole installations, many kills, many examples and large references
	UPWARD_TESTS_EXAMPLES=20 $(BIN)/python -m pytest -m "long or property" $(SIDE_BY_SIDE) --durations 15

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
	$(BIN)/python bench/abuse.py --json
	$(BIN)/python bench/console.py --json
	$(BIN)/python bench/pages.py --json
	$(BIN)/python bench/mail.py --json
	$(BIN)/python bench/rounds.py --json
	$(BIN)/python bench/tenants.py --json
	$(BIN)/python bench/processes.py --json

pictures: $(VENV)/.test  ## the pictures in docs/pictures, taken of the sample company
	$(BIN)/python tests/browser.py
	$(BIN)/python -m tests.pictures

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.embedded: requirements/embedded.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/embedded.txt
	@touch $@

$(VENV)/.test: requirements/test.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/test.txt
	@touch $@

release: $(VENV)/.test  ## VERSION=0.2.0: the version, the changelog and the wheel in dist/; nothing is fetched or published
	$(BIN)/python -m upward.release.making $(VERSION)

clean:  ## remove the virtual environment and the embedded stack's data
	rm -rf $(VENV) .upward
