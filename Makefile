# Every target makes its own virtual environment when it is missing. Needs Python 3.11+, make and git.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: help demo test test-all proof proof-quick check lint bench docs container-test clean mutants

help: ## show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; set PYTHON=")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(STAMP) ## the whole tour on this machine: plan, apply, conflict, lost answer, idle run
	@$(BIN)/syncd demo

test: $(STAMP) ## everything a fresh machine can run
	$(BIN)/python -m pytest -n 2 --dist loadfile
	$(BIN)/python -m tests.proof --quick

test-all: export SYNCD_TEST_EVERYTHING = 1
test-all: test ## the same, and every moment of the tests that take a sample of many

proof: $(STAMP) ## prove every law, and write docs/proof.md (up to half an hour)
	$(BIN)/python -m tests.proof

proof-quick: $(STAMP) ## a sample of every section of the proof
	$(BIN)/python -m tests.proof --quick

check: lint ## lint, types, layers and the fast tests
	$(BIN)/python -m pytest -q tests/unit tests/wire -m "not slow"

lint: $(STAMP) ## format, style, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP) ## measure, and write docs/performance.md and docs/budgets-measured.md
	$(BIN)/python -m tests.bench

bench-dedupe: $(STAMP) ## measure the search for duplicates, and write docs/dedupe-measured.md
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,bench]'
	$(BIN)/python -m tests.bench.dedupe

mutants: $(STAMP) ## plant bugs one at a time, and see that the tests notice
	$(BIN)/python -m tests.mutants

docs: $(STAMP) ## write the generated pages
	$(BIN)/python -m syncd.mapping.reference > docs/mapping-reference.md
	$(BIN)/python -m tests.connectors.endpoints_page > docs/flowtly-endpoints.md

container-test: $(STAMP) ## build the image, start compose, make a change, kill things; needs a Docker engine
	$(BIN)/python -m tests.container

clean: ## remove what was made here
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
