# `make repro` runs the pipeline, `make test` checks the code. Both first bring .venv to what
# requirements.lock says; they need Python >= 3.11 with venv and pip, and a package index to install from.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# PYTHON=/path/to/python chooses the interpreter; else the first of these that is new enough.
PYTHON ?=
CANDIDATES := python3.11 python3.12 python3.13 python3

# Commands see the environment's programs first, and none of them reports home. Some container images set
# PYTHONDONTWRITEBYTECODE: then each of a pipeline's many processes would compile all libraries again, which
# takes three times as long as loading them. A PYTHONPATH of the caller could name another checkout's code.
IN := unset PYTHONDONTWRITEBYTECODE PYTHONPATH; export PATH="$(CURDIR)/.venv/bin:$$PATH" VIRTUAL_ENV="$(CURDIR)/.venv" \
      PYTHONNOUSERSITE=1 DVC_NO_ANALYTICS=1 MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true HF_HUB_OFFLINE=1;

# Both lock files: for every platform, with hashes, without the index that packages came from.
UV := 0.13.9
COMPILE := --quiet --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links

# Tests that need more than Python (see markers in pyproject.toml), or ten seconds and more.
FAST := not (dvc or server or browser or cluster or torchrun or slow)
PYTEST := OMP_NUM_THREADS=1 python -m pytest -n 2 --dist loadgroup
COVERAGE ?=

.PHONY: help env repro test fast test-rest test-all format lint types lock audit clean

help:
	@echo 'make repro      run the whole pipeline (dvc repro); results: report/index.html, dvc metrics show'
	@echo 'make test       formatting, lint, types, all fast tests and one run of the whole pipeline: minutes'
	@echo 'make test-rest  all other tests: real DVC, browsers, servers, clusters, several processes, slow ones'
	@echo 'make test-all   both, with coverage'
	@echo 'make env        only create or update .venv'
	@echo 'make format     format the code (ruff)'
	@echo 'make lint       ruff;  make types: mypy;  make fast: the fast tests alone;  make lock: resolve requirements.lock again'
	@echo 'make audit      look up known vulnerabilities of every locked package (needs a network)'
	@echo 'make clean      remove what the pipeline and the tools made (the DVC cache and .venv stay)'

env:
	@for python in $(if $(PYTHON),"$(PYTHON)",$(CANDIDATES)); do \
	    if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        exec "$$python" tools/environment.py; \
	    fi; \
	done; \
	echo 'make: no Python >= 3.11 with venv and pip found; install one (Debian: apt install python3' \
	    'python3-venv) or name it: make PYTHON=/path/to/python' >&2; \
	exit 1

# Without git (an unpacked archive), DVC needs core.no_scm.
repro: env
	@$(IN) [ -e .git ] || dvc config --quiet --local core.no_scm true && python tools/repro.py

# Types are checked while the tests run.
test: lint
	@$(MAKE) --no-print-directory -j2 types fast

fast: env
	@$(IN) $(if $(COVERAGE),,HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-fast}) $(PYTEST) -m '$(FAST)' $(if $(COVERAGE),--cov --cov-report= --cov-fail-under=0)

test-rest: env
	@$(IN) $(PYTEST) -m 'not ($(FAST))' $(if $(COVERAGE),--cov --cov-append --cov-report=term:skip-covered)

test-all:
	@$(MAKE) --no-print-directory COVERAGE=on test
	@$(MAKE) --no-print-directory COVERAGE=on test-rest

format: env
	@$(IN) ruff format . && ruff check --fix .

lint: env
	@$(IN) ruff format --check . && ruff check .

types: env
	@$(IN) mypy

lock: env
	@$(IN) uv pip compile $(COMPILE) --python-version 3.11 --extra dev --extra ge2e \
	    --output-file requirements.lock pyproject.toml && \
	echo uv==$(UV) | uv pip compile $(COMPILE) --no-annotate --output-file requirements-bootstrap.txt -

# Outside .venv, since pip-audit has dependencies of its own; it looks up the lock's packages and installs
# none of them. --strict: a failed look-up is a failure. Without it, an audit that reached no service would
# pass.
audit: env
	@$(IN) uv tool run --from 'pip-audit>=2.10,<3' pip-audit --strict \
	    --requirement requirements.lock --no-deps --disable-pip

clean:
	rm -rf data models report metrics/plots .cache .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis \
	    src/*.egg-info
	find src stages tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
