# Sojourn. `make` alone lists the commands.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_READY := $(VENV)/.run-ready
DEV_READY := $(VENV)/.dev-ready
# A provider for tests of logins, where npm is; without it these are skipped.
PROVIDER := tests/servers/oidc_provider
PROVIDER_READY := $(PROVIDER)/node_modules/.package-lock.json
# The user's pip configuration is not used: the lock says everything.
PIP := $(BIN)/python -m pip --disable-pip-version-check

# What pytest says when nothing was chosen.
NO_TESTS := 5

.DEFAULT_GOAL := help
.PHONY: help install run test check format bench soak figures docs lock clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Sojourn needs Python 3.11 or newer as $(PYTHON); name another one with: make run PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "$(PYTHON) cannot make an environment; install its venv package (Debian: apt install python3-venv)"; exit 1; }

$(RUN_READY): requirements/run.txt pyproject.toml | $(VENV)/pyvenv.cfg
	@echo "installing Sojourn into $(VENV) …"
	@$(PIP) install --quiet --require-hashes -r requirements/run.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(DEV_READY): requirements/dev.txt $(RUN_READY)
	@echo "installing what tests need …"
	@$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

$(PROVIDER_READY): $(PROVIDER)/package-lock.json
	@if command -v npm >/dev/null && command -v node >/dev/null; then \
		echo "installing the identity provider of the tests …"; \
		npm ci --prefix $(PROVIDER) --ignore-scripts --no-audit --no-fund --silent \
			|| echo "npm cannot install it; the tests that need it are skipped"; \
	fi

install: $(RUN_READY) ## Make the environment and install Sojourn into it

run: $(RUN_READY) ## Start the engine with the example project on 127.0.0.1:8420
	@$(BIN)/sojourn demo

test: $(DEV_READY) $(PROVIDER_READY) ## Run all tests, in two processes more than cores; ARGS=tests/stores for some of them
	@$(BIN)/python -m pytest -q -m "not soak and not alone" -n auto --dist worksteal $(ARGS) || [ $$? -eq $(NO_TESTS) ]
	@$(BIN)/python -m pytest -q -m "alone and not soak" $(ARGS) || [ $$? -eq $(NO_TESTS) ]

soak: $(DEV_READY) ## Run the long fault and race tests
	@$(BIN)/python -m pytest -q -m soak $(ARGS)

check: $(DEV_READY) ## Format, lint, types, import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(DEV_READY) ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(DEV_READY) ## Run all benchmarks (needs Node 20 or newer)
	@$(BIN)/python -m bench

bench-%: $(DEV_READY)
	@$(BIN)/python -m bench $*

figures: $(DEV_READY) ## Print the size and typing figures of the code
	@$(BIN)/python -m bench.figures

docs: $(DEV_READY) ## Write the generated reference pages
	@$(BIN)/python -m docs.generate

lock: $(DEV_READY) ## Renew the locked requirements
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		pyproject.toml --group build -o requirements/run.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		pyproject.toml --group dev -c requirements/run.txt -o requirements/dev.txt

clean: ## Remove the environment and all caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis dist
