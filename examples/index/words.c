/* words.c: the table behind words.h. */
#include "words.h"

#define TEN(from)                                                                                                      \
    [from] = 1, [from + 1] = 1, [from + 2] = 1, [from + 3] = 1, [from + 4] = 1, [from + 5] = 1, [from + 6] = 1,        \
    [from + 7] = 1, [from + 8] = 1, [from + 9] = 1
#define SIX(from) [from] = 1, [from + 1] = 1, [from + 2] = 1, [from + 3] = 1, [from + 4] = 1, [from + 5] = 1

const unsigned char word_byte[256] = {TEN('0'), TEN('A'), TEN('A' + 10), SIX('A' + 20), TEN('a'), TEN('a' + 10), SIX('a' + 20), ['_'] = 1};
