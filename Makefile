# pgwarden: `make help` lists what there is. All of it needs Python 3.11+ with venv, and a package registry.

PYTHON ?=
VENV := .venv
RUN := $(VENV)/bin/python
EXTRAS := demo,test,drivers
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-drivers test-survival bench lint format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo: $(STAMP) ## a real PostgreSQL behind the gate, until Ctrl-C; ONCE=1 shows it and ends
	@exec $(RUN) -m proxy.app.demo $(if $(filter-out 0,$(ONCE)),--once)

test: $(STAMP) ## everything: tests against real servers, ruff, mypy, import contracts; ARGS go to pytest
	@exec $(RUN) -m pytest --require-real --numprocesses 2 $(ARGS)

# What cannot be fetched here is skipped, with the reason.
test-drivers: $(STAMP) ## every driver's day at work, those too that take long to fetch; ARGS go to pytest
	@exec $(RUN) -m pytest --heavy-drivers --numprocesses 2 tests/drivers $(ARGS)

test-survival: $(STAMP) ## what takes thousands of connections, with its figures; ARGS go to pytest
	@exec $(RUN) -m pytest --require-real -m survival -rA $(ARGS)

bench: $(STAMP) ## direct, PgBouncer and the gate, measured in one run; ARGS go to benchmarks
	@exec $(RUN) -m benchmarks $(ARGS)

lint: $(STAMP) ## ruff, mypy and the import contracts alone
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy --strict proxy tests benchmarks
	$(VENV)/bin/lint-imports

format: $(STAMP) ## let ruff put imports and layout right
	$(RUN) -m ruff check --fix --exit-zero .
	$(RUN) -m ruff format .

clean: ## remove all that make and the tests made
	rm -rf $(VENV) .cache build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find proxy tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN):
	@for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14); do \
	  if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "pgwarden: making $(VENV) with $$("$$python" --version)"; \
	    exec "$$python" -m venv $(VENV); \
	  fi; \
	done; \
	echo "pgwarden needs Python 3.11 or newer with its venv module, and found none on PATH." >&2; \
	echo "Install one (Debian: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python3.12" >&2; \
	exit 1

# Installed anew only when pyproject.toml changes: the package itself is editable.
$(STAMP): $(RUN) pyproject.toml
	@echo "pgwarden: installing what it needs into $(VENV)"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $@
