# make demo    the main job, end to end: draw faces, train, export, calibrate, verify
# make test    all tests
# make check   lint, types, and the tests that compile nothing: under 3 minutes
# make lint    ruff and mypy, as CI runs them
#
# Each makes its own environment in .venv first. PYTHON chooses the Python, EXTRAS what is installed:
#   make PYTHON=python3.12 demo
#   make EXTRAS=gpu,train,export,eval,dev test
#   make DATA=/path/to/a/set demo      (imgs.txt or train.rec, and property)

PYTHON ?= python3
EXTRAS ?= cpu,train,export,eval,dev
BIN := .venv/bin

.PHONY: demo test check lint clean
demo: .venv/ready
	$(BIN)/python demo/run.py $(if $(DATA),--data "$(DATA)")

test: .venv/ready
	$(BIN)/python -m pytest

check: lint
	$(BIN)/python -m pytest -q -n 2 -m "not jittor and not slow and not alone"

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Made anew when pyproject.toml, the Python or the extras change: .venv/asked holds what was asked for last.
.venv/ready: pyproject.toml .venv/asked
	$(PYTHON) sface/runtime/system.py
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$(EXTRAS)]'
	printf '%s\n' "$(ASKED)" > .venv/asked
	touch .venv/ready

ASKED := $(shell $(PYTHON) -c 'import sys; print(sys.version.split()[0], sys.base_prefix)') $(EXTRAS)
.PHONY: force
.venv/asked: force
	@mkdir -p .venv && [ "$$(cat $@ 2>/dev/null)" = "$(ASKED)" ] || printf '%s\n' "$(ASKED)" > $@

clean:
	rm -rf .venv demo/out build dist *.egg-info
