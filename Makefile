# Every target sets up .venv on first use. `make test` is what CI runs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SHARED ?= ../shared
# One more than there are CPUs: the tests of the server often wait.
PROCESSES := $(shell $(PYTHON) -c "import os; print(min(os.cpu_count() or 1, 4) + 1)")
export PERCEPTKIT_MODELS ?= $(wildcard $(SHARED)/models)

.PHONY: demo test test-slow coverage lint bench train clean

demo: $(VENV)/ready
	$(BIN)/python examples/demo.py

test: lint
	$(BIN)/pytest -n $(PROCESSES) --dist worksteal

test-slow: $(VENV)/ready
	$(BIN)/pytest -m slow

coverage: $(VENV)/ready
	$(BIN)/pytest -n $(PROCESSES) --dist worksteal --cov=perceptkit --cov-branch --cov-report=term

lint: $(VENV)/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/ready
	$(BIN)/python benchmarks/faces.py
	$(BIN)/python benchmarks/recognition.py
	$(BIN)/python benchmarks/gaze.py
	$(BIN)/python benchmarks/footsteps.py
	$(BIN)/python benchmarks/footstep_sound.py
	$(BIN)/python benchmarks/recording.py
	$(BIN)/python benchmarks/direction.py
	$(BIN)/python benchmarks/server.py
	$(BIN)/python benchmarks/dedupe.py
	$(BIN)/python benchmarks/search.py --rows 100000
	$(BIN)/python benchmarks/scale.py --photos 1000

train: $(VENV)/ready
	$(BIN)/python -m pip install --quiet --group training
	$(BIN)/python training/footsteps/train.py

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage demo-out bench-out training-out dist build

# insightface is the peer in the benchmarks and the oracle in two tests. Its requirements would bring a second
# onnxruntime and a second cv2, so it comes without them. Without it, the oracle tests are skipped. So it is with ear, the
# renderer of the EBU, which reads our ADM files; its requirements are older than ours.
$(VENV)/ready: pyproject.toml scripts/check_system.py
	$(PYTHON) scripts/check_system.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	-$(BIN)/python -m pip install --quiet --no-deps "insightface==2.1"
	-$(BIN)/python -m pip install --quiet --no-deps "ear==2.1.0"
	$(BIN)/python scripts/check_system.py --libraries
	touch $@
