#!/usr/bin/env bash
# install_test.sh: `make install` into an empty prefix gives a gort that others can use: the program of README.md is compiled
# with what pkg-config says and with CMake's find_package, shared and static, in C and C++, and prints what it should, as does
# the one with a select of docs/c-api.md, without a warning; a program that loads and unloads the library survives; `make
# uninstall` leaves nothing.
#
# The last line is "N passed, N failed" (", N skipped" when cmake or pkg-config is missing). What it is NOT: a test of gort.
# The prefix has a space-free temporary path, and nothing of the build tree is used after the installation.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root" || exit 1
passed=0 failed=0 skipped=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

good() { passed=$((passed + 1)) && echo "ok $1"; }
bad() { failed=$((failed + 1)) && echo "FAILED $1" && tail -15 "$work/log" 2>/dev/null; }
skip() { skipped=$((skipped + 1)) && echo "skipped $1"; }
# check NAME COMMAND...
check() {
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then good "$name"; else bad "$name"; fi
}
has() { command -v "$1" >/dev/null 2>&1; }

# --- install --------------------------------------------------------------------------------------------------------

if ! make -s install PREFIX="$prefix" DESTDIR= >"$work/log" 2>&1; then
    bad make_install
    echo "$passed passed, $failed failed"
    exit 1
fi
good make_install
for file in include/gort.h lib/libgort.so lib/libgort.a lib/pkgconfig/gort.pc lib/cmake/gort/gortConfig.cmake \
    lib/cmake/gort/gortConfigVersion.cmake; do
    check "installs_$file" test -f "$prefix/$file"
done
version=$(sed -n 's/^#define GORT_VERSION_STRING "\(.*\)"$/\1/p' "$prefix/include/gort.h")
soname=$(readelf -d "$prefix/lib/libgort.so" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
check library_has_its_version_in_its_name test -f "$prefix/lib/libgort.so.$version"
check soname_is_a_link test "$(readlink "$prefix/lib/$soname")" = "libgort.so.$version"

make -s install PREFIX=/usr DESTDIR="$work/stage" >"$work/log" 2>&1
check destdir_is_in_front test -f "$work/stage/usr/include/gort.h"
check destdir_is_in_no_file sh -c "! grep -r '$work' '$work/stage/usr/lib/pkgconfig' '$work/stage/usr/lib/cmake'"

# --- the program of the README --------------------------------------------------------------------------------------

awk '/^```c$/ { on = 1; next } /^```$/ { if (on) exit } on' README.md >"$work/main.c"
cp "$work/main.c" "$work/main.cpp"
# In C++ a void pointer must be cast.
sed -i 's/ints \*jobs = arg;/ints *jobs = static_cast<ints *>(arg);/' "$work/main.cpp"
check readme_has_a_program grep -q gort_run "$work/main.c"
seq -f 'job %g' 0 99 | sort >"$work/expected"

# prints NAME LIBRARY_PATH PROGRAM: it prints each job once.
prints() {
    if LD_LIBRARY_PATH=$2 timeout 60 "$3" >"$work/out" 2>"$work/log" && sort "$work/out" | cmp -s - "$work/expected"; then
        good "$1"
    else
        bad "$1"
    fi
}

export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
if has pkg-config; then
    check pkg_config_knows_the_version test "$(pkg-config --modversion gort)" = "$version"
    # shellcheck disable=SC2046
    check cc_with_pkg_config cc "$work/main.c" $(pkg-config --cflags --libs gort) -o "$work/shared"
    prints shared_program_runs "$prefix/lib" "$work/shared"
    # shellcheck disable=SC2046
    check cxx_with_pkg_config c++ -std=c++17 "$work/main.cpp" $(pkg-config --cflags --libs gort) -o "$work/shared++"
    prints shared_cxx_program_runs "$prefix/lib" "$work/shared++"
    awk '/^```c$/ { on = 1; next } /^```$/ { if (on) exit } on' docs/c-api.md >"$work/select.c"
    check document_has_a_program_with_a_select grep -q gort_select "$work/select.c"
    for language in c c++; do
        # shellcheck disable=SC2046
        check "select_compiles_as_$language" cc -x $language -Wall -Wextra -Wconversion -Werror "$work/select.c" \
            $(pkg-config --cflags --libs gort) -o "$work/select"
        check "select_as_${language}_runs" sh -c "LD_LIBRARY_PATH='$prefix/lib' timeout 60 '$work/select' | grep -qx 'sum 285'"
    done
    # The archive by its name, with the libraries that --static adds.
    # shellcheck disable=SC2046
    check cc_with_the_archive cc "$work/main.c" $(pkg-config --cflags gort) \
        $(pkg-config --libs --static gort | sed 's/-lgort/-l:libgort.a/') -o "$work/archive"
    prints program_with_the_archive_runs "" "$work/archive"
    check program_with_the_archive_needs_no_libgort sh -c "! readelf -d '$work/archive' | grep -q libgort"
    # shellcheck disable=SC2046
    check cc_static cc -static "$work/main.c" $(pkg-config --cflags --libs --static gort) -o "$work/static"
    prints fully_static_program_runs "" "$work/static"
else
    skip pkg_config
fi

# --- CMake ----------------------------------------------------------------------------------------------------------

if has cmake; then
    mkdir "$work/cmake"
    cat >"$work/cmake/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.16)
project(app C CXX)
set(CMAKE_CXX_STANDARD 17)
find_package(gort ${WANTED} REQUIRED)
add_executable(shared ../main.c)
target_link_libraries(shared gort::gort)
add_executable(shared++ ../main.cpp)
target_link_libraries(shared++ gort::gort)
add_executable(static ../main.c)
target_link_libraries(static gort::static)
add_executable(static2 ../main.c)
target_link_libraries(static2 gort::gort_static)
CMAKE
    # configure FOLDER WANTED
    configure() { cmake -S "$work/cmake" -B "$work/$1" -DCMAKE_PREFIX_PATH="$prefix" -DWANTED="$2"; }
    check cmake_finds_gort configure build "${version%.*}"
    check cmake_builds cmake --build "$work/build"
    for program in shared shared++ static static2; do
        prints "cmake_${program}_runs" "" "$work/build/$program" # the shared ones find it by their rpath
    done
    check cmake_refuses_a_later_version sh -c "! cmake -S '$work/cmake' -B '$work/later' -DCMAKE_PREFIX_PATH='$prefix' -DWANTED=99.0"
    check cmake_refuses_an_older_series sh -c "! cmake -S '$work/cmake' -B '$work/older' -DCMAKE_PREFIX_PATH='$prefix' -DWANTED=0.0.1"
else
    skip cmake
fi

# --- loaded and unloaded --------------------------------------------------------------------------------------------

cat >"$work/load.c" <<'C'
/* A thread uses gort, the library is "unloaded" under it, and the thread ends: its destructors must still be there. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include <gort.h>

static int step;

static void *use(void *library) {
    gort_chan *(*make)(size_t, size_t) = (gort_chan * (*)(size_t, size_t)) dlsym(library, "gort_chan_new");
    gort_status (*release)(gort_chan *) = (gort_status(*)(gort_chan *))dlsym(library, "gort_chan_release");
    gort_chan *c = make(4, 1);
    if (c == NULL || release(c) != GORT_OK) return use;
    __atomic_store_n(&step, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&step, __ATOMIC_SEQ_CST) != 2) usleep(100);
    return NULL;
}

int main(int argc, char **argv) {
    void *library = dlopen(argv[argc - 1], RTLD_NOW | RTLD_LOCAL), *failed = NULL;
    pthread_t thread;
    if (library == NULL || pthread_create(&thread, NULL, use, library)) return 1;
    while (__atomic_load_n(&step, __ATOMIC_SEQ_CST) != 1) usleep(100);
    dlclose(library);
    __atomic_store_n(&step, 2, __ATOMIC_SEQ_CST);
    pthread_join(thread, &failed);
    return failed != NULL;
}
C
check loader_compiles cc "$work/load.c" -I"$prefix/include" -pthread -ldl -o "$work/load"
check library_survives_dlclose "$work/load" "$prefix/lib/$soname"

# --- uninstall ------------------------------------------------------------------------------------------------------

check make_uninstall make -s uninstall PREFIX="$prefix" DESTDIR=
check uninstall_leaves_no_file test -z "$(find "$prefix" ! -type d)"

if [ "$skipped" = 0 ]; then
    echo "$passed passed, $failed failed"
else
    echo "$passed passed, $failed failed, $skipped skipped"
fi
[ "$failed" = 0 ]
