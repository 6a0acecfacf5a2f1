# `make demo` and `make test` do all their own set-up: a Python ≥ 3.11 and git are enough. `make help` lists the rest.

.DEFAULT_GOAL := help
.PHONY: help demo test check bench format docs lock clean
.DELETE_ON_ERROR:

BIN := .venv/bin
READY := .venv/.ready
JAVASCRIPT := $(patsubst %/package.json,%/node_modules/.ready,$(wildcard tests/*/package.json tests/*/*/package.json))
WORKERS ?= auto

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*  ## /\1\t/p' Makefile | sort | awk -F '\t' '{ printf "  make %-8s %s\n", $$1, $$2 }'

demo: $(READY)  ## see tickets become merged pull requests, on this machine alone
	@$(BIN)/factory demo

test: $(READY) $(JAVASCRIPT) browser  ## everything; with CI=true a skip is a failure
	$(BIN)/python -m pytest -n $(WORKERS)

check: $(READY)  ## format, lint, types, import contracts, pure tests: under a minute
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n $(WORKERS) -m pure

bench: $(READY) .bench/.ready  ## this machine's floor, this project and its peers: medians of interleaved rounds
	@$(BIN)/python -m bench $(ARGS)

format: $(READY)  ## write the code as `make check` wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY)  ## write the generated parts of the documentation anew
	$(BIN)/python docs/generate.py

lock: $(READY)  ## write requirements.lock anew from pyproject.toml
	$(BIN)/pip-compile --quiet --upgrade --strip-extras --allow-unsafe --extra dev --generate-hashes --no-header \
	  --no-annotate --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
	  --output-file requirements.lock pyproject.toml

clean:  ## remove what the other targets made
	rm -rf .venv .bench .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info $(JAVASCRIPT:/.ready=)

# The virtual environment: the locked packages by their hashes, then the project itself.
$(READY): requirements.lock pyproject.toml
	@python=$$(sh .ci/find-python) && "$$python" -m venv .venv
	@echo "Installing the locked packages into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# What some tests want beyond Python. Where it cannot be had, they are skipped by name.
tests/%/node_modules/.ready: tests/%/package-lock.json
	@if command -v npm >/dev/null && (cd tests/$* && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error); \
	 then touch $@; else echo "No npm packages for tests/$*: the tests that need them will be skipped"; fi

# The benchmark's peers, apart from everything of ours. What cannot be had is named as absent.
EXTRA := import sys, tomllib; print(*tomllib.load(sys.stdin.buffer)["project"]["optional-dependencies"]["bench"], sep="\n")
.bench/.ready: pyproject.toml bench/peers/package-lock.json
	@mkdir -p .bench && cp bench/peers/package.json bench/peers/package-lock.json .bench
	@echo "Installing the benchmark's peers into .bench"
	@$(BIN)/python -m venv .bench/venv && $(BIN)/python -c '$(EXTRA)' < pyproject.toml > .bench/peers.txt
	@.bench/venv/bin/python -m pip install --quiet --disable-pip-version-check -r .bench/peers.txt \
	  || echo "The peers' packages cannot be had: the benchmark names them as absent"
	@cd .bench && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null \
	  || echo "Restate's server cannot be had: the benchmark names it as absent"
	@touch $@

.PHONY: browser
browser:
	@command -v chromium >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null \
	  || { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium; } >/dev/null \
	  || echo "chromium cannot be had: the tests in a browser will be skipped"
