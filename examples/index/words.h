/* words.h: what a word is. A word is a longest run of [A-Za-z0-9_], judged byte by byte: no locale, no encoding.
 * The bytes of UTF-8 letters outside ASCII end a word like any other byte. NUL is no word byte, which table.c leans on. */
#ifndef INDEX_WORDS_H
#define INDEX_WORDS_H

#include <stddef.h>

extern const unsigned char word_byte[256]; /* 1 for the 63 bytes of a word */

/* Where to cut n bytes so that no word is cut through: n itself if the last byte is no word byte, else the start of the last word.
 * 0 means that all n bytes are one word, which may go on. */
static inline size_t word_border(const unsigned char *bytes, size_t n) {
    while (n > 0 && word_byte[bytes[n - 1]]) n--;
    return n;
}

#endif
