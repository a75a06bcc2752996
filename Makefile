# Two commands do everything on a machine that has only python3 and make: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
STAMP  := $(VENV)/.installed
JOBS   ?= 2

.PHONY: demo test quick test-long lint docs docs-serve release-check perf mutants clean install

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

demo: $(STAMP)
	$(BIN)/csmoifsa ev price --case paper-2022-fitted --out out/demo
	@echo "Look at out/demo/figures/ (start with fig1.png), out/demo/tariff.csv and out/demo/summary.json."

test: $(STAMP)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not long"

quick: $(STAMP)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not slow and not long"

# Thousands of random cases against slow oracles, killed runs, the app in a browser, all notebooks; CI runs them after `make test`.
test-long: $(STAMP)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m long

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m codespell_lib
	$(BIN)/pyright --pythonpath $(BIN)/python

docs: $(STAMP)
	$(BIN)/python -m sphinx -W --keep-going -E -q -b html docs out/docs
	$(BIN)/python docs/check.py out/docs

docs-serve: docs
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory out/docs 8000

# What is uploaded: a wheel, a source distribution that makes the same wheel, metadata and long description.
release-check: $(STAMP)
	rm -rf out/release
	$(BIN)/python -m build --outdir out/release .
	$(BIN)/python -m twine check --strict out/release/*
	$(BIN)/python tests/tools/check_release.py out/release

perf: $(STAMP)
	$(BIN)/python benchmarks/perf/quality.py
	$(BIN)/python benchmarks/perf/speed.py

mutants: $(STAMP)
	$(BIN)/python tests/tools/mutate.py $(MODULES)

clean:
	rm -rf $(VENV) out dist build docs/generated .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
