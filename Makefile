# `make run` sets everything up and does the main job; `make test` sets everything up and proves it.
# What can be given: PYTHON=python3.12   VENV=elsewhere   TORCH_INDEX=(a package index with PyTorch's CPU wheels)

PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=
ARGS ?=

BIN := $(VENV)/bin
TOOLS := $(VENV)/tools/bin
PIP := -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.DEFAULT_GOAL := help
.PHONY: help run test quick check docs notebook audit constraints clean system-parts

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

run: $(VENV)/.train ## set up and run the whole study: runs/study-fast/report.html
	$(BIN)/clothier study --preset fast

test: $(VENV)/.all system-parts ## set up and run every test, with real data and a real browser (ARGS="-k name")
	$(BIN)/python -m pytest $(ARGS)

quick: $(VENV)/.all ## the quick tests only
	$(BIN)/python -m pytest -m "not journey" $(ARGS)

check: $(VENV)/.all ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

BENCHMARKS := benchmark-training benchmark-map benchmark-inference
.PHONY: $(BENCHMARKS)
$(BENCHMARKS): benchmark-%: $(VENV)/.all ## measure against the baselines, interleaved (ARGS="--rounds 1")
	$(BIN)/python -m benchmarks.$* $(ARGS)

docs: $(VENV)/.all ## write docs/cli.md anew from --help
	$(BIN)/python -m tools.generate_cli_docs

notebook: $(VENV)/.all ## run notebooks/fashion_mnist.py and keep what it shows as .ipynb
	$(BIN)/python -m tools.make_notebook

audit: $(VENV)/.tools ## look for known holes in the pinned packages
	$(TOOLS)/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict

constraints: $(VENV)/.tools ## pin the newest versions that fit, in constraints.txt
	$(TOOLS)/python -m tools.compile_constraints

clean: ## remove the virtual environment and what tools left; runs/ stays
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: each is touched when its step has succeeded, so that nothing is installed twice.

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(None if sys.version_info >= (3, 11) else \
		f"Clothier needs Python 3.11 or newer; $(PYTHON) is {v}. Give another: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.train: $(VENV)/.made pyproject.toml constraints.txt
	$(BIN)/python $(PIP) --editable '.[train]'
	@touch $@

$(VENV)/.all: $(VENV)/.made pyproject.toml constraints.txt
	$(BIN)/python $(PIP) --editable '.[all,test,check]'
	@touch $@ $(VENV)/.train

$(VENV)/.tools: $(VENV)/.made
	$(PYTHON) -m venv $(VENV)/tools
	$(TOOLS)/python $(PIP) pip-audit pip-tools
	@touch $@

system-parts:
	@sh tools/install_system_parts.sh
