# What the project offers. `make demo` and `make test` set everything up by themselves.
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-exactness test-schemas check format bench bench-scale docs clean

PY := .venv/bin/python
PYTEST := .venv/bin/pytest

help: ## Show what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready ## Install everything into .venv

.venv/.ready: pyproject.toml constraints.txt scripts/setup.sh
	@sh scripts/setup.sh

demo: setup ## Crawl the sample web, serve both products, print keys and calls
	@$(PY) -m examples.demo $(if $(FRESH),--fresh)

test: setup ## Run all tests
	@$(PYTEST) -n 4 --dist loadgroup -q

test-exactness: setup ## The long simulation of the ledger: 1,000 seeds and 200 kills
	@$(PY) -m tests.exactness --seeds 1000 --kills 200 --database both

test-schemas: setup ## Generated calls of every endpoint against the OpenAPI documents, 300 of each
	@TRACEWELL_SCHEMA_EXAMPLES=300 $(PYTEST) -q tests/server/test_schemas.py

check: setup ## Format, lint, types, imports, laws
	@.venv/bin/ruff format --check -q .
	@.venv/bin/ruff check -q .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(PYTEST) -q tests/laws

format: setup ## Format and mend what can be mended
	@.venv/bin/ruff format -q .
	@.venv/bin/ruff check -q --fix .

bench: setup ## Measure and print; the figures of record are in docs/benchmarks.md
	@$(PY) -m benchmarks

bench-scale: setup ## Trace at 10 k, 100 k and 1 M companies; builds some 35 GB of data once, in .bench
	@$(PY) -m benchmarks.scale $(ARGS)

docs: setup ## Generate the reference pages and build the site into site/
	@$(PY) -m scripts.reference_pages
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict -q

clean: ## Remove what was built (not .venv, not data)
	@rm -rf site dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
