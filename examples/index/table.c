/* table.c: the word table: find the words of a block, count them, add tables up, sort.
 *
 * Shape: a dense array of words (so that sorting and merging walk plain memory) and an open-addressed array of slots
 * {hash, index} with linear probing, at most half full, power of two. Key bytes go into an arena of chunks that never move.
 * The first 8 bytes of a word are kept in the entry: words of up to 8 bytes, four of five in source code, are compared
 * without touching the arena, and sorting by bytes mostly compares two numbers.
 *
 * Invariants:
 *   I1  a word's bytes hold no NUL, so the zeros behind a short word's head cannot be mistaken for bytes of it;
 *   I2  every key in the arena has 8 readable bytes at its start, whatever its length;
 *   I3  slots hold each index once; hash in the slot = hash in the word.
 *
 * NOT hardened against chosen keys: the input is the user's own files. NOT shared: one table for each counting task costs
 * a merge at the end and saves every lock on the way; one table with striped locks would be taken once for every word. */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "fnv.h"
#include "words.h"

#define FIRST_SLOTS 4096u
#define CHUNK (256u * 1024u)

struct arena_chunk {
    struct arena_chunk *next;
    size_t used, room;
    unsigned char bytes[];
};

/* Eight bytes, the first one lowest: the same number on every machine. */
static inline uint64_t load8(const unsigned char *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static inline uint64_t head_of(const unsigned char *word, size_t n) {
    uint64_t v = load8(word);
    return n >= 8 ? v : v & ((UINT64_C(1) << (8 * n)) - 1);
}

static inline uint64_t mix(uint64_t h, uint64_t v) {
    h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ (h >> 32);
}

/* The last piece of a long word is read so that it ends with the word: pieces overlap instead of running over. */
static inline uint32_t hash_of(const unsigned char *word, size_t n, uint64_t head) {
    uint64_t h = mix(n, head);
    if (n > 8) {
        for (size_t i = 8; i + 8 < n; i += 8) h = mix(h, load8(word + i));
        h = mix(h, load8(word + n - 8));
    }
    return (uint32_t)(h >> 16);
}

static unsigned char *arena_copy(struct table *table, const unsigned char *bytes, size_t n) {
    size_t need = n < 8 ? 8 : n; /* I2 */
    struct arena_chunk *chunk = table->arena;
    if (chunk == NULL || chunk->room - chunk->used < need) {
        size_t room = need > CHUNK ? need : CHUNK;
        chunk = malloc(sizeof *chunk + room);
        if (chunk == NULL) return NULL;
        chunk->next = table->arena;
        chunk->used = 0;
        chunk->room = room;
        table->arena = chunk;
    }
    unsigned char *copy = chunk->bytes + chunk->used;
    memcpy(copy, bytes, n);
    if (n < 8) memset(copy + n, 0, 8 - n);
    chunk->used += need;
    return copy;
}

int table_init(struct table *table) {
    *table = (struct table){0};
    table->slots = calloc(FIRST_SLOTS, sizeof *table->slots);
    if (table->slots == NULL) return -1;
    table->mask = FIRST_SLOTS - 1;
    return 0;
}

static int more_slots(struct table *table) {
    size_t size = (table->mask + 1) * 2, mask = size - 1;
    uint64_t *slots = calloc(size, sizeof *slots);
    if (slots == NULL) return -1;
    for (size_t i = 0; i < table->count; i++) {
        size_t at = table->words[i].hash & mask;
        while (slots[at] != 0) at = (at + 1) & mask;
        slots[at] = (uint64_t)table->words[i].hash << 32 | (i + 1);
    }
    free(table->slots);
    table->slots = slots;
    table->mask = mask;
    return 0;
}

/* Room for one more word in both arrays, before anything is changed. */
static int make_room(struct table *table) {
    if (table->count >= UINT32_MAX - 1) return -1;
    if (table->count == table->room) {
        size_t room = table->room ? table->room * 2 : FIRST_SLOTS / 2;
        struct word *words = realloc(table->words, room * sizeof *words);
        if (words == NULL) return -1;
        table->words = words;
        table->room = room;
    }
    return (table->count + 1) * 2 > table->mask + 1 ? more_slots(table) : 0;
}

static int add_new(struct table *table, const struct word *word) {
    if (make_room(table) != 0) return -1;
    size_t at = word->hash & table->mask;
    while (table->slots[at] != 0) at = (at + 1) & table->mask;
    table->words[table->count++] = *word;
    table->slots[at] = (uint64_t)word->hash << 32 | table->count;
    return 0;
}

/* The entry equal to these bytes, or NULL. */
static inline struct word *find(const struct table *table, const unsigned char *bytes, uint32_t n, uint64_t head, uint32_t hash) {
    for (size_t at = hash & table->mask; table->slots[at] != 0; at = (at + 1) & table->mask) {
        uint64_t slot = table->slots[at];
        if ((uint32_t)(slot >> 32) != hash) continue;
        struct word *word = &table->words[(uint32_t)slot - 1];
        if (word->head == head && word->length == n && (n <= 8 || memcmp(word->bytes + 8, bytes + 8, n - 8) == 0)) return word;
    }
    return NULL;
}

static int first_sight(struct table *table, const unsigned char *bytes, uint32_t n, uint64_t head, uint32_t hash) {
    unsigned char *copy = arena_copy(table, bytes, n);
    if (copy == NULL) return -1;
    return add_new(table, &(struct word){.head = head, .bytes = copy, .count = 1, .length = n, .hash = hash});
}

int table_count(struct table *table, unsigned char *bytes, size_t n) {
    const unsigned char *p = bytes, *end = bytes + n;
    memset(bytes + n, 0, TABLE_PAD); /* ends the last word, and makes its 8-byte reads legal */
    for (;;) {
        while (p < end && !word_byte[*p]) p++;
        if (p == end) return 0;
        const unsigned char *start = p;
        while (word_byte[*p]) p++;
        uint32_t length = (uint32_t)(p - start);
        uint64_t head = head_of(start, length);
        uint32_t hash = hash_of(start, length, head);
        struct word *word = find(table, start, length, head, hash);
        if (word != NULL) word->count++;
        else if (first_sight(table, start, length, head, hash) != 0) return -1;
        table->seen++;
    }
}

/* The keys stay where they are: the chunks change hands. */
int table_merge(struct table *into, struct table *from) {
    if (into->count < from->count) {
        struct table swap = *into;
        *into = *from;
        *from = swap;
    }
    for (size_t i = 0; i < from->count; i++) {
        const struct word *word = &from->words[i];
        struct word *same = find(into, word->bytes, word->length, word->head, word->hash);
        if (same != NULL) same->count += word->count;
        else if (add_new(into, word) != 0) return -1;
    }
    struct arena_chunk **last = &into->arena;
    while (*last != NULL) last = &(*last)->next;
    *last = from->arena;
    from->arena = NULL;
    into->seen += from->seen;
    table_free(from);
    return 0;
}

static int by_count_then_bytes(const void *pa, const void *pb) {
    const struct word *a = pa, *b = pb;
    if (a->count != b->count) return a->count > b->count ? -1 : 1;
    if (a->head != b->head) {
        uint64_t x = __builtin_bswap64(a->head), y = __builtin_bswap64(b->head); /* first byte highest: order of bytes */
        return x < y ? -1 : 1;
    }
    size_t shorter = a->length < b->length ? a->length : b->length;
    int order = shorter > 8 ? memcmp(a->bytes + 8, b->bytes + 8, shorter - 8) : 0;
    if (order != 0) return order;
    return a->length < b->length ? -1 : a->length > b->length;
}

void table_sort(struct table *table) {
    free(table->slots);
    table->slots = NULL;
    table->mask = 0;
    if (table->count > 0) qsort(table->words, table->count, sizeof *table->words, by_count_then_bytes);
}

/* Decimal digits of n, without an end mark; how many. */
static size_t decimal(char out[20], uint64_t n) {
    char digits[20];
    size_t count = 0;
    do digits[count++] = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    for (size_t i = 0; i < count; i++) out[i] = digits[count - 1 - i];
    return count;
}

uint64_t table_checksum(const struct table *table) {
    uint64_t hash = FNV1A64_START;
    char number[22];
    for (size_t i = 0; i < table->count; i++) {
        const struct word *word = &table->words[i];
        number[0] = '\t';
        size_t digits = decimal(number + 1, word->count);
        number[1 + digits] = '\n';
        hash = fnv1a64(hash, word->bytes, word->length);
        hash = fnv1a64(hash, number, digits + 2);
    }
    return hash;
}

void table_free(struct table *table) {
    while (table->arena != NULL) {
        struct arena_chunk *next = table->arena->next;
        free(table->arena);
        table->arena = next;
    }
    free(table->words);
    free(table->slots);
    *table = (struct table){0};
}
