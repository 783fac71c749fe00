# One command each; `make help` lists them.
PYTHON ?= python3
XGBOOST ?= cpu  # or gpu
VENV := .venv
BIN := $(VENV)/bin
# Stages and git hooks find this environment's python first.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup repro test check bench docs ui app clean

help:  ## List the commands.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

# Done again only when the packages asked for have changed.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[app,dev,$(strip $(XGBOOST))]'
	touch $@

setup: $(VENV)/installed  ## Make .venv with the pinned packages.

repro: setup  ## Run whatever has changed, from sound to champion.
	dvc repro
	genre-pred champion show

check: setup  ## Lint and types.
	ruff check .
	ruff format --check .
	mypy

test: check  ## Lint, types and tests.
	pytest -rs -n 2 --dist loadfile --no-loadscope-reorder

bench: setup  ## Time each costly step against what people use; QUICK=1 takes three minutes.
	PYTHONPATH=src python -m benchmarks $(if $(QUICK),--quick)

docs: setup  ## Build the documentation into site/; any warning is an error.
	NO_MKDOCS_2_WARNING=1 PYTHONPATH=src mkdocs build --strict

ui: setup  ## Open the MLflow UI on http://127.0.0.1:5000.
	mlflow ui --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///$(CURDIR)/mlflow.db}"

app: setup  ## Open the web page: a song and its predicted genre.
	genre-pred app

clean:  ## Remove what the pipeline made; the cache and MLflow's runs stay.
	rm -rf data models reports/plots reports/spectrograms.png
