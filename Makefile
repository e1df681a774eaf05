# Every target does the set-up it needs; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCKS := serving gateway local keras sklearn dev
UP_ARGS ?= --default_model tomato
TEST_ARGS ?=
BENCH_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install run test lint format bench models lock generate verify clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Trellis needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Set PYTHON=..."; exit 1; }
	@echo "creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)

# A stamp per lock file: an edited lock installs again, an unchanged one costs nothing.
$(VENV)/%.installed: requirements/%.lock pyproject.toml | $(BIN)/python
	@echo "installing requirements/$*.lock into $(VENV)"
	@$(PIP) install --require-hashes -r requirements/$*.lock
	@$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	@touch $@

# The test environment holds all that a run needs, in the same versions.
RUNTIME := $(if $(wildcard $(VENV)/dev.installed),$(VENV)/dev.installed,$(VENV)/local.installed)

install: $(RUNTIME) ## install what `make run` needs into .venv

run: install ## start Trellis on this machine: gateway, page and all models of manifests/base
	@$(BIN)/trellis up $(UP_ARGS)

test: $(VENV)/dev.installed ## run the tests
	@$(BIN)/python -m pytest $(TEST_ARGS)

lint: $(VENV)/dev.installed verify ## check style, types, layers and generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/dev.installed ## format the code
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

bench: $(VENV)/dev.installed ## measure against peers and limits, write docs/benchmarks.md
	@$(BIN)/python -m tests.bench $(BENCH_ARGS)

models: $(VENV)/dev.installed ## train all models and publish their versions
	@$(BIN)/python -m models $(MODELS_ARGS)

generate: $(VENV)/dev.installed ## write the schemas and the table of settings
	@$(BIN)/python -m scripts.generate

verify: $(VENV)/dev.installed ## fail where a generated file is not what its source says
	@$(BIN)/python -m scripts.generate --check

lock: | $(BIN)/python ## pin all requirements again
	@$(PIP) install uv
	@for name in dev $(filter-out dev,$(LOCKS)); do \
	  [ $$name = dev ] && with= || with="--constraint requirements/dev.lock"; \
	  echo "locking requirements/$$name.lock"; \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-emit-find-links --custom-compile-command "make lock" --extra $$name $$with \
	    pyproject.toml requirements/build.in --output-file requirements/$$name.lock; done

clean: ## remove what was installed and cached
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
