# `make demo` and `make test` do all their own set-up: a Python ≥ 3.11 and git are enough. `make help` lists the rest.

.DEFAULT_GOAL := help
.PHONY: help demo test soak soak-servers check bench format docs lock aws-package aws-lock cloudflare-package cloudflare-lock clean
.DELETE_ON_ERROR:

BIN := .venv/bin
READY := .venv/.ready
JAVASCRIPT := $(patsubst %/package.json,%/node_modules/.ready,$(wildcard tests/*/package.json tests/*/*/package.json infra/*/package.json))
WORKERS ?= auto
unexport PYTHONDONTWRITEBYTECODE  # the tests start many processes, which would compile the same modules each time

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' Makefile | sort | awk -F '\t' '{ printf "  make %-18s %s\n", $$1, $$2 }'

demo: $(READY)  ## see tickets become merged pull requests, on this machine alone
	@$(BIN)/factory demo

test: $(READY) $(JAVASCRIPT) tests/terraform/.venv/.ready browser wall proxies promtool faketime  ## everything; with CI=true a skip is a failure
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --durations=25

SEED := $(filter --seed=%,$(ARGS))
soak: soak-servers $(JAVASCRIPT) wall  ## for an hour or more: planted mistakes, killed servers, draws, simulated schedules; ARGS=--seed=N repeats one
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m soak
	$(BIN)/python -m pytest -n $(WORKERS) -m "pure and not soak" --hypothesis-profile=soak
	$(BIN)/factory simulate --hostile --schedules 3000 --save .soak $(SEED)
	$(BIN)/factory simulate --schedules 20000 --save .soak $(SEED)
	$(BIN)/python -m tests.hosts.flood 5000 60
	$(BIN)/python -m tests.fuzz --seconds 900 $(SEED)

soak-servers: $(READY)  ## its first part alone: ARGS='--minutes 5 --tickets 150 --seed=N'
	$(BIN)/python -m tests.scenarios.soak $(ARGS)

check: $(READY)  ## format, lint, types, import contracts, pure tests: under a minute
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n $(WORKERS) -m "pure and not soak"

bench: $(READY) .bench/.ready  ## this machine's floor, this project and its peers: medians of interleaved rounds
	@$(BIN)/python -m bench $(ARGS)

format: $(READY)  ## write the code as `make check` wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY)  ## write the generated parts of the documentation anew
	$(BIN)/python -m docs.generate

LOCK := $(BIN)/pip-compile --quiet --upgrade --strip-extras --allow-unsafe --generate-hashes --no-header \
	  --no-annotate --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options

lock: $(READY)  ## write requirements.lock anew from pyproject.toml
	$(LOCK) --extra aws --extra dev --output-file requirements.lock pyproject.toml

aws-lock: $(READY)  ## write infra/aws-requirements.lock anew, in the versions of requirements.lock
	$(LOCK) --constraint requirements.lock --output-file infra/aws-requirements.lock infra/aws-requirements.in

aws-package: $(READY) infra/lambda_python/node_modules/.ready  ## build what Lambda runs: dist/factory-aws-{arm64,x86_64}.zip
	@$(BIN)/python infra/aws_package.py

cloudflare-package: $(READY)  ## build what the Worker on Cloudflare runs: dist/cloudflare
	@$(BIN)/python infra/cloudflare_package.py

cloudflare-lock: $(READY)  ## write the locks of what the Workers runtime and Pyodide import anew
	@$(BIN)/python infra/cloudflare_package.py --lock

clean:  ## remove what the other targets made
	rm -rf .venv .bench .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info dist tests/terraform/.venv $(JAVASCRIPT:/.ready=)

# The virtual environment: the locked packages by their hashes, then the project itself.
$(READY): requirements.lock pyproject.toml
	@python=$$(sh .ci/find-python) && "$$python" -m venv .venv
	@echo "Installing the locked packages into .venv" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# What some tests want beyond Python. Where it cannot be had, they are skipped by name. `npm ci` refuses a lock that does not
# name other systems' binaries, as where the registry has only this one's: then `npm install` takes the same versions.
NPM := --ignore-scripts --no-audit --no-fund --loglevel=error
%/node_modules/.ready: %/package-lock.json
	@if command -v npm >/dev/null && (cd $* && { npm ci $(NPM) 2>/dev/null || npm install --no-save $(NPM); }); \
	 then touch $@; else echo "No npm packages for $*: the tests that need them will be skipped"; fi

tests/terraform/.venv/.ready: tests/terraform/requirements.lock $(READY)
	@echo "Installing the tests' tools for Terraform into tests/terraform/.venv" >&2
	@$(BIN)/python -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# The benchmark's peers, apart from everything of ours. What cannot be had is named as absent.
EXTRA := import sys, tomllib; print(*tomllib.load(sys.stdin.buffer)["project"]["optional-dependencies"]["bench"], sep="\n")
.bench/.ready: pyproject.toml bench/peers/package-lock.json
	@mkdir -p .bench && cp bench/peers/package.json bench/peers/package-lock.json .bench
	@echo "Installing the benchmark's peers into .bench" >&2
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

.PHONY: proxies
proxies:
	@{ command -v nginx && command -v caddy; } >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null \
	  || { apt-get update -qq && apt-get install -qq -y --no-install-recommends nginx caddy; } >/dev/null \
	  || echo "nginx and Caddy cannot be had: the tests behind them will be skipped"

.PHONY: faketime
faketime:
	@{ ls /usr/lib/*/faketime/libfaketimeMT.so.1; } >/dev/null 2>&1 || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null \
	  || { apt-get update -qq && apt-get install -qq -y --no-install-recommends libfaketime; } >/dev/null \
	  || echo "libfaketime cannot be had: the test of a server whose clock is wrong will be skipped"

.PHONY: wall
wall:
	@{ command -v bwrap && command -v socat; } >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null \
	  || { apt-get update -qq && apt-get install -qq -y --no-install-recommends bubblewrap socat; } >/dev/null \
	  || echo "bubblewrap and socat cannot be had: the tests of the wall around agents will be skipped"

.PHONY: promtool
promtool:
	@command -v promtool >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null \
	  || { apt-get update -qq && apt-get install -qq -y --no-install-recommends prometheus; } >/dev/null \
	  || echo "promtool cannot be had: the tests of the alerts will be skipped"
