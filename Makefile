.PHONY: install check test demo bench clean

VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= python3

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

check: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

test: install
	$(BIN)/pytest

# A built-in data set, a small MUNIT trained on it, and translations of its test images.
demo: install
	test -d demo/data || $(BIN)/crossimage data make outlines --out demo/data
	$(BIN)/crossimage train munit/outlines --data demo/data --out demo/run
	$(BIN)/crossimage translate demo/run demo/data/testA --out demo/translated --samples 4 --seed 0
	$(BIN)/crossimage translate demo/run demo/data/testA --out demo/guided \
		--reference demo/data/testB/$$(ls demo/data/testB | head -n 1)
	@cp $$(ls demo/run/samples/step-*.png | tail -n 1) demo/samples.png
	@echo
	@echo "The pictures:"
	@echo "  demo/samples.png     inputs, reconstructions, random styles, guided by a reference"
	@echo "  demo/translated      the test outlines, four styles each"
	@echo "  demo/guided          the test outlines in the style of one reference image"
	@echo "  demo/run/index.html  the training: sample sheets over time and loss curves"

bench: install
	$(BIN)/python benchmarks/train_step.py

clean:
	rm -rf $(VENV) demo build dist
