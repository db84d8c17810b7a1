// A text's features: the four basic counts, and its cost and rare n-grams under an n-gram table.
#include <float.h>
#include <math.h>
#include <stdint.h>

#include "json.h"

#if FLT_EVAL_METHOD != 0
#error "doubles are computed with more bits than they have: compile for SSE2 (-msse2 -mfpmath=sse)"
#endif

enum { ORDERS = 4 };

typedef struct {
    int fold, orders, order[ORDERS], bits[ORDERS];
    uint32_t multiplier;
    double unit;  // tokens per unit of cost
    Bytes weights[ORDERS], pairs, threes;  // the last two are empty where the table does not know n-grams
} Table;

// C's library has no SHA-256: the file's is not checked, but golden vectors tell another table too.
static Table load_table(const char *json) {
    Table table = {0};
    table.fold = !strncmp(member(json, "fold"), "\"digits\"", 8);
    table.multiplier = (uint32_t)number(json, "multiplier");
    table.unit = ldexp(1, -(int)number(json, "unit_exponent"));
    for (const char *p = first(member(json, "tables")); more(p); p = next(p)) {
        double order = number(p, "order"), bits = number(p, "bits");
        if (table.orders == ORDERS || order < 1 || order > ORDERS || bits < 1 || bits > 18) fail("no such order", "");
        int i = table.orders++;
        table.order[i] = (int)order;
        table.bits[i] = (int)bits;
        table.weights[i] = base64(member(p, "weights"));
        if (table.weights[i].size != (size_t)2 << table.bits[i]) fail("an order has not 2^bits weights", "");
    }
    const char *known = member(json, "known_ngrams");
    if (*known) table.pairs = base64(member(known, "pairs")), table.threes = base64(member(known, "threes"));
    return table;
}

static int folded(const Table *table, int byte) { return table->fold && byte >= '0' && byte <= '9' ? '0' : byte; }

// How many pairs and threes of bytes the table's training hardly held.
static double rare(const Table *table, Bytes text) {
    uint32_t key = 0x0A0A0A0A, found = 0, bits = 3;
    while ((size_t)1 << bits < 8 * table->threes.size) bits++;
    for (size_t i = 0; i < text.size; i++) {
        key = key << 8 | (uint32_t)folded(table, text.data[i]);
        uint32_t pair = key & 0xFFFF, three = ((key & 0xFFFFFF) * table->multiplier) >> (32 - bits);
        found += 1U & ~(unsigned)(table->pairs.data[pair / 8] >> pair % 8);
        found += 1U & ~(unsigned)(table->threes.data[three / 8] >> three % 8);
    }
    return found;
}

static double cost(const Table *table, Bytes text) {
    uint32_t key = 0x0A0A0A0A;  // line feeds stand before the text
    int64_t units = 0;
    for (size_t i = 0; i < text.size; i++) {
        key = key << 8 | (uint32_t)folded(table, text.data[i]);
        for (int j = 0; j < table->orders; j++) {
            uint32_t gram = key & UINT32_MAX >> (32 - 8 * table->order[j]);
            uint32_t place = (gram * table->multiplier) >> (32 - table->bits[j]);
            const unsigned char *weight = table->weights[j].data + 2 * (size_t)place;
            units += (int16_t)(weight[0] | weight[1] << 8);
        }
    }
    return (double)units * table->unit;
}

// How many bytes the white space at p has, 0 if there is none.
static size_t white_space(const unsigned char *p) {
    if (*p == ' ' || (*p >= '\t' && *p <= '\r')) return 1;
    if (*p < 0x80 || !p[1]) return 0;
    unsigned two = (unsigned)*p << 8 | p[1], three = two << 8 | p[2];
    if (two == 0xC285 || two == 0xC2A0) return 2;                     // U+0085, 00A0
    if (three >= 0xE28080 && three <= 0xE2808A) return 3;             // U+2000-200A
    return three == 0xE19A80 || three == 0xE280A8 || three == 0xE280A9 || three == 0xE280AF  // U+1680, 2028, 2029, 202F
        || three == 0xE2819F || three == 0xE38080 ? 3 : 0;            // U+205F, 3000
}

// Writes bytes, runes, words and lines to counts[0] to counts[3].
static void basic_counts(Bytes text, double *counts) {
    counts[0] = (double)text.size;
    counts[1] = counts[2] = 0;
    counts[3] = text.size > 0;
    for (size_t i = 0; i < text.size; i++) {
        counts[1] += (text.data[i] & 0xC0) != 0x80;
        counts[3] += text.data[i] == '\n';
    }
    for (size_t i = 0, spaces, inside = 0; i < text.size; i += spaces ? spaces : 1) {
        spaces = white_space(text.data + i);
        counts[2] += !spaces && !inside;
        inside = !spaces;
    }
}
