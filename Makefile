# Every target does the set-up it needs; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# dev is solved first and holds the others to its versions; all but it, local and cluster are for images.
LOCKS := dev local cluster serving serving-gpu keras sklearn gateway controller
UP_ARGS ?= --default_model tomato
TEST_ARGS ?=
# Half of their time is that of the few that are marked, for test-long: see tests/conftest.py.
TEST_MARK := not long
# Most tests wait for processes that they started: more at once than there are cores, a file or several to
# each (tests/conftest.py), and those that take long first, which are not those with the most tests.
# Without bytecode each of them would compile all tests anew, and each process that they start all of Trellis.
TEST_PROCESSES ?= 4
BENCH_ARGS ?=
CLUSTER_ARGS ?=
CLUSTER_DOWN_ARGS ?=
IMAGES_ARGS ?=
E2E_ARGS ?=
E2E_TESTS ?= tests/e2e
E2E_CLUSTER ?= --with metrics-server,keda,prometheus,tls --images predictor,predictor-keras,predictor-sklearn,gateway,controller

.DEFAULT_GOAL := help
.PHONY: help install run test test-long lint format bench models cluster cluster-down images e2e e2e-flux lock generate verify clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  \1\t\2/' | expand -t 16

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

# Likewise for the scripts of the cluster and of the images.
CLUSTER := $(if $(wildcard $(VENV)/dev.installed),$(VENV)/dev.installed,$(VENV)/cluster.installed)

install: $(RUNTIME) ## install what `make run` needs into .venv

run: install ## start Trellis on this machine: gateway, page and all models of manifests/base
	@$(BIN)/trellis up $(UP_ARGS)

test: $(VENV)/dev.installed ## run the tests, but for the long ones
	@env -u PYTHONDONTWRITEBYTECODE \
	  $(BIN)/python -m pytest -m "$(TEST_MARK)" --numprocesses=$(TEST_PROCESSES) --dist=loadscope --no-loadscope-reorder $(TEST_ARGS)

test-long: TEST_MARK := long
test-long: test ## run the long tests: processes that are killed, and all that needs a Kubernetes API

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

cluster: $(CLUSTER) ## make a kind cluster with KServe and Trellis, or repair it
	@$(BIN)/python -m scripts.cluster up $(CLUSTER_ARGS)

cluster-down: $(CLUSTER) ## remove the kind cluster
	@$(BIN)/python -m scripts.cluster down $(CLUSTER_DOWN_ARGS)

images: $(CLUSTER) ## build the container images and check them; GPU=1 for the one with CUDA
	@$(BIN)/python -m scripts.images $(if $(GPU),predictor-gpu) $(IMAGES_ARGS)

# A cluster of its own, whatever else is there. Bringing it up may be tried twice, a test never.
# It goes in the end, however that comes; E2E_KEEP=1 keeps it.
e2e: export TRELLIS_CLUSTER := $(or $(TRELLIS_CLUSTER),e2e)
e2e: export TRELLIS_CLUSTER_HTTP_PORT := $(or $(TRELLIS_CLUSTER_HTTP_PORT),18180)
e2e: export TRELLIS_CLUSTER_HTTPS_PORT := $(or $(TRELLIS_CLUSTER_HTTPS_PORT),18543)
e2e: $(VENV)/dev.installed ## run the tests on a kind cluster, from nothing and back to nothing
	@up="$(BIN)/python -m scripts.cluster up $(E2E_CLUSTER)"; \
	$$up || { echo "trying once more"; $$up; } || \
	  { $(BIN)/python -m tests.e2e.support.set_up artifacts/e2e/set-up; false; } && \
	$(BIN)/python -m pytest $(E2E_TESTS) $(E2E_ARGS); code=$$?; \
	[ -n "$(E2E_KEEP)" ] || $(BIN)/python -m scripts.cluster down || code=1; \
	exit $$code

e2e-flux: E2E_CLUSTER := --with flux --images predictor,controller
e2e-flux: E2E_TESTS := tests/e2e_flux
e2e-flux: e2e ## run the tests of a canary by commits alone, with a real Flux

lock: | $(BIN)/python ## pin all requirements again
	@$(PIP) install uv
	@for name in $(LOCKS); do \
	  [ $$name = dev ] && with= || with="--constraint requirements/dev.lock"; \
	  case $$name in dev|local|cluster) with="$$with requirements/build.in";; esac; \
	  echo "locking requirements/$$name.lock"; \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-emit-find-links --custom-compile-command "make lock" --extra $$name $$with \
	    pyproject.toml --output-file requirements/$$name.lock; done

clean: ## remove what was installed and cached
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
