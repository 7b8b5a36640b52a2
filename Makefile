# Two commands do all their own set-up, from a fresh clone on: `make train` and `make test`.
# They need Python >= 3.10 with venv, and a Rust toolchain.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= auto

SOURCES := Cargo.toml Cargo.lock pyproject.toml $(shell find rust -name '*.rs' -o -name Cargo.toml)

.PHONY: train test lint rust-test python-test soak bench bench-products format build clean

train: build
	$(BIN)/kobai train --data $(DATA)

test: lint rust-test python-test

build: $(VENV)/built

# Editable: Python files are read where they stand, so only Rust makes a new build.
$(VENV)/built: $(VENV)/tools $(SOURCES)
	$(BIN)/maturin develop --release --quiet
	touch $@

$(VENV)/tools: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --group build --group test --group lint
	touch $@

lint: build
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --release --quiet -- -D warnings
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	cd $(VENV) && bin/stubtest kobai._core --mypy-config-file ../pyproject.toml

rust-test:
	cargo test --release --workspace

python-test: build
	$(BIN)/python -m pytest

# 100,000 random calls, with an eye on memory: minutes, where the tests take seconds.
soak: build
	$(BIN)/python -m tests.soak

# The peers are heavy, so only this target installs them; PyTorch is measured where it is there.
bench: build $(VENV)/peers
	$(BIN)/python -m benchmarks

$(VENV)/peers: $(VENV)/tools
	$(BIN)/python -m pip install --quiet --group peers
	touch $@

# The crates for dense products, side by side: see benchmarks/products.md.
bench-products:
	cd benchmarks/products && cargo build --release --target-dir ../../target/products
	for threads in 1 2; do MATMUL_NUM_THREADS=$$threads RAYON_NUM_THREADS=$$threads \
		target/products/release/products $$threads; done

format: $(VENV)/tools
	cargo fmt --all
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) target dist
