# Everything a newcomer needs: `make run` and `make test`. Both make .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint bench chaos lock clean

$(VENV)/.installed: requirements.lock requirements-dev.lock pyproject.toml
	@echo "Installing into $(VENV); the first time takes about a minute."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

run: $(VENV)/.installed
	$(BIN)/controlplane demo

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered --cov-fail-under=85

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks

# Random edits, faults and crashes, from so many seeds: about six seconds each.
SEEDS := 100
chaos: $(VENV)/.installed
	$(BIN)/python -m tests.faults --seeds $(SEEDS)

# Pins every dependency, with hashes and without the addresses of package indexes.
lock: $(VENV)/.installed
	$(BIN)/python -m uv pip compile --quiet --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --extra switch --no-header -o requirements.lock pyproject.toml
	$(BIN)/python -m uv pip compile --quiet --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --extra switch --no-header --group dev -o requirements-dev.lock pyproject.toml

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis
