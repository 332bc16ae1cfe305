# gort: one runtime for tasks, channels and WaitGroups, for C and Rust.
#
# `make help` lists what there is. Cargo does the building; this file gives the steps their names. On a clean clone
# `make demo` and `make test` need no other step. CARGO_TARGET_DIR is honoured. Results of tests are remembered by the
# content of what they read (tools/stages.sh), so a second run is quick.

PREFIX  ?= /usr/local
DESTDIR ?=
ARGS    ?= --quick
DIR     ?=
export PATH := $(PATH):$(HOME)/.cargo/bin
TARGET  := $(or $(CARGO_TARGET_DIR),target)
ABI     := $(shell sed -n 's/^const ABI: u32 = \([0-9]*\);$$/\1/p' ffi-c/build.rs)

# $(call need,PROGRAM,WHAT TO INSTALL)
need = command -v $(1) >/dev/null 2>&1 || { echo "gort: $(1) is missing; install it: $(2)" >&2; exit 1; }

.PHONY: help tools build python demo test test-deep bench install uninstall fmt clean
.DEFAULT_GOAL := help

help:
	@echo "make build        libgort.so, libgort.a (release) and the check that include/gort.h is in step"
	@echo "make python       the Python module, built and installed into .venv"
	@echo "make demo         the main job: index the text files under DIR= (default: library sources on this machine)"
	@echo "make test         every quick test; FORCE=1 runs also what did not change, ONLY=\"fmt docs\" some stages"
	@echo "make test-deep    loom models, ThreadSanitizer, AddressSanitizer, long stress, planted mutants; takes long"
	@echo "make bench        the benchmarks; ARGS=\"--only pingpong_cap0 --json FILE\" (default: --quick)"
	@echo "make install      into PREFIX= ($(PREFIX)), below DESTDIR= for packagers; make uninstall takes it away"
	@echo "make fmt          format the Rust sources"
	@echo "make clean        remove target, .venv and benchmarks/out"

tools:
	@$(call need,cargo,see https://rustup.rs or your distribution's cargo and rustc (1.95 or later))
	@$(call need,cc,a C compiler: apt-get install gcc libc6-dev)

build: tools
	@cargo build -q --release -p gort -p gort-ffi-c
	@# Programs linked here ask for the soname, which cargo does not make a file of.
	@ln -sf libgort.so $(TARGET)/release/libgort.so.$(ABI)
	@cargo test -q -p gort-ffi-c --test header >$(TARGET)/header.log 2>&1 || { cat $(TARGET)/header.log; exit 1; }
	@echo "built $(TARGET)/release/libgort.so and libgort.a; include/gort.h is in step"

# The one Python environment of the tree: the benchmark runner, the chart of the demo, and Go's toolchain as a peer.
.venv/.ready: benchmarks/requirements.txt py/requirements-dev.txt
	@$(call need,python3,Python 3: apt-get install python3)
	@python3 -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "gort: python3 -m venv does not work; install it: apt-get install python3-venv" >&2; exit 1; }
	@echo "making .venv from $<"
	@test -x .venv/bin/python || python3 -m venv .venv
	@.venv/bin/python -m pip install -q --disable-pip-version-check -r $< -r py/requirements-dev.txt
	@touch $@

# The Python module, built by maturin and installed into .venv; again when a source of it has changed.
PYTHON_SOURCES := $(shell find core/src ffi-c/src ffi-c/build.rs py/src py/build.rs py/python include py/Cargo.toml py/pyproject.toml Cargo.toml Cargo.lock -type f -not -name '*.so' -not -path '*/__pycache__/*' 2>/dev/null)
.venv/.gort: .venv/.ready $(PYTHON_SOURCES)
	@echo "building the Python module"
	@rm -rf $(TARGET)/wheels && .venv/bin/maturin build -q --release -m py/Cargo.toml -i .venv/bin/python -o $(TARGET)/wheels >$(TARGET)/wheel.log 2>&1 || \
		{ cat $(TARGET)/wheel.log; exit 1; }
	@.venv/bin/python -m pip install -q --disable-pip-version-check --force-reinstall --no-deps $(TARGET)/wheels/*.whl
	@touch $@

python: tools .venv/.gort

demo: build .venv/.gort
	@DIR="$(DIR)" bash examples/index/run.sh

test: tools
	@bash tools/test.sh

test-deep: tools
	@bash tools/deep.sh

bench: build .venv/.gort
	@.venv/bin/python benchmarks/run.py $(ARGS)

install: build
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" sh ffi-c/install.sh

uninstall:
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" sh ffi-c/install.sh --uninstall

fmt: tools
	@cargo fmt --all

clean:
	rm -rf target .venv benchmarks/out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
