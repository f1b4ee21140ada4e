# All that this file installs and caches stays inside the checkout: .venv, node_modules, .cache.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

# A path, a command or a version such as 3.13; empty: .venv as it is, or the newest suitable one on PATH.
PYTHON ?=

VENV := $(CURDIR)/.venv
NPM := $(VENV)/bin/node --use-system-ca $(VENV)/bin/npm
CACHE := $(CURDIR)/.cache

# Two workers on whole test modules, or what the machine has: make test WORKERS=4
WORKERS ?= 2
# Rewritten tests and compiled modules are kept, also if the caller's environment turns that off: it is half of a short run.
PYTEST := PYTHONDONTWRITEBYTECODE= pytest -n $(WORKERS) --dist loadscope

export PATH := $(VENV)/bin:$(PATH)
export CDK_DISABLE_CLI_TELEMETRY := true
export CDK_HOME := $(CACHE)/cdk
export JSII_NODE := $(CURDIR)/tools/jsii-node
export JSII_RUNTIME_PACKAGE_CACHE_ROOT := $(CACHE)/jsii
export HYPOTHESIS_STORAGE_DIRECTORY := $(CACHE)/hypothesis
export NODE_COMPILE_CACHE := $(CACHE)/node
export UV_CACHE_DIR := $(CACHE)/uv
export XDG_CACHE_HOME := $(CACHE)/xdg
export npm_config_cache := $(CACHE)/npm

.PHONY: help setup demo check test test-interpreters environments docs lint unit format build-assembly bench lock clean pull-request-check pull-request-review smoke-run

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(VENV)/.project node_modules/.installed ## install everything into the checkout (the others do it by themselves)

demo: setup ## compile and synthesize the bundled examples; needs no AWS account
	@python -m tools.demo

check: lint unit ## format, lint, types, imports, fast tests

test: lint environments ## everything that CI runs
	@echo "==> tests"
	@$(PYTEST)
	@python -m tools.interpreter_tests --ends --workers $(WORKERS)

test-interpreters: setup ## fast tests, a synth and a run under each Python of this machine that will do
	@python -m tools.interpreter_tests --workers $(WORKERS)

environments: setup ## install what only tests and the site need, Airflow among it (make test does it)
	@python -m tools.environments

docs: setup ## build the documentation site: build/site/index.html
	@python -m tools.docs_site

lint: setup
	@echo "==> format, lint"
	@ruff format --check .
	@ruff check .
	@echo "==> nothing newer than Python 3.11"
	@vermin --quiet --no-tips --no-parse-comments --ignore --target=3.11- --violations --eval-annotations \
		--exclude str.decode app.py smp constructs_lib stacks model_configs tests tools
	@echo "==> types"
	@mypy --num-workers $(WORKERS)
	@echo "==> imports"
	@lint-imports --cache-dir $(CACHE)/import-linter

unit: setup
	@echo "==> tests, the fast ones"
	@$(PYTEST) -m "not emulator and not slow"

format: setup ## rewrite the sources in the house format
	@ruff check --fix-only --quiet .
	@ruff format .

build-assembly: setup ## what a delivery builds: every config checked and tested, the delivery synthesized
	@echo "==> smp validate"
	@smp validate
	@echo "==> tests of every config"
	@pytest -q tests/model_configs/test_every_config.py
	@echo "==> cdk synth"
	@SMP_SYNTH_ALWAYS=1 tools/cdk synth --quiet --no-notices -c delivery=true

# Parts: edit-loop, growth, local-run; all without BENCH. make bench BENCH=edit-loop
BENCH ?=

bench: setup ## measure, and write docs/benchmarks.md
	@python -m tools.bench $(BENCH)

# MODEL is a directory of model_configs (empty: all), BASE what `smp diff` compares with, AWS_OPTIONS how it gets there.
MODEL ?=
BASE ?= HEAD
AWS_OPTIONS ?=

pull-request-check: pull-request-review smoke-run ## what a pull request is checked with; MODEL=directory for one

pull-request-review: setup ## check and test every config, and write what a change does: build/review.md
	@echo "==> smp validate"
	@smp validate
	@echo "==> tests of every config"
	@pytest -q tests/model_configs/test_every_config.py
	@echo "==> smp diff"
	@python -m tools.pull_request review --model "$(MODEL)" --base "$(BASE)" $(AWS_OPTIONS)

smoke-run: setup ## run the pipelines on this machine, as far as their models bring data
	@python -m tools.pull_request smoke-run --model "$(MODEL)"

UV_COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock" $(LOCK_FLAGS)

# Versions stay as locked unless a requirement changed; LOCK_FLAGS=--upgrade moves them.
lock: setup ## write the lock files anew from requirements/*.in and package.json (uses the locked uv)
	$(UV_COMPILE) requirements/dev.in --output-file requirements.lock
	for name in airflow-2 airflow-3 airflow-mwaa docs; do \
		$(UV_COMPILE) requirements/$$name.in --output-file requirements/$$name.lock || exit 1; done
	$(NPM) install --package-lock-only --no-progress
	@$(MAKE) setup
	python -m tools.licences

clean: ## remove all that was installed, cached and generated
	rm -rf .venv node_modules .cache .smp cdk.out build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Made again, and so newer than all that depends on it, where its Python is gone or another one is asked for.
$(VENV)/pyvenv.cfg: FORCE
	@tools/interpreter venv $(VENV) "$(PYTHON)"

FORCE:

$(VENV)/.packages: requirements.lock tools/install_packages.py $(VENV)/pyvenv.cfg
	@$(VENV)/bin/python -m tools.install_packages
	@touch $@

$(VENV)/.project: $(VENV)/.packages pyproject.toml
	@uv pip install --quiet --no-config --python $(VENV)/bin/python --no-deps --no-build-isolation --no-index --editable .
	@touch $@

node_modules/.installed: package-lock.json package.json $(VENV)/.packages
	@echo "==> installing the CDK command line interface into node_modules"
	@$(NPM) ci --no-progress --loglevel=error
	@touch $@
