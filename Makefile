# Two commands set everything up on a machine with Python 3.11, pip and make:
#   make search   the main job on built-in data: search, plot, train the chosen network in full, export
#   make test     all tests
#   make test-fast     those that take less than a second or two
#   make gpu          what only a GPU can settle, in nine minutes; with the Python that has torch, nothing is installed
#   make test-oldest   the fast ones on the lowest versions that pyproject.toml allows
PYTHON ?= python3
BIN := .venv/bin
RUN ?= runs/scenes
CAMVID ?= ../shared/data/camvid
MINUTES ?= 30
READY := .venv/ready
OLDEST := .venv-oldest
# A test that ends its process is named at once: pytest-xdist can wait for ever when it goes on with another one.
# Files in the order in which they were collected (tests/conftest.py): those with slow tests first.
TWO := -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(TWO)

.PHONY: search test test-fast test-oldest lint docs bench bench-search bench-inference evidence-cpu evidence-gpu gpu gallery clean

search: $(READY)
	$(BIN)/archspace search scenes --out $(RUN)
	$(BIN)/archspace pareto $(RUN)
	$(BIN)/archspace retrain $(RUN) --pick best,knee,given --epochs 5 --threads 2
	$(BIN)/archspace report $(RUN)

test: $(READY)
	$(PYTEST)

test-fast: $(READY)
	$(PYTEST) -m "not slow"

test-oldest: $(OLDEST)/ready
	OMP_NUM_THREADS=1 $(OLDEST)/bin/python -m pytest $(TWO) -m "not slow"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(READY)
	$(BIN)/python -m sphinx -q -b html -W --keep-going docs docs/_build/html
	@echo "open docs/_build/html/index.html"

bench: $(READY)
	$(BIN)/python -m tests.bench.cost
	$(BIN)/python -m tests.bench.screen
	$(BIN)/python -m tests.bench.loading
	$(BIN)/python -m tests.bench.training
	$(BIN)/python -m tests.bench.tables
	$(BIN)/python -m tests.bench.report
	$(BIN)/python -m tests.bench.trials 0 1000

# Search methods replayed on the trained tables of docs/evidence/yardstick: minutes.
bench-search: $(READY)
	$(BIN)/python -m tests.bench.search

# A network found on CamVid at half resolution, beside the published ones: hours, in pieces of MINUTES; goes on where it
# stopped. CAMVID is the data set's folder.
evidence-cpu: $(READY)
	$(BIN)/python -m tests.bench.camvid --data $(CAMVID) --minutes $(MINUTES)

# CamVid at full size on a GPU, in pieces of MINUTES (8.5 fits a limit of nine); goes on where it stopped. A borrowed GPU
# machine needs the checkout, the packed data and runs/camvid-gpu: make evidence-gpu READY= BIN=/usr/bin MINUTES=8.5
PACK ?= runs/camvid.pack
FOUND ?= $(wildcard docs/evidence/camvid/networks/*.yaml)
evidence-gpu: $(READY)
	$(BIN)/python -m tests.bench.camvid_gpu --data $(PACK) --found $(FOUND) --minutes $(MINUTES)

$(PACK): $(READY)
	mkdir -p $(dir $(PACK))
	$(BIN)/python -m tests.bench.camvid_gpu --pack $(CAMVID) --data $(PACK)

# Every form of a network on this processor, in turns in one process: an hour. INFERENCE=--quick: minutes, one thread, batch 1.
bench-inference: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.bench.inference $(INFERENCE) --out docs/evidence/inference

# On a machine with a GPU, with its own torch (PYTHON=...): evidence in runs/gpu, the most valuable first.
gpu:
	$(PYTHON) -m tests.gpu $(GPU)

gallery: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.gallery

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,docs]'
	touch $@

# uv, because pip cannot resolve to the lowest versions.
$(OLDEST)/ready: pyproject.toml
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(OLDEST)/bin/python -m uv pip install --quiet --resolution lowest-direct -e '.[dev]'
	touch $@

clean:
	rm -rf docs/_build .venv $(OLDEST) .pytest_cache .mypy_cache .ruff_cache .hypothesis
