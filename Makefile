# gort: one runtime for tasks, channels and WaitGroups, for C, Python and Rust.
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
PIP     := .venv/bin/python -m pip install -q --disable-pip-version-check
# What goes into the wheel.
MODULE  := Cargo.toml Cargo.lock include/gort.h $(shell find core ffi-c py \( -name tests -o -name __pycache__ -o -name target \) -prune -o \
               \( -name '*.rs' -o -name '*.py' -o -name '*.pyi' -o -name '*.typed' -o -name '*.toml' -o -name '*.h' -o -name '*.md' \) -print)
ABI     := $(shell sed -n 's/^const ABI: u32 = \([0-9]*\);$$/\1/p' ffi-c/build.rs)

# $(call need,PROGRAM,WHAT TO INSTALL)
need = command -v $(1) >/dev/null 2>&1 || { echo "gort: $(1) is missing; install it: $(2)" >&2; exit 1; }

.PHONY: help tools build tsan-lib python demo test test-deep bench install uninstall fmt clean
.DEFAULT_GOAL := help

help:
	@echo "make build        libgort.so, libgort.a (release) and the check that include/gort.h is in step"
	@echo "make tsan-lib     a libgort that tells ThreadSanitizer what orders what, for a program built with -fsanitize=thread (docs/memory-model.md)"
	@echo "make python       the Python module, built as a release wheel and installed into .venv"
	@echo "make demo         the main job in C, Python and both: index the text files under DIR= (default: library sources on this machine)"
	@echo "make test         every quick test; FORCE=1 runs also what did not change, ONLY=\"fmt docs\" some stages"
	@echo "make test-deep    loom models, ThreadSanitizer, AddressSanitizer, fuzzing, long stress, planted mutants; takes long"
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

# Not instrumented: it announces its tasks and its edges (core/src/sys/race.rs). Flags differ, so it has a directory of its own.
tsan-lib: tools
	@RUSTFLAGS="--cfg gort_race" cargo build -q --release -p gort -p gort-ffi-c --target-dir $(TARGET)/race
	@ln -sf libgort.so $(TARGET)/race/release/libgort.so.$(ABI)
	@echo "built $(TARGET)/race/release/libgort.a and libgort.so, for programs built with -fsanitize=thread"

# The one Python environment of the tree: the module gort itself, the benchmark runner, the chart of the demo, and Go's toolchain as a peer.
.venv/.ready: benchmarks/requirements.txt py/requirements-build.txt py/requirements-dev.txt
	@$(call need,python3,Python 3: apt-get install python3)
	@python3 -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "gort: python3 -m venv does not work; install it: apt-get install python3-venv" >&2; exit 1; }
	@echo "making .venv from $^"
	@test -x .venv/bin/python || python3 -m venv .venv
	@$(PIP) $(addprefix -r ,$^)
	@touch $@

# The wheel that a user would get, built as a release; only when a file that goes into it is newer than the one installed.
.venv/.gort: .venv/.ready $(MODULE)
	@$(call need,cargo,see https://rustup.rs or your distribution's cargo and rustc (1.95 or later))
	@echo "building the Python module into .venv"
	@rm -rf $(TARGET)/wheels && mkdir -p $(TARGET)
	@.venv/bin/maturin build -q --release --compatibility linux -m py/Cargo.toml -i .venv/bin/python -o $(TARGET)/wheels >$(TARGET)/wheel.log 2>&1 || \
		{ cat $(TARGET)/wheel.log; exit 1; }
	@$(PIP) --force-reinstall --no-deps $(TARGET)/wheels/gort-*.whl
	@touch $@

# Only the benchmarks need them.
.venv/.peers: benchmarks/requirements-peers.txt .venv/.ready
	@echo "installing the peers of the Python rows"
	@$(PIP) -r $<
	@touch $@

python: tools .venv/.gort

demo: build .venv/.gort
	@DIR="$(DIR)" bash examples/index/run.sh

test: tools
	@bash tools/test.sh

test-deep: tools
	@bash tools/deep.sh

bench: build .venv/.gort .venv/.peers
	@.venv/bin/python benchmarks/run.py $(ARGS)

install: build
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" sh ffi-c/install.sh

uninstall:
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" sh ffi-c/install.sh --uninstall

fmt: tools
	@cargo fmt --all
	@cargo fmt --manifest-path benchmarks/engines/rust-queues/Cargo.toml

clean:
	rm -rf target .venv benchmarks/out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
