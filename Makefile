# make lab    the course in JupyterLab            make test   the whole test suite
# make book   all notebooks as pages that need neither kernel nor network, in build/book
# make lint   style and types                     make bench  side-by-side speed ratios
# make lock   renew requirements.lock             make gallery   the pictures of the README
PYTHON   ?= python3
LAB_ARGS ?=
LAB_IP   ?= 127.0.0.1

VENV := .venv
BIN  := $(VENV)/bin
UV   := $(BIN)/uv

# Without a screen JupyterLab prints its address instead of looking for a browser.
SCREEN := $(or $(DISPLAY),$(WAYLAND_DISPLAY),$(filter-out Linux,$(shell uname -s)))

.PHONY: lab test lint bench gallery book lock clean

lab: $(VENV)/lab.installed
	$(BIN)/jupyter lab --ip=$(LAB_IP) --allow-root --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb \
		$(if $(SCREEN),,--no-browser) $(LAB_ARGS)

test: $(VENV)/test.installed
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(TEST_ARGS)

lint: $(VENV)/test.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/oxlint -A no-unused-vars --deny-warnings --ignore-pattern '*lit-html.js' eca_edu/explorers tools/book

bench: $(VENV)/test.installed
	for script in tools/benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

gallery: $(VENV)/test.installed
	$(BIN)/python tools/gallery/make.py

book: $(VENV)/test.installed
	$(BIN)/python tools/book/make.py $(BOOK_ARGS)

# Modules are compiled when they are installed, so that the first kernel does not wait for it.
INSTALL := $(UV) pip install --python $(BIN)/python --constraint requirements.lock --compile-bytecode --editable

# The one lock serves every platform and Python version that the package supports.
lock: $(UV)
	$(UV) pip compile --quiet --universal --python-version 3.10 --all-extras --upgrade \
		--custom-compile-command "make lock" pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) build

$(UV):
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10) and 'Python 3.10 or newer is needed: make PYTHON=python3.12')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "uv>=0.5"

$(VENV)/lab.installed: $(UV) pyproject.toml requirements.lock
	$(INSTALL) .
	touch $@

$(VENV)/test.installed: $(UV) pyproject.toml requirements.lock
	$(INSTALL) ".[test]"
	touch $@ $(VENV)/lab.installed
