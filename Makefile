# Everything runs from .venv, which the verbs make by themselves. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
# Pythons to try when PYTHON is not given.
PYTHON ?=
CANDIDATES := $(or $(PYTHON),python3 python3.12 python3.11 python3.13)
BILL_OF_MATERIALS := lakehouse_assets/services/ivy.xml lakehouse_assets/services/ConditionalPutLogStore.java
SOURCES := lakehouse_assets lakehouse_assets_tests benchmarks
DEMO_ARGS ?=
TEST_ARGS ?=

.PHONY: help setup demo test test-slow bench lint up down status clean

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-10s %s\n", $$1, $$2 }'

setup: $(VENV)/.packages $(VENV)/.jars ## make the virtual environment, install packages, fetch jars (once)

demo: setup ## replay real transactions from Kafka to gold; options by DEMO_ARGS="--rows 20000 --once"
	@$(BIN)/lakehouse demo $(DEMO_ARGS) || test $$? = 130

test: setup ## run the tests, but those that take minutes each
	@$(BIN)/python -m pytest -m "not slow" $(TEST_ARGS)

test-slow: setup ## run the tests that take minutes each
	@for each in lakehouse_assets_tests/faults/test_*.py; do \
		$(BIN)/python -m pytest -m slow --timeout 7200 $$each $(TEST_ARGS) || test $$? = 5 || exit 1; done
	@$(BIN)/python -m pytest -m slow --timeout 3600 --ignore lakehouse_assets_tests/faults $(TEST_ARGS)

bench: setup ## compare with other ways to the same tables, resumable; BENCH=W1,W2 picks, BENCH_SCALE=tiny tries
	@$(BIN)/python -m benchmarks

lint: setup ## style, types and floor plan
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports

up: setup ## start Kafka, S3, Spark and Dagster
	@$(BIN)/lakehouse up

down: setup ## stop them; data stays
	@$(BIN)/lakehouse down

status: setup ## show services and lag
	@$(BIN)/lakehouse status

clean: ## remove the virtual environment; data in .lakehouse stays
	@if [ -x $(BIN)/lakehouse ]; then $(BIN)/lakehouse down || true; fi
	@rm -rf $(VENV)

$(VENV)/.python:
	@found=; bare=; \
	for python in $(CANDIDATES); do \
	  "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || continue; \
	  if "$$python" -c 'import ensurepip, venv' 2>/dev/null; then found=$$python; break; fi; bare=$$python; \
	done; \
	if [ -z "$$found" ] && [ -n "$$bare" ]; then \
	  echo "error: $$bare cannot make virtual environments. Install its venv package (Debian, Ubuntu: python3-venv) and try again." >&2; exit 1; fi; \
	if [ -z "$$found" ]; then \
	  echo "error: no Python 3.11 to 3.13 found. Install one, or name it: make setup PYTHON=/path/to/python3" >&2; exit 1; fi; \
	echo "setup: virtual environment by $$("$$found" --version)"; \
	rm -rf $(VENV); "$$found" -m venv $(VENV); \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

# uv installs in a quarter of pip's time. It does not read pip's configuration, so pip steps in where uv cannot reach
# an index. pyspark comes as source: its wheel, made here, is not compressed only to be unpacked again.
$(VENV)/.packages: $(VENV)/.python requirements.lock pyproject.toml
	@echo "setup: Python packages (about 900 MB the first time)"
	@printf '[bdist_wheel]\ncompression=stored\n' > $(VENV)/build.cfg
	@export DIST_EXTRA_CONFIG=$(CURDIR)/$(VENV)/build.cfg VIRTUAL_ENV=$(CURDIR)/$(VENV); \
	$(BIN)/uv --no-progress pip install --quiet --system-certs --compile-bytecode --no-deps -r requirements.lock -e . \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock -e .
	@touch $@

$(VENV)/.jars: $(VENV)/.packages $(BILL_OF_MATERIALS)
	@$(BIN)/python -m lakehouse_assets.services.jars
	@touch $@
