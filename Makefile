# Two commands do all their own set-up, from a fresh clone on: `make train` and `make test`.
# They need Python >= 3.10 with venv, and a Rust toolchain.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
DATA ?= auto

SOURCES := Cargo.toml Cargo.lock pyproject.toml $(shell find rust -name '*.rs' -o -name Cargo.toml)
CORE := python/kobai/_core.abi3.so

# maturin installs into the active environment. Make that this one, whichever is active outside.
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
unexport CONDA_PREFIX

# Two pips must not install at the same time. Slow steps use all cores by themselves.
.NOTPARALLEL:

.PHONY: train test lint rust-test python-test soak bench bench-networks bench-derivatives bench-checks bench-products bench-sklearn bench-search format
.PHONY: build toolchain venv build-tools test-tools lint-tools peers clean

train: build
	@echo '== training the two-layer network on MNIST: kobai train --data "$(DATA)"'
	@$(PY) -m kobai train --data "$(DATA)"

test: lint rust-test python-test

# Each step checks its own result, not a time stamp: so the next `make` mends a clone that was moved,
# a Python that was upgraded, a package that was uninstalled, or a step that was interrupted.
# Programs are called as modules, as those in $(VENV)/bin name their interpreter by its full path.

# The installation is editable: only a change in Rust needs a new build.
IS_HERE := import kobai, os, sys; \
	sys.exit(not os.path.samefile(kobai.__file__, "python/kobai/__init__.py"))

build: build-tools
	@$(PY) -c '$(IS_HERE)' 2>/dev/null && test -z "$$(find $(SOURCES) -newer $(CORE))" || { \
		echo '== compiling the Rust core and its dependencies: a minute or two, once'; \
		$(PY) -m maturin develop --release && touch $(CORE); }

toolchain:
	@cargo --version >/dev/null 2>&1 || { \
		echo 'kobai is compiled by Rust, which is not installed: see https://rustup.rs' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
		echo 'kobai needs Python 3.10 or later: make PYTHON=...' >&2; exit 1; }

# Whether the environment works, and was made in this folder.
IS_WHOLE = grep -qsF "$$(pwd -P)/$(VENV)/bin/" $(VENV)/bin/pip && $(PY) -c 'import pip'
LACKS_PIP = test ! -e $(VENV)/bin/pip && $(PY) -m ensurepip --default-pip

venv: toolchain
	@{ $(IS_WHOLE) || { $(LACKS_PIP) && $(IS_WHOLE); }; } >/dev/null 2>&1 || { \
		echo '== making a Python environment in $(VENV): some seconds'; \
		$(PYTHON) -m venv --clear $(VENV); }
	@$(PY) -c 'import pip, sys; \
		sys.exit(tuple(map(int, pip.__version__.split(".")[:2])) < (25, 1))' || \
		$(PY) -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'

# Installs a group of pyproject.toml, unless all of it is there: pip without an index tells.
PIP_INSTALL = $(PY) -m pip install --quiet --disable-pip-version-check --group $(1)
with = @$(PIP_INSTALL) --dry-run --no-index >/dev/null 2>&1 || { \
	echo '== downloading and installing $(2)'; $(PIP_INSTALL); }

build-tools: venv
	$(call with,build,maturin and the packages that kobai needs)

test-tools: build
	$(call with,test,the packages of the tests)

lint-tools: venv
	$(call with,lint,the linters)

peers: build
	$(call with,peers,the packages that kobai is measured against)

# mypy also needs the packages that tests import.
lint: test-tools lint-tools
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --release --quiet -- -D warnings
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	cd $(VENV) && bin/python -m mypy.stubtest kobai._core --mypy-config-file ../pyproject.toml

rust-test:
	cargo test --release --workspace

python-test: test-tools
	$(PY) -m pytest

# 100,000 random calls, with an eye on memory: minutes, where the tests take seconds.
soak: test-tools
	$(PY) -m tests.soak

# The peers are heavy, so only this target installs them; PyTorch is measured where it is there.
bench: peers
	$(PY) -m benchmarks

# Other depths, activations, losses and optimizers: the tables and pictures of docs/networks.md.
bench-networks: peers
	$(PY) -m benchmarks.networks
	$(PY) -m benchmarks.deep_training
	$(PY) -m benchmarks.regression

# Derivatives beside those of others: the tables of docs/differentiate.md.
bench-derivatives: peers
	$(PY) -m benchmarks.differentiate

# Gradient checks beside those of others: the tables of docs/is-my-gradient-right.md.
bench-checks: peers
	$(PY) -m benchmarks.gradient_checks --write

# The estimators of kobai.sklearn beside scikit-learn's, with as many threads as there are cores, and what a
# fit takes beside its data.
bench-sklearn: peers
	$(PY) -m benchmarks.sklearn_estimators --write
	$(PY) -m benchmarks.sklearn_estimators.memory

# Searches over candidates in processes and threads, and what the import costs. On a quiet machine.
bench-search: peers
	$(PY) -m benchmarks.sklearn_estimators.search
	$(PY) -m benchmarks.sklearn_estimators.imports

# The crates for dense products, side by side: see benchmarks/products.md.
bench-products:
	cd benchmarks/products && cargo build --release --target-dir ../../target/products
	target/products/release/products

format: lint-tools
	cargo fmt --all
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

clean:
	rm -rf $(VENV) target dist $(CORE)
