# make demo   run the product with a seeded brand on this machine
# make test   everything that can be tested here
# make soak   many more random histories than make test, new ones each time
# make bench  print figures as ratios
# make axe    fetch what judges the accessibility of the pages; make test does it, too
.DEFAULT_GOAL := help
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
STAMP_DEV := $(VENV)/.installed-dev

# A process that may not keep its compiled modules takes twice as long to start, and some tests
# start dozens.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo test axe soak bench fmt lint types constraints images clean

help:
	@sed -n '1,5s/^# //p' Makefile

$(VENV)/bin/python:
	python3 -m venv $(VENV)

# $(call INSTALL,EXTRAS): uv installs in seconds; where it cannot be had, pip does the same.
# EXTRAS come through a variable because a comma would split the arguments of `call`.
DEV_EXTRAS := postgres,dev
define INSTALL
	@command -v uv >/dev/null 2>&1 || $(BIN)/python -m pip install -q uv >/dev/null 2>&1 || true
	@if command -v uv >/dev/null 2>&1; then uv pip install -q --python $(BIN)/python -c constraints.txt -e '.[$(1)]'; \
	elif [ -x $(BIN)/uv ]; then $(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e '.[$(1)]'; \
	else $(BIN)/python -m pip install -q -c constraints.txt -e '.[$(1)]'; fi
endef

$(STAMP): $(VENV)/bin/python pyproject.toml constraints.txt
	$(call INSTALL,postgres)
	@touch $@

$(STAMP_DEV): $(VENV)/bin/python pyproject.toml constraints.txt
	$(call INSTALL,$(DEV_EXTRAS))
	@touch $@ $(STAMP)

install: $(STAMP)

demo: install
	$(BIN)/regulars demo --port $(PORT)

# What judges the accessibility of the pages, fetched when it is needed: it is no part of the product.
AXE := .axe/node_modules/axe-core/axe.min.js
$(AXE):
	@if command -v npm >/dev/null 2>&1; then \
	  npm install --silent --prefix .axe --no-save --no-package-lock --no-audit --no-fund \
	    --ignore-scripts axe-core@4.10.3 || echo "axe-core could not be fetched"; \
	else echo "npm is missing: the pages' accessibility is not judged"; fi

axe: $(AXE)

test: $(STAMP_DEV) lint types axe
	$(BIN)/pytest -n 2 --dist worksteal -m "not browser" tests
	$(BIN)/pytest -m browser tests

# Ten times as many random histories as `make test`, and new ones each time.
soak: $(STAMP_DEV)
	SOAK_STEPS=100000 $(BIN)/pytest -n 2 --timeout 3600 tests/app/test_against_model.py

lint: $(STAMP_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(STAMP_DEV)
	$(BIN)/mypy

fmt: $(STAMP_DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP_DEV)
	$(BIN)/python -m bench

images: $(STAMP_DEV)
	$(BIN)/python -m docs.make_images

constraints:
	uv pip compile -q --universal --python-version 3.11 --all-extras --no-header --no-annotate pyproject.toml -o constraints.txt

clean:
	rm -rf $(VENV) .axe .demo .mypy_cache .ruff_cache .hypothesis
