#!/bin/sh
# build.sh INCLUDE LIBRARIES PROGRAM: links gort-c to the libgort.so in the folder LIBRARIES.
set -eu
here=$(dirname "$0")
# A program asks for the library by its soname, which cargo does not make a file of.
soname=$(readelf -d "$2/libgort.so" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
ln -sf libgort.so "$2/$soname"
cc -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra "-I$1" "$here"/*.c "-L$2" -lgort "-Wl,-rpath,$2" -pthread -o "$3"
