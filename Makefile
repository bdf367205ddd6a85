# pgwarden: `make help` lists what there is. All of it needs Python 3.11+ with venv, and a package registry.

PYTHON ?=
VENV := .venv
RUN := $(VENV)/bin/python
EXTRAS := demo,test,drivers
STAMP := $(VENV)/.installed
COMPILED := build/compiled
# Tests wait for servers more than they compute, so there are more processes than processors.
PROCESSES := 4

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-drivers test-survival compiled test-compiled fuzz bench lint format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo: $(STAMP) ## a real PostgreSQL behind the gate, until Ctrl-C; ONCE=1 shows it and ends
	@exec $(RUN) -m proxy.app.demo $(if $(filter-out 0,$(ONCE)),--once)

# Each process takes one stretch of the suite, so that a room's servers and gates are started once.
test: $(STAMP) ## everything: tests against real servers, ruff, mypy, import contracts; ARGS go to pytest
	@exec $(RUN) -m pytest --require-real --numprocesses $(PROCESSES) --dist worksteal $(ARGS)

# What cannot be fetched here is skipped, with the reason.
test-drivers: $(STAMP) ## every driver's day at work, and stores, those too that take long to fetch; ARGS go to pytest
	@exec $(RUN) -m pytest --heavy-drivers --numprocesses $(PROCESSES) tests/drivers \
		tests/backup/test_make.py::test_a_store_of_each_kind $(ARGS)

test-survival: $(STAMP) ## what takes thousands of connections, with its figures; ARGS go to pytest
	@exec $(RUN) -m pytest --require-real -m survival -rA $(ARGS)

# A copy, so that the checkout stays the one that is edited. Without PGWARDEN_PURE=0 it could come out uncompiled.
compiled: $(STAMP) ## a copy of the checkout in build/compiled, its hot modules compiled by mypyc
	@mkdir -p $(COMPILED) .cache
	@rm -rf $(COMPILED)/proxy $(COMPILED)/tests
	@tar --create --exclude=__pycache__ proxy tests benchmarks policies deploy pyproject.toml setup.py \
	  Makefile Dockerfile LICENSE *.md | tar --extract --directory $(COMPILED)
	@ln -sfn ../../.cache $(COMPILED)/.cache
	@rm -rf $(COMPILED)/benchmarks/results
	@ln -s ../../../benchmarks/results $(COMPILED)/benchmarks/results
	@cd $(COMPILED) && PGWARDEN_PURE=0 ../../$(RUN) setup.py --quiet build_ext --inplace

test-compiled: compiled ## the tests of what is compiled, against build/compiled; ARGS go to pytest
	@cd $(COMPILED) && exec ../../$(RUN) -m pytest --compiled --require-real --numprocesses $(PROCESSES) \
	  $(or $(ARGS),-k 'not pg15 and not pg16 and not pg18' tests/wire tests/session $(addprefix tests/relay/,test_link.py test_postgres.py) \
	  $(addprefix tests/sql/,test_alike.py test_analyse.py test_scope.py test_totality.py test_wrapping.py) \
	  tests/benchmarks/test_unjudged.py)

fuzz: $(VENV)/.fuzz ## every fuzz target with RUNS inputs each, a million by default; ARGS may name some
	@exec $(RUN) -m tests.fuzz $(if $(RUNS),--runs $(RUNS)) $(ARGS)

bench: compiled ## direct, PgBouncer and the compiled gate, measured in one run; ARGS go to benchmarks
	@cd $(COMPILED) && exec ../../$(RUN) -m benchmarks $(ARGS)

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

# atheris has wheels for few platforms, so nothing else asks for it.
$(VENV)/.fuzz: $(STAMP)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	@touch $@
