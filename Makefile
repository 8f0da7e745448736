.PHONY: install check test test-slow docs tables notebooks demo bench clean

VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= python3
JOBS ?= 2
# Tests start many processes, which would compile all modules again where containers set this.
unexport PYTHONDONTWRITEBYTECODE

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml hatch_build.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

check: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/codespell

# Whole files go to one process each, in their order in the tree: by default those of the fewest
# tests come last, of which some are the longest, and one process would wait for the other.
test: install
	$(BIN)/pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

# End-to-end checks: every command of the docs, the examples and the notebooks.
test-slow: install
	$(BIN)/pytest --numprocesses $(JOBS) -m slow

docs: install
	$(BIN)/sphinx-build --fail-on-warning --keep-going --nitpicky --quiet docs build/docs
	@echo "The documentation: build/docs/index.html"

# The notebooks are generated from scripts; a test compares them.
notebooks: install
	$(BIN)/python examples/notebooks/generate.py

# A built-in data set, a small MUNIT trained on it, and translations of its test images.
demo: install
	test -d demo/data || $(BIN)/crossimage data make outlines --out demo/data
	$(BIN)/crossimage train munit/outlines --data demo/data --out demo/run
	$(BIN)/crossimage translate demo/run demo/data/testA --out demo/translated --samples 4 --seed 0
	$(BIN)/crossimage translate demo/run demo/data/testA --out demo/guided \
		--reference demo/data/testB/$$(ls demo/data/testB | head -n 1)
	@cp $$(ls demo/run/samples/step-*.jpg | tail -n 1) demo/samples.jpg
	@echo
	@echo "The images:"
	@echo "  demo/samples.jpg     inputs, reconstructions, random styles, guided by a reference"
	@echo "  demo/translated      the test outlines, four styles each"
	@echo "  demo/guided          the test outlines in the style of one reference image"
	@echo "  demo/run/index.html  the training run: sample sheets over time and loss curves"

# The tables of figures in the docs, from docs/results.
tables: install
	$(BIN)/python benchmarks/tables.py

bench: install
	$(BIN)/python benchmarks/train_step.py

clean:
	rm -rf $(VENV) demo build dist
