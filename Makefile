# Two commands on a fresh machine with Python 3.11: `make quickstart` and `make test`.
PYTHON ?= python3
VENV := .venv
CONSTRAINTS := constraints.txt
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
FLAIR := .venv-flair
TRANSFORMERS5 := VENV=.venv-transformers5 CONSTRAINTS=constraints-transformers5.txt

# A training has two threads, and two of them share two cores: a thread that waits must leave its core to the others.
# Tests start hundreds of Pythons: these share compiled files, even where the environment says to write none.
SHARED := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE PYTHONDONTWRITEBYTECODE=
TEST := $(SHARED) $(BIN)/python -m pytest --numprocesses 2 --dist worksteal

SEED ?= 18
KILLS ?= 50

.PHONY: help quickstart test test-slow test-flair test-transformers5 torture coverage lint format docs results bench bench-gpu clean

help:  ## Show the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 20

$(INSTALLED): pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "robench needs Python 3.11 or newer; name one with make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV): a few minutes the first time"
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) --editable '.[dev]'
	@touch $@

quickstart: $(INSTALLED)  ## Train three defenses on real questions, attack them, show the table (minutes on two cores)
	$(BIN)/robench run --defense base,ada,taichi --task trec --attack pwws,deepwordbug --preset quick
	@echo "to type robench yourself: . $(VENV)/bin/activate"

test: $(INSTALLED)  ## Run the tests, in two processes (TESTS=tests/models for some)
	$(TEST) -m "not slow" $(TESTS)

test-slow: $(INSTALLED)  ## Run the tests that take long
	$(TEST) -m slow

test-flair: $(INSTALLED)  ## Run the tests that need flair, in an environment on top of this one
	$(PYTHON) -m venv $(FLAIR)
	@$(BIN)/python -c 'import site; print("import site; site.addsitedir(%r)" % site.getsitepackages()[0])' \
		> $$($(FLAIR)/bin/python -c 'import site; print(site.getsitepackages()[0])')/base.pth
	@$(FLAIR)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[flair]'
	$(SHARED) $(FLAIR)/bin/python -m pytest -m flair

test-transformers5:  ## Run the tests with Transformers 5, in an environment of its own (TESTS=tests/models for some)
	@$(MAKE) test $(TRANSFORMERS5)

torture: $(INSTALLED)  ## Try hundreds of hostile inputs, then kill runs at random moments (SEED=18 KILLS=50; ONLY=KIND:NUMBER)
	cd tests && $(SHARED) ../$(BIN)/python -m torture --seed $(SEED) --kills $(KILLS) $(if $(ONLY),--only $(ONLY) --show)

coverage: $(INSTALLED)  ## Simulate studies: how often intervals hold the truth, and tests find what is not there
	cd tests && $(SHARED) ../$(BIN)/python -m uncertainty

lint: $(INSTALLED)  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED)  ## Put the code into its format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(INSTALLED)  ## Build the documentation into build/docs, without a network; a broken link is an error
	$(BIN)/sphinx-build --fail-on-warning --keep-going --nitpicky --quiet -d build/doctrees docs build/docs
	@echo "open build/docs/index.html"

results: $(INSTALLED)  ## Write into the pages what commands print about the entries of leaderboards/measured
	$(BIN)/cog -r -I docs -p "from pages_from_code.outputs import *" README.md docs/results.md
	$(BIN)/robench figure trade-off --task trec --defense base,pgd,fgsm,freelb,freelb++,smart,ada,clean,taichi-no-ctr,taichi-no-adv,taichi --runs leaderboards/measured --out build/figures
	$(BIN)/robench figure 5 --task trec --attack pwws --seed 42 --runs leaderboards/measured --out build/figures
	$(BIN)/robench figure correlation --task trec --runs leaderboards/measured --out build/figures
	$(BIN)/robench figure budget --task trec --attack pwws --defense base,ada,taichi --runs leaderboards/measured --out build/figures
	cp build/figures/trade-off-trec.svg build/figures/correlation-trec.svg build/figures/budget-trec.svg \
		build/figures/figure5-trec-pwws.svg docs/pictures

bench: $(INSTALLED)  ## Measure speed, each figure against a baseline in the same run
	$(BIN)/python -m pytest tests/benchmarks --benchmark-only --benchmark-columns=min,median,max

bench-gpu: $(INSTALLED)  ## Measure how busy a GPU is kept (needs one; under 8 minutes on an H100)
	$(BIN)/python tests/benchmarks/bench_gpu.py

clean:  ## Remove the environment and what tools left behind; results stay
	rm -rf $(VENV) .venv-* build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .benchmarks
