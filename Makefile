# make demo    the whole story on embedded data, minutes on two cores
# make check   format, lint, types, contract, fast tests: under a minute once set up
# make test    everything
# make fuzz    the property tests on thousands of new examples each: long
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV := $(BIN)/uv

.PHONY: demo test check fuzz setup format clean

demo: $(READY)
	$(BIN)/lpt demo

test: $(READY)
	@$(MAKE) --no-print-directory static
	$(BIN)/pytest -q -n 2 --dist worksteal

check: $(READY)
	@$(MAKE) --no-print-directory static
	$(BIN)/pytest -q -n 2 -m "not slow"

fuzz: $(READY)
	$(BIN)/pytest -q -n 2 --dist worksteal -m hypothesis --hypothesis-profile fuzz

.PHONY: static
static:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

setup: $(READY)

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# uv shares wheels between virtual environments; where it cannot be had, pip does the same slower.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "lpt needs Python 3.11 or newer; choose one with: make PYTHON=python3.12"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv -c constraints.txt || true
	if test -x $(UV); then \
	  $(UV) pip install --python $(BIN)/python -c constraints.txt -e '.[dev]'; \
	else \
	  $(BIN)/python -m pip install -c constraints.txt -e '.[dev]'; \
	fi
	touch $(READY)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
