# `make help` lists what can be made here.

PYTHON ?= python3
VENV := .venv/bin
PARITY_DIR ?= tests/recordings
ENGINE ?= embedded
POUCHDB := .tools/node_modules/.bin/pouchdb-server

.PHONY: help setup run test test-quick parity bench lint tools clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/.ready ## make .venv with what the service needs

run: .venv/.ready ## serve on the embedded store, with a demonstration account at the first start
	@$(VENV)/python -m app serve --demo

test: .venv/.ready-test tools lint ## run all tests
	$(VENV)/python -m pytest

test-quick: .venv/.ready-test ## run the tests that take a moment each
	$(VENV)/python -m pytest -m "not slow"

parity: .venv/.ready-test ## replay the recordings of a real Kazoo (ENGINE=couchdb: on CouchDB)
	$(VENV)/python -m tests.recordings --engine $(ENGINE) $(PARITY_DIR)

bench: .venv/.ready-test ## measure, and print ratios (QUICK=1: in under two minutes)
	$(VENV)/python -m benchmarks $(if $(QUICK),--quick)

lint: .venv/.ready-test ## check the style of the code
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy

tools: .venv/.ready-test ## install the servers that the tests run against
	@sh tests/tools.sh

clean: ## remove what was made, but not data/
	rm -rf .venv .tools build *.egg-info .pytest_cache .ruff_cache .hypothesis

.venv/.ready: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(VENV)/pip install --quiet --disable-pip-version-check -e .
	@touch $@

.venv/.ready-test: .venv/.ready
	$(VENV)/pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@
