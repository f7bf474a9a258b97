# `make` or `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.ONESHELL:
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= $(firstword $(foreach v,3.11 3.12 3.13,$(shell command -v python$(v))))
VENV   := .venv
STAMP  := $(VENV)/.ready
PIP    := $(VENV)/bin/pip install --quiet --disable-pip-version-check
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PYTHONPATH := src
export HF_HUB_OFFLINE ?= 1
export DVC_NO_ANALYTICS := 1
export DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true
export GX_ANALYTICS_ENABLED := false
export PREFECT_SERVER_ANALYTICS_ENABLED := false

.PHONY: help setup run smoke test test-fast check fix bench up down ui deps lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

setup: $(STAMP) ## create .venv with pinned packages, and a local DVC remote

# All packages except torch are verified by digest; infra/lock.py says why.
$(STAMP): requirements.lock packages.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) --no-deps --require-hashes -r requirements.lock -r packages.txt
	$(PIP) -c constraints.txt torch
	$(PIP) --no-deps --no-build-isolation -e .
	$(VENV)/bin/dvc remote add --force --local --default local "$(CURDIR)/.eva/remote" > /dev/null
	touch $@

run: setup ## run the whole DAG (params.yaml), register its model and show the comparison
	eva params check
	eva fit --total
	python -m pipelines.leftovers
	python -m pipelines.preloading dvc repro
	eva registry push
	eva report

smoke: setup ## run the whole DAG on tiny random models in a temporary copy (a few minutes)
	folder=$$(mktemp -d)
	trap 'rm -rf "$$folder"' EXIT
	git ls-files -coz --exclude-standard | tar --null --ignore-failed-read -cf - -T - | tar -xf - -C "$$folder"
	cd "$$folder"
	git init -q
	rm -f dvc.lock
	eva params use smoke
	python -m pipelines.preloading dvc repro
	eva report

test: setup ## run all tests
	OMP_NUM_THREADS=1 pytest -n 2 --dist loadfile --no-loadscope-reorder

test-fast: setup ## run unit and contract tests (minutes)
	OMP_NUM_THREADS=1 pytest -n 2 --dist loadfile -m 'not slow'

check: setup ## check style, types, imports, dependencies, spelling, settings, and dvc.yaml against the code
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	deptry .
	codespell src pipelines flows tests docs mlflow *.md *.yaml
	eva params check
	pytest -q tests/contracts

fix: setup ## let ruff fix style and format
	ruff check --fix .
	ruff format .

deps: setup ## update the links to the code that each stage depends on (pipelines/code)
	python -m pipelines.dependencies

bench: setup ## what training and generation cost beside what they replace (BENCH=--quick: less work)
	python -m benchmarks $(BENCH)

up: setup ## start Prefect, MLflow and a worker per pool on 127.0.0.1, and deploy the flows
	python -m flows.services up

down: setup ## stop what `make up` or `make ui` started
	python -m flows.services down

ui: setup ## open the web pages of Prefect and MLflow
	python -m flows.services ui

lock: setup ## write requirements.lock and constraints.txt after a change of pyproject.toml
	python infra/lock.py

clean: ## remove .venv and tool caches; keeps results, checkpoints and data (for these: `eva store prune`)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache src/*.egg-info
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
