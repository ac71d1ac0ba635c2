# What one types. Needs python3 (3.11 or newer, with venv) and make; everything else goes into .venv.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip -qq --disable-pip-version-check --no-input
ARGS ?=
# Tests mostly wait for sockets, so files run side by side.
WORKERS ?= 2
SIDE_BY_SIDE = $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help demo up web test check fmt foreign screenshots clean
WEB := src/crosstape/_web/index.html
WEB_FILES := hatch_build.py $(wildcard web/*.json web/*.js web/*.ts web/*.html web/.npmrc) \
	$(shell find web/src web/public -type f 2>/dev/null)

# Without the packages that the dashboard is built from, crosstape still runs; its page then says what to do.
TRY_WEB = $(MAKE) --no-print-directory $(WEB) || echo "! the dashboard is not built, see above; crosstape runs without it" >&2

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1|\2/' | column -t -s '|'
	@echo '  More arguments: make demo ARGS="--assets 50"'

demo: $(VENV)/run.stamp ## run on a simulated world, no network needed
	@$(TRY_WEB)
	@exec $(BIN)/crosstape demo $(ARGS)

up: $(VENV)/run.stamp ## run on live public venues
	@$(TRY_WEB)
	@exec $(BIN)/crosstape up $(ARGS)

web: $(VENV)/run.stamp $(WEB) ## build the dashboard, if anything of it changed

# The browser's driver keeps an event loop of its own in a process, so those tests run in processes of their own.
test: $(VENV)/dev.stamp $(WEB) ## run the tests; ARGS="tests/tape -k name" runs some
ifeq ($(strip $(ARGS)),)
	@$(SIDE_BY_SIDE) --ignore=tests/e2e; others=$$?; $(SIDE_BY_SIDE) tests/e2e && exit $$others
else
	@$(BIN)/python -m pytest -q $(ARGS)
endif

check: $(VENV)/dev.stamp $(WEB) ## run every gate: style, types, layers, house, docs
	@scripts/check $(ARGS)

fmt: $(VENV)/dev.stamp ## format, fix what can be fixed, write the generated docs
	@$(BIN)/ruff check --quiet --fix-only . ; $(BIN)/ruff format --quiet . ; $(BIN)/python scripts/docs ; $(BIN)/python scripts/dashboards

foreign: $(VENV)/dev.stamp ## run nautilus_trader, hftbacktest and freqtrade over our exports (installs them into .foreign)
	@PYTHON=$(abspath $(BIN))/python scripts/foreign $(ARGS)

screenshots: $(VENV)/dev.stamp $(WEB) ## pictures of every page into docs/images, from the simulated world
	@$(BIN)/python scripts/screenshots $(ARGS)

clean: ## remove .venv and every cache
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	@rm -rf web/node_modules src/crosstape/_web src/crosstape/_web.tmp
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "· clean"

$(VENV)/made.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "crosstape needs Python 3.11 or newer; say which: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' \
		|| { echo "this Python has no venv; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "· making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/run.stamp: requirements/run.txt pyproject.toml | $(VENV)/made.stamp
	@echo "· installing what crosstape needs (requirements/run.txt)"
	@$(PIP) install --require-hashes -r requirements/run.txt
	@echo "· installing crosstape"
	@CROSSTAPE_SKIP_WEB=1 $(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt pyproject.toml | $(VENV)/made.stamp
	@echo "· installing what the tests need (requirements/dev.txt)"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@echo "· installing crosstape"
	@CROSSTAPE_SKIP_WEB=1 $(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/run.stamp

# Built once more only when something of it changed. A virtual environment of either kind has the Node.js for it.
$(WEB): $(WEB_FILES) | $(VENV)/made.stamp
	@[ -e $(VENV)/run.stamp ] || $(MAKE) --no-print-directory $(VENV)/run.stamp
	@$(BIN)/python hatch_build.py && touch -c $@
