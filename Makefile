# Every command of the project. `make` alone lists them.

PYTHON ?= python3
ARGS ?=
VENV := .venv
PY := $(VENV)/bin/python
# What an installation is made of: a change of any of these installs anew.
SOURCES := pyproject.toml $(wildcard container_magics/jupyter/kernelspec*/kernel.json) \
	$(shell find labextension -type f \
	-not -path '*/node_modules/*' -not -path '*/lib/*' -not -path '*/.yarn/*' \
	-not -name '*.tsbuildinfo' -not -path '*/tests/*' 2>/dev/null)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help lab test lint format notebooks book bench view-ts reference clean

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

lab: $(VENV)/installed  ## open the course in JupyterLab (ARGS=--check: only try that all works)
	@$(VENV)/bin/container-magics lab $(ARGS)

test: $(VENV)/installed  ## every test, on an engine of their own: unit, engine, notebooks, browser
	@$(PY) tests/run.py $(ARGS)

lint: $(VENV)/installed  ## style and types of Python and TypeScript
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy -p container_magics
	.ci/javascript lint

format: $(VENV)/installed  ## write Python as ruff formats it
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

notebooks: $(VENV)/installed  ## run the notebooks in stable mode and save what they show
	$(PY) tests/execute_notebooks.py

book: $(VENV)/installed  ## write the course as a site of pages, into book/
	@$(VENV)/bin/container-magics book notebooks book --title "Containers and Images"

bench: $(VENV)/installed  ## measure, and write docs/benchmarks.md (ARGS=layers: that alone; --quick: a look)
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[dev,bench]'
	@$(PY) tests/run.py --bench $(ARGS)

view-ts: $(VENV)/installed  ## write labextension/src/view.ts from view/model.py
	$(PY) -m container_magics.view.typescript > labextension/src/view.ts

reference: $(VENV)/installed  ## write docs/reference.md from the code
	$(PY) -m container_magics.reference > docs/reference.md

clean:  ## stop our engines, and remove all that was made here but your lab folder
	@if [ -x $(PY) ]; then $(PY) tests/run.py --stop; $(VENV)/bin/container-magics engine stop; fi
	rm -rf .state book $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		container_magics/labextension labextension/.yarn \
		labextension/lib labextension/node_modules labextension/tsconfig.tsbuildinfo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/installed: $(SOURCES) | $(PY)
	@echo "Installing Python packages: two minutes the first time, and more on a slow or busy machine."
	@$(PY) .ci/patiently 20 $(PY) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

$(PY):
	@.ci/venv $(PYTHON) $(VENV)
