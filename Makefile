# `make help` lists what can be made here.

PYTHON ?= python3
VENV := .venv/bin
INSTALL := $(VENV)/pip install --quiet --disable-pip-version-check
LOCK := .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	--no-config --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" setup.cfg
PARITY_DIR ?= tests/recordings tests/recordings/ui
ENGINE ?= embedded
RANDOM_SECONDS ?= 1800
# Most tests wait for servers most of the time. A CouchDB that is named has room for one process.
TEST_PROCESSES ?= $(if $(TEST_COUCHDB_URL),0,5)
# The tests start many interpreters, which need not all compile the same.
export PYTHONDONTWRITEBYTECODE :=

# What tells one Python from another.
PYTHON_ID := import sys; print(sys.version.split()[0], sys.base_prefix)

.PHONY: help setup run test test-quick test-long test-pythons parity bench hostile storm screenshots lint coverage \
	mutants licences deb release lock tools clean FORCE

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/.ready ## make .venv with what the service needs

run: .venv/.ready ## serve on the embedded store, with a demonstration account at the first start
	@$(VENV)/python -m app serve --demo

test: .venv/.ready-test tools lint ## run all tests
	$(VENV)/python -m pytest --numprocesses $(TEST_PROCESSES)

test-quick: .venv/.ready-test ## run the tests that take a moment each
	$(VENV)/python -m pytest --numprocesses auto -m "not slow" tests/unit tests/store

test-long: .venv/.ready-test tools ## repeat what `make test` does only a few times: writers, random requests, the fuzzer
	TEST_LONG=1 $(VENV)/python -m pytest --numprocesses $(TEST_PROCESSES) -m repeated

test-pythons: .venv/.ready-test ## run the quick unit tests with every other Python from 3.11 on that is here
	@sh tests/pythons.sh

parity: .venv/.ready-test ## replay the recordings of a real Kazoo (ENGINE=couchdb: on CouchDB)
	$(VENV)/python -m tests.recordings --engine $(ENGINE) $(PARITY_DIR)

bench: .venv/.ready-test ## measure, and print ratios (QUICK=1: in under two minutes)
	$(VENV)/python -m tests.load.bench $(if $(QUICK),--quick)

hostile: .venv/.ready-test ## attack a service of its own, and print how a normal client fares (HOSTILE_SECONDS=3 RANDOM_SECONDS=60: sooner)
	$(VENV)/python -m tests.load.hostile
	$(VENV)/python -m tests.load.hostile.random_requests --seconds $(RANDOM_SECONDS) --engine embedded
	$(VENV)/python -m tests.load.hostile.random_requests --seconds $(RANDOM_SECONDS) --engine couchdb

storm: .venv/.ready-test ## write to an empty CouchDB cluster of yours (COUCHDB_URLS=a,b,c) and look for what is lost
	$(VENV)/python -m tests.load.storm --urls "$(COUCHDB_URLS)" $(STORM)

screenshots: .venv/.ready-test tools ## take the pictures of the console in docs/console/
	$(VENV)/python -m tests.screenshots

lint: .venv/.ready-test ## check style and types of the code
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy

coverage: .venv/.ready-test tools ## run all tests, print how much of app/ they reach, branches included, and fail below 95%
	$(VENV)/coverage erase
	$(VENV)/coverage run -m pytest --numprocesses $(TEST_PROCESSES)
	$(VENV)/coverage combine --quiet
	$(VENV)/coverage report --show-missing

mutants: .venv/.ready-test ## change the heart of the code in thousands of places and tell which changes no test sees
	$(INSTALL) -e '.[mutants]'
	$(VENV)/mutmut run
	$(VENV)/mutmut results

licences: .venv/.ready ## print the licences of what this depends on, and fail if one is not known to be free
	@$(VENV)/python release/licences.py

deb: ## build a Debian package in dist/ (PYTHON: that of the Debian it is for)
	@PYTHON=$(PYTHON) sh release/deb.sh

release: .venv/.ready-test ## build wheel, source distribution, Debian package, bill of materials and checksums in dist/
	$(PYTHON) -m venv .venv-release
	.venv-release/bin/pip install --quiet --disable-pip-version-check 'cyclonedx-bom>=7'
	@PYTHON=$(PYTHON) sh release/build.sh

lock: ## write the lock files anew, with the newest versions that setup.cfg allows
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet --disable-pip-version-check uv
	$(LOCK) --extra build --output-file requirements.lock
	$(LOCK) --extra build --extra test --constraint requirements.lock --output-file requirements-test.lock

tools: .venv/.ready-test ## install the servers that the tests run against
	@sh tests/tools.sh

clean: ## remove what was made, but not data/
	rm -rf .venv .venv-lock .venv-release .tools build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage* mutants

# Made anew after a set-up that was interrupted or broken, and where PYTHON names another Python.
.venv/.python: FORCE
	@if [ -e .venv/.ready ] && $(VENV)/python -c 'import pip' 2>/dev/null && { [ "$(origin PYTHON)" = file ] || \
	  [ "$$($(VENV)/python -c '$(PYTHON_ID)')" = "$$($(PYTHON) -c '$(PYTHON_ID)' 2>/dev/null)" ]; }; then \
	  [ -e $@ ] || touch $@; exit 0; fi; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed, and $(PYTHON) is not: name one, as in make setup PYTHON=python3.12" >&2; \
	  exit 1; }; \
	rm -rf .venv && $(PYTHON) -m venv .venv && touch $@

.venv/.ready: .venv/.python requirements.lock setup.cfg pyproject.toml
	$(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

.venv/.ready-test: .venv/.ready requirements-test.lock
	$(INSTALL) --require-hashes -r requirements-test.lock
	@touch $@
