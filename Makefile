# acctsec: everything runs from .venv, which these targets make and fill by themselves.
#
# A machine needs Python 3.11 or newer and make, nothing else; uv is used where it is on the PATH.
# Choose another interpreter with PYTHON=/path/to/python3.13 (after `make clean`, if .venv exists).

PYTHON ?= python3
ARGS ?=
ROWS ?=
OUT ?=
# Test processes, each with servers of its own; 0 runs the tests in one, as a debugger needs it.
JOBS ?= 2

VENV := .venv
PY := $(VENV)/bin/python
# Somebody's PYTHONPATH would let other code in.
unexport PYTHONPATH

.DEFAULT_GOAL := help
.PHONY: help demo test coverage test-deep test-browser lint format bench docs dist lock clean
.DELETE_ON_ERROR:
# One .venv, filled by one at a time.
.NOTPARALLEL:

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.run  ## watch the library stop an attack, on SQLite, in under a minute
	@$(PY) -m acctsec demo $(ARGS)

test: $(VENV)/.dev  ## run the tests (ARGS="-k lockout -x" goes to pytest)
	@$(PY) -m pytest -m "not deep and not browser" -n $(JOBS) --dist worksteal $(ARGS)

coverage: $(VENV)/.dev  ## run the tests with branch coverage: two to three times as long
	@$(PY) -m coverage erase
	@$(PY) -m coverage run -m pytest -m "not deep and not browser" $(ARGS)
	@$(PY) -m coverage combine --quiet
	@$(PY) -m coverage report

test-deep: $(VENV)/.deep  ## run the slow searches for rare faults (many minutes)
	@HYPOTHESIS_PROFILE=deep $(PY) -m pytest -m deep $(ARGS)
	@$(PY) -m tests.mutants

test-browser: $(VENV)/.browser  ## sign in with passkeys in a real Chromium (says what it needs)
	@$(PY) -m tests.browser
	@$(PY) -m pytest -m browser tests/browser $(ARGS)

lint: $(VENV)/.lint  ## check style, types and the layers
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -c 'from importlinter.cli import lint_imports_command as check; check(["--no-logo"])'
	@$(PY) -m pyright
	@found=$$(PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(PY) -m pyright --verifytypes acctsec --ignoreexternal) || { echo "$$found"; exit 1; }

format: $(VENV)/.dev  ## put the code into its one form
	@$(PY) -m ruff check --fix --exit-zero .
	@$(PY) -m ruff format .

bench: $(VENV)/.bench  ## measure against floors and peers, as ratios (ROWS="P5 P7" measures some, OUT=file keeps the table)
	@$(PY) -m tests.bench $(ROWS) $(if $(OUT),--out "$(OUT)") $(ARGS)

docs: $(VENV)/.docs  ## build the documentation into docs/_build
	@$(PY) -m sphinx -W --keep-going -b html docs docs/_build/html

dist: $(VENV)/.dist  ## build wheel, sdist and bill of materials, and try them in clean environments
	@$(PY) -m tests.release $(ARGS)

# What is committed names no host, so that any mirror can serve it; hashes say what may be served.
EXPORT = uv export --quiet --frozen --no-emit-project --no-header --format requirements-txt --no-default-groups
lock:  ## pin the newest versions anew in requirements/ (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv on the PATH: python3 -m pip install uv" >&2; exit 1; }
	env -u UV_DEFAULT_INDEX -u UV_INDEX -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL uv --no-config lock --upgrade --python "$(PYTHON)"
	$(EXPORT) --group build --extra cli -o requirements/run.txt
	$(EXPORT) --group dev --extra cli --extra testing -o requirements/dev.txt
	$(EXPORT) --group deep --extra cli --extra testing -o requirements/deep.txt
	$(EXPORT) --group lint --extra cli --extra testing -o requirements/lint.txt
	$(EXPORT) --group docs -o requirements/docs.txt
	$(EXPORT) --group bench -o requirements/bench.txt
	$(EXPORT) --group browser --extra cli --extra testing -o requirements/browser.txt
	$(EXPORT) --group dist -o requirements/dist.txt
	$(EXPORT) -o requirements/wheel.txt
	@! grep -n '://' requirements/*.txt || { echo "requirements/ must not name a host" >&2; exit 1; }

clean:  ## remove .venv and all that was built
	rm -rf $(VENV) build dist docs/_build htmlcov .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# One sentence for each thing that can be missing, before anything is made.
$(VENV)/.made:
	@test -w . || { echo "acctsec: this folder cannot be written to, and $(VENV) has to be made in it: copy it to one of your own." >&2; exit 1; }
	@command -v "$(PYTHON)" >/dev/null || { echo "acctsec: there is no '$(PYTHON)' here: install Python 3.11 or newer, or name one with PYTHON=/path/to/python3.11." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "acctsec: '$(PYTHON)' is not Python 3.11 or newer: name one that is with PYTHON=/path/to/python3.11." >&2; exit 1; }
	@if "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null; then \
		"$(PYTHON)" -m venv --clear $(VENV); \
	elif command -v uv >/dev/null; then \
		uv venv --quiet --clear --python "$(PYTHON)" $(VENV); \
	else \
		echo "acctsec: '$(PYTHON)' lacks the venv module: install it (on Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; \
	fi
	@touch $@

# Hashes for what is downloaded; the project itself is installed in place, with the build backend just pinned.
$(VENV)/.%: requirements/%.txt pyproject.toml $(VENV)/.made
	@echo "Installing requirements/$*.txt into $(VENV) ..."
	@if command -v uv >/dev/null; then \
		uv pip install --quiet --python $(PY) --require-hashes -r $< && \
		uv pip install --quiet --python $(PY) --no-deps --no-build-isolation -e .; \
	else \
		$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r $< && \
		$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi
	@touch $@
