# Two commands need nothing before them: make run, make test.
#
#   make run            the exporter on loopback, with recorded calls playing into it (DEMO=0 for none)
#   make test           everything that CI runs
#   make check          format, lint, types, generated pages
#   make docs           write the generated tables into the pages
#   make bench          the programs that measure
#   make clean          remove what these commands made
#
# PYTHON names the interpreter that the environment is made with.

PYTHON ?= python3
DEMO ?= 6

VENV := .venv
INSTALLED := $(VENV)/.installed
DEVELOPED := $(VENV)/.developed
BENCHMARKS := stations ingest fold scrape memory otlp spans start peers lookup

.PHONY: run test check docs bench clean

run: $(INSTALLED)
	@DEMO=$(DEMO) scripts/run

test: $(DEVELOPED)
	@scripts/peers
	@scripts/test

check: $(DEVELOPED)
	@scripts/check

docs: $(DEVELOPED)
	@scripts/docs

bench: $(DEVELOPED)
	@benchmarks/peers/fetch
	@set -e; for program in $(BENCHMARKS); do \
		echo "== benchmarks/$$program"; $(VENV)/bin/python -m benchmarks.$$program; \
	done
	@echo "== benchmarks/day"; $(VENV)/bin/python -m benchmarks.day --joins 20000

clean:
	rm -rf $(VENV) build dist *.egg-info .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find rtc_exporter tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# Half an environment is worse than none: what could not be made is removed.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "rtc-exporter needs Python 3.11 or newer, and $(PYTHON) is not: $$($(PYTHON) --version 2>&1)." >&2; \
		echo "Name another one, for example: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(INSTALLED): pyproject.toml | $(VENV)/bin/python
	@echo "Installing into $(VENV), once"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(DEVELOPED): pyproject.toml | $(VENV)/bin/python
	@echo "Installing into $(VENV), with the tools of development, once"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(INSTALLED) $@
