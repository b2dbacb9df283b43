# Every command of this project. `make` alone lists them. Written for GNU make 3.81 (macOS) and later.

PYTHON ?= python3
VENV ?= .venv
HOME_FOLDER ?= .wingman
PORT ?= 8080
PYTEST_ARGS ?=
BENCH ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
HUB := $(VENV)/.installed-hub
LAB := $(VENV)/.installed-lab
DEV := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.PHONY: help venv demo up test quick lint fix bench docs requirements

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo: $(LAB) ## the whole way on real data: a Hub, a fine-tuned model, an answer
	@$(BIN)/wingman demo --home $(HOME_FOLDER) --port $(PORT)

up: $(HUB) ## only the Hub, in the foreground
	@$(BIN)/wingman up --home $(HOME_FOLDER) --port $(PORT)

test: $(DEV) ## every test
	$(BIN)/python -m pytest $(PYTEST_ARGS)

quick: $(DEV) ## the inner loop: tests that need neither training nor a client, under a minute
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto -m "not slow and not client" $(PYTEST_ARGS)

lint: $(DEV) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/mypy

fix: $(DEV) ## let ruff repair what it can
	$(BIN)/ruff check --fix .

bench: $(DEV) ## measure against nginx, sha256 + copy and the tutorials' recipes
	$(BIN)/python -m benchmarks $(BENCH)

docs: $(DEV) ## write the page of commands; check links, commands and examples
	$(BIN)/python scripts/document_commands.py
	$(BIN)/python -m pytest -q tests/docs $(PYTEST_ARGS)

venv: $(DEV) ## the development environment in .venv

requirements: $(DEV) ## compile requirements/*.txt from pyproject.toml again
	$(BIN)/python scripts/compile_requirements.py

# One environment in three layers. Each stamp is newer than the requirement file it was installed from.

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Wingman needs Python 3.11 or newer, and '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)" >&2; \
	  echo "Name another one, for example: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(HUB): requirements/hub.txt requirements/constraints.txt pyproject.toml | $(BIN)/python
	$(PIP) install -q -c requirements/constraints.txt -r requirements/hub.txt
	$(PIP) install -q --no-deps -e .
	@touch $@

$(LAB): requirements/lab.txt $(HUB)
	@echo "Installing PyTorch and the training libraries; the first time this takes a few minutes."
	$(PIP) install -q -c requirements/constraints.txt torch
	$(PIP) install -q -c requirements/constraints.txt -r requirements/lab.txt
	@touch $@

$(DEV): requirements/dev.txt $(LAB)
	$(PIP) install -q -c requirements/constraints.txt -r requirements/dev.txt
	@touch $@
