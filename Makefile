# make demo    end-to-end demo on bundled data: minutes on two cores
# make check   format, lint, types, import contract, fast tests: about half the time of make test
# make test    everything, with branch coverage
# make docs    the documentation site, in site/
# make fuzz    damaged inputs of every kind: CASES=100000 TARGET=lists SEED=1; findings in fuzz-findings/
# make examples  the property tests on thousands of new examples each: long
# make dist    wheel and sdist, in dist/
# make audit   known vulnerabilities of the tested versions; make sbom lists what a release installs
# make lock    add missing versions and hashes to constraints.txt; newer ones with LOCK=--upgrade
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV := $(BIN)/uv
# Which versions uv installs: the tested ones, or the lowest with VERSIONS='--resolution lowest-direct'.
VERSIONS ?= -c constraints.txt
# Types are checked against the tested versions: `make test STATIC=` leaves that out.
STATIC ?= static

# Tests start hundreds of processes: each compiles torch again where bytecode is not kept.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test check docs dist fuzz examples lock audit sbom setup format clean

demo: $(READY)
	$(BIN)/lpt demo

test: $(READY)
	@test -z "$(STATIC)" || $(MAKE) --no-print-directory $(STATIC)
	$(BIN)/pytest -q -n 2 --dist worksteal --cov --cov-report=term

check: $(READY)
	@$(MAKE) --no-print-directory static
	$(BIN)/pytest -q -n 2 -m "not slow"

CASES ?= 10000
SEED ?= 0
fuzz: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m tools.fuzz --cases $(CASES) --seed $(SEED) $(if $(TARGET),--target $(TARGET))

examples: $(READY)
	$(BIN)/pytest -q -n 2 --dist worksteal -m hypothesis --hypothesis-profile fuzz

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "open site/index.html"

dist: $(READY)
	$(BIN)/python -m build
	$(BIN)/python -m readme_renderer README.md -o /dev/null

lock: $(READY)
	echo uv | $(UV) pip compile pyproject.toml - --extra dev --universal --python-version 3.11 \
	  --no-annotate --generate-hashes --custom-compile-command "make lock" --quiet $(LOCK) \
	  -o constraints.txt

audit: $(READY)
	$(UV) tool run pip-audit@2.10.1 -r constraints.txt --disable-pip --require-hashes

sbom: dist
	$(UV) venv --quiet --clear build/sbom
	$(UV) pip install --quiet --python build/sbom/bin/python $(VERSIONS) dist/lpt-*.whl
	$(UV) tool run --from cyclonedx-bom==7.5.0 cyclonedx-py environment --output-reproducible \
	  --pyproject pyproject.toml -o build/sbom.json build/sbom/bin/python

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

# Every download is compared with the hashes in constraints.txt. uv shares wheels between virtual
# environments; where it cannot be had, pip does the same slower.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "lpt needs Python 3.11 or newer; choose one with: make PYTHON=python3.12"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/[^\\]$$/p' constraints.txt > $(VENV)/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(VENV)/uv.txt || true
	if test -x $(UV); then \
	  $(UV) pip install --python $(BIN)/python $(VERSIONS) -e '.[dev]'; \
	else \
	  $(BIN)/python -m pip install -r constraints.txt && \
	  $(BIN)/python -m pip install --no-deps -e .; \
	fi
	touch $(READY)

clean:
	rm -rf $(VENV) build dist site .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis
