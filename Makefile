# Two commands do everything on a machine that has only Python and make:
#   make demo   makes a phantom CT as DICOM, reads it, says where the report is
#   make test   runs the checks and the tests, as CI does

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1 \
	&& echo $$p && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
OUT ?= demo

.PHONY: demo test check unit bench knowledge lock clean
.DEFAULT_GOAL := demo

demo: .venv/.run
	@$(BIN)/hepalith demo --out $(OUT) --overwrite

test: .venv/.dev check unit

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: .venv/.dev
	$(BIN)/pytest -n 2

bench: .venv/.dev
	$(BIN)/python benchmarks

# After a change to the knowledge, the commands or the vocabulary: everything that is made from them.
knowledge: .venv/.dev
	$(BIN)/python -m hepalith.differential.compile
	$(BIN)/python docs/explanation/refresh.py
	$(BIN)/python docs/reference/make.py
	$(BIN)/python docs/reference/make_claims.py
	$(BIN)/python docs/reference/make_conformance.py
	$(BIN)/hepalith schema reading > docs/reading.schema.json

.venv/.made:
	@"$(PYTHON)" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null || { \
	echo "hepalith needs Python 3.11, 3.12 or 3.13 (its libraries have wheels for no other): install one, or name it with make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@echo "making .venv with $(PYTHON)"
	@$(PYTHON) -m venv --clear .venv || { echo "$(PYTHON) has no venv module: install it (Debian: apt install python3-venv), or name another with make PYTHON=..." >&2; exit 1; }
	@touch $@

.venv/.run: .venv/.made requirements/run.lock pyproject.toml
	@echo "installing the libraries (about a minute)"
	@$(PIP) install --require-hashes --only-binary :all: -r requirements/run.lock
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

.venv/.dev: .venv/.run requirements/dev.lock
	@echo "installing the test tools"
	@$(PIP) install --require-hashes --only-binary :all: -r requirements/dev.lock
	@touch $@

COMPILE := $(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras --no-annotate --no-header \
	--allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

# Made with the oldest Python we support, so that nothing that only it needs is missing.
lock: .venv/.dev
	$(COMPILE) --build-deps-for editable --extra pdf --extra pacs --output-file requirements/run.lock pyproject.toml
	$(COMPILE) --extra test --extra dev --extra evaluation --constraint requirements/run.lock --output-file requirements/dev.lock pyproject.toml

clean:
	rm -rf .venv build dist demo .mypy_cache .ruff_cache .pytest_cache
