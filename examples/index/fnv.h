/* fnv.h: FNV-1a, 64 bits, fed piece by piece.
 *
 * What is hashed is said in README.md ("The checksum"); this file knows bytes only.
 * NOT the hash of the word table (table.c): that one wants speed, this one wants a name everybody can compute. */
#ifndef INDEX_FNV_H
#define INDEX_FNV_H

#include <stddef.h>
#include <stdint.h>

#define FNV1A64_START UINT64_C(0xcbf29ce484222325)
#define FNV1A64_PRIME UINT64_C(0x00000100000001b3)

static inline uint64_t fnv1a64(uint64_t hash, const void *bytes, size_t n) {
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++) hash = (hash ^ p[i]) * FNV1A64_PRIME;
    return hash;
}

#endif
