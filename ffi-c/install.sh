#!/bin/sh
# install.sh: puts the C face into a prefix, or takes it out again. `make install` calls it, after building.
#
#   PREFIX=/usr/local DESTDIR= sh ffi-c/install.sh [--uninstall] [PREFIX [DESTDIR]]
#
#   PREFIX/lib/libgort.so.VERSION, libgort.so.ABI and libgort.so (links), libgort.a
#   PREFIX/include/gort.h
#   PREFIX/lib/pkgconfig/gort.pc
#   PREFIX/lib/cmake/gort/gortConfig.cmake, gortConfigVersion.cmake
#
# DESTDIR goes before every path that is written and into no file. The version is that of the header, the ABI's number that of
# build.rs. What it is NOT: a build; the files must be there. POSIX sh, no tools but those of every system.
set -eu
cd "$(dirname "$0")/.."

uninstall=
if [ "${1:-}" = --uninstall ]; then
    uninstall=yes
    shift
fi
PREFIX=${1:-${PREFIX:-/usr/local}}
DESTDIR=${2:-${DESTDIR:-}}
case $PREFIX in
/*) ;;
*) echo "install.sh: PREFIX must be an absolute path, not '$PREFIX'" >&2 && exit 1 ;;
esac

version=$(sed -n 's/^#define GORT_VERSION_STRING "\(.*\)"$/\1/p' include/gort.h)
abi=$(sed -n 's/^const ABI: u32 = \([0-9]*\);$/\1/p' ffi-c/build.rs)
[ -n "$version" ] && [ -n "$abi" ] || { echo "install.sh: no version in include/gort.h, or no ABI in ffi-c/build.rs" >&2; exit 1; }
lib=$DESTDIR$PREFIX/lib
include=$DESTDIR$PREFIX/include

if [ -n "$uninstall" ]; then
    rm -f "$lib/libgort.so" "$lib/libgort.so.$abi" "$lib/libgort.so.$version" "$lib/libgort.a" "$include/gort.h"
    rm -f "$lib/pkgconfig/gort.pc" "$lib/cmake/gort/gortConfig.cmake" "$lib/cmake/gort/gortConfigVersion.cmake"
    if [ -d "$lib/cmake/gort" ]; then rmdir "$lib/cmake/gort" || true; fi
    echo "gort $version is gone from $DESTDIR$PREFIX"
    exit 0
fi

built=${CARGO_TARGET_DIR:-target}/release
for file in libgort.so libgort.a; do
    [ -f "$built/$file" ] || { echo "install.sh: $built/$file is not built; run make build" >&2; exit 1; }
done

# fill TEMPLATE FILE: the template with its values.
fill() {
    sed -e "s|@PREFIX@|$PREFIX|g" -e "s|@VERSION@|$version|g" -e "s|@ABI@|$abi|g" "ffi-c/install/$1" >"$2"
    chmod 644 "$2"
}

mkdir -p "$lib/pkgconfig" "$lib/cmake/gort" "$include"
# A running program may have the old file mapped: replace it, do not write into it.
rm -f "$lib/libgort.so.$version"
install -m 755 "$built/libgort.so" "$lib/libgort.so.$version"
ln -sf "libgort.so.$version" "$lib/libgort.so.$abi"
ln -sf "libgort.so.$abi" "$lib/libgort.so"
install -m 644 "$built/libgort.a" "$lib/libgort.a"
install -m 644 include/gort.h "$include/gort.h"
fill gort.pc.in "$lib/pkgconfig/gort.pc"
fill gortConfig.cmake.in "$lib/cmake/gort/gortConfig.cmake"
fill gortConfigVersion.cmake.in "$lib/cmake/gort/gortConfigVersion.cmake"

# Where the loader looks by itself, it has a cache.
if [ -z "$DESTDIR" ] && [ "$(id -u)" = 0 ] && command -v ldconfig >/dev/null 2>&1; then
    case $PREFIX in /usr | /usr/local) ldconfig ;; esac
fi
echo "gort $version is in $DESTDIR$PREFIX"
