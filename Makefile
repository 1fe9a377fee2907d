# `make run` and `make test` do everything themselves, from Python 3.11+ alone.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test check bench lint types schema lock format clean

.venv/.ready: requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 run")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	touch $@

run: .venv/.ready
	$(BIN)/python manage.py serve

test: .venv/.ready
	$(BIN)/python -m tests.browser
	$(BIN)/python -m tests.clients.node
	$(BIN)/python -m pytest -n auto --dist loadgroup

lint: .venv/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run

types: .venv/.ready
	$(BIN)/mypy attribution_site partners touchpoints conversions attribution disputes payouts reports

check: lint types test

bench: .venv/.ready
	$(BIN)/python -m bench

format: .venv/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: .venv/.ready
	$(BIN)/python -m tests.clients.write

lock:
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --group dev pyproject.toml -o requirements.lock

clean:
	rm -rf .venv .local
