# `make run` sets everything up and runs the study; `make test` sets everything up and runs the tests.
# Options: PYTHON=python3.12   VENV=DIR   TORCH_INDEX=URL (a package index with PyTorch wheels)   ARGS="..."

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
# PyTorch's CPU index where it answers within two seconds, asked once when it is first needed; otherwise pip's own.
ifeq ($(origin TORCH_INDEX),undefined)
TORCH_INDEX = $(eval TORCH_INDEX := $(shell $(PYTHON) tools/torch_index.py))$(TORCH_INDEX)
endif

BIN := $(VENV)/bin
TOOLS := $(VENV)/tools/bin
PIP = -m pip install -qq --disable-pip-version-check --constraint constraints.txt \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.DEFAULT_GOAL := help
.PHONY: help run test test-slow soak check figures tables docs cli-docs examples screenshots notebook audit constraints clean system-parts

help: ## this list
	@sed -n 's/^\([a-z -]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

run: $(VENV)/.train ## set up and run the whole study: runs/study-fast/report.html
	$(BIN)/clothier study --preset fast

test: $(VENV)/.all system-parts ## set up and run the tests, the study on real data included: 5 to 8 minutes (ARGS="-k name")
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow" $(ARGS)

test-slow: $(VENV)/.all system-parts ## the tests that take minutes: whole trainings, the browser, kill and resume
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m slow $(ARGS)

soak: $(VENV)/.all system-parts ## by hand, 50 minutes: mutated photos, damaged bundles, data, maps, searches and stores, kills of trainings, searches, studies, `clothier tag` and `clothier review`, an overloaded server
	$(BIN)/python -m tests.soak.photos
	$(BIN)/python -m tests.soak.bundles
	$(BIN)/python -m tests.soak.idx
	$(BIN)/python -m tests.soak.maps
	$(BIN)/python -m tests.soak.searches
	$(BIN)/python -m tests.soak.stores
	$(BIN)/python -m tests.soak.kills
	$(BIN)/python -m tests.soak.overload
	CLOTHIER_SOAK_KILLS=50 $(BIN)/python -m pytest --timeout 7200 tests/e2e/test_tag.py tests/e2e/test_review.py -k killed $(ARGS)

check: $(VENV)/.all ## ruff, mypy --strict, import-linter, codespell
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	git ls-files -z | xargs -0 $(BIN)/codespell

.PHONY: benchmark-training benchmark-map benchmark-inference benchmark-tagging benchmark-serving benchmark-scale benchmark-store benchmark-pages
benchmark-training benchmark-map benchmark-inference benchmark-tagging benchmark-serving benchmark-scale benchmark-store benchmark-pages: benchmark-%: $(VENV)/.all ## measure against the baselines, interleaved (ARGS="--rounds 1")
	$(BIN)/python -m benchmarks.$* $(ARGS)

figures: $(VENV)/.all ## measure again what takes minutes, then update the tables: an hour, on an idle machine
	$(BIN)/python -m benchmarks.inference  # 2 minutes
	$(BIN)/python -m benchmarks.explore    # 2 minutes
	$(BIN)/python -m benchmarks.tagging    # 3 minutes
	$(BIN)/python -m benchmarks.serving    # 4 minutes
	$(BIN)/python -m benchmarks.presets    # 10 minutes
	$(BIN)/python -m benchmarks.study      # 7 minutes
	$(BIN)/python -m benchmarks.map        # 10 minutes
	$(BIN)/python -m benchmarks.training   # 35 minutes
	$(BIN)/python -m benchmarks.tables
	@echo "Not measured, because they take hours or need something else; run them one by one:"
	@echo "  make benchmark-scale                                      20 minutes and 3 GB of disk"
	@echo "  make benchmark-store                                      30 minutes and 15 GB of disk"
	@echo "  make benchmark-pages                                      needs Chromium"
	@echo "  python -m benchmarks.ablation                             1 hour"
	@echo "  python -m benchmarks.leaderboard RUN ...                  up to 3 hours of training per run"
	@echo "  python -m benchmarks.colors PHOTOS                        needs the photos of clothing-dataset"
	@echo "  python -m benchmarks.selective_prediction RUN OOD_IMAGES  needs a photo run"
	@echo "  python -m benchmarks.simulated_shops PHOTOS CHECKPOINT    needs photos and a photo run's checkpoint"
	@echo "  python -m benchmarks.shift FOLDER...                      needs catalogues of other photos"
	@echo "  python -m benchmarks.similar SHOPS                        needs a table of photos"
	@echo "  python -m benchmarks.similar_speed PHOTOS                 needs a table of photos"

tables: $(VENV)/.all ## update the tables in docs/ from benchmarks/results
	$(BIN)/python -m benchmarks.tables

docs: $(VENV)/.docs ## build the documentation pages: build/docs/index.html
	NO_MKDOCS_2_WARNING=1 PATH="$(BIN):$$PATH" $(BIN)/mkdocs build --strict --quiet

cli-docs: $(VENV)/.all ## update docs/cli.md from --help and docs/recipes.md from the recipes
	$(BIN)/python -m tools.generate_cli_docs
	$(BIN)/python -m tools.generate_recipe_docs

examples: $(VENV)/.all ## run the examples of README.md and docs/, update their output
	$(BIN)/python -m tools.doc_examples

screenshots: $(VENV)/.all system-parts ## update docs/images: the study in runs/study-fast, and the page
	$(BIN)/python -m tools.make_screenshots $(ARGS)
	$(BIN)/python -m tools.make_page_screenshots

notebook: $(VENV)/.all ## run notebooks/fashion_mnist.py and keep what it shows as .ipynb
	$(BIN)/python -m tools.make_notebook

audit: $(VENV)/.tools ## look for known holes in the pinned packages
	$(TOOLS)/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict

constraints: $(VENV)/.tools ## pin the newest versions that fit, in constraints.txt
	$(TOOLS)/python -m tools.compile_constraints

clean: ## remove the virtual environment and what tools left; runs/ stays
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find src tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: each is touched when its step has succeeded, so that nothing is installed twice.

$(VENV)/.made:
	@$(PYTHON) tools/check_python.py
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.train: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing into $(VENV): some minutes"
	$(BIN)/python $(PIP) --editable '.[train,catalogue]'
	@touch $@

$(VENV)/.all: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing into $(VENV): some minutes"
	$(BIN)/python $(PIP) --editable '.[all,test,check]'
	@touch $@ $(VENV)/.train

$(VENV)/.docs: $(VENV)/.made pyproject.toml constraints.txt
	$(BIN)/python $(PIP) --editable '.[docs]'
	@touch $@

$(VENV)/.tools: $(VENV)/.made
	$(PYTHON) -m venv $(VENV)/tools
	$(TOOLS)/python $(PIP) pip-audit pip-tools
	@touch $@

system-parts:
	@sh tools/install_system_parts.sh
