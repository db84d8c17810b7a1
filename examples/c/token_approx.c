// Estimates tokens from a model_coefs.json, as docs/contract.md defines it. How to build and run it: ../README.md.
#include "features.h"

enum { FEATURES = 28, NAME = 64 };  // the four basic counts; a cost, and rare n-grams, of up to 12 tables
typedef struct { const char *coefs; int features; char name[FEATURES][NAME]; Table tables[FEATURES / 2]; } Model;

static void load(Model *m, const char *path) {
    *m = (Model){(char *)read_all(fopen(path, "rb"), path).data, 4, {"bytes", "runes", "words", "lines"}, {{0}}};
    for (const char *p = first(member(m->coefs, "tables")); more(p); p = next(next(p)), m->features += 2) {
        const char *slash = strrchr(path, '/'), *file = member(next(p), "file");
        char beside[4096];
        if (m->features == FEATURES || length(p) >= NAME) fail("more tables, or a longer name, than fit here", "");
        snprintf(m->name[m->features], NAME, "%.*s", length(p), p + 1);
        snprintf(beside, sizeof beside, "%.*s%.*s", slash ? (int)(slash + 1 - path) : 0, path, length(file), file + 1);
        Table *table = &m->tables[m->features / 2];
        *table = load_table((char *)read_all(fopen(beside, "rb"), beside).data);
        if (table->threes.size)  // without "ngram_"
            snprintf(m->name[m->features + 1], NAME, "rare_%.*s", length(p) - 6, p + 7);
    }
}

// Which feature's name starts at p and ends at a quote or slash, -1 if none does.
static int find(const Model *m, const char *p) {
    size_t size = strcspn(p, "/\"");
    int i = m->features;
    while (--i >= 0 && (size != strlen(m->name[i]) || strncmp(p, m->name[i], size))) {}
    return i;
}

// Fills in the text's features and returns their linear sum.
static double measure(const Model *m, Bytes text, double *values) {
    basic_counts(text, values);
    for (int i = 4; i < m->features; i += 2) values[i] = cost(&m->tables[i / 2], text);
    for (int i = 5; i < m->features; i += 2) values[i] = *m->name[i] ? rare(&m->tables[i / 2], text) : 0;
    double sum = number(m->coefs, "w0");
    for (const char *p = first(member(m->coefs, "feature_set")); more(p); p = next(p)) {
        char key[NAME + 2];
        int i = find(m, p + 1);
        if (i < 0) fail("the model weighs what no text gives", "");
        snprintf(key, sizeof key, "w_%s", m->name[i]);
        sum += number(m->coefs, key) * values[i];
    }
    return sum;
}

static double estimate(double sum) { return sum + 0.5 < 0 ? 0 : floor(sum + 0.5); }

// The upper_bound or lower_bound of a level; not a number if there is none.
static double bound(const Model *m, const char *side, double level, double sum) {
    double x = sum > 0 ? sum : 0;
    for (const char *p = first(member(m->coefs, side)); more(p); p = next(p)) {
        int below = *member(p, "to") == 'n' || x < number(p, "to");
        if (number(p, "confidence") != level || x < number(p, "from") || !below) continue;
        double found = x * number(p, "factor") + number(p, "offset");
        return *side == 'u' ? ceil(found) : found < 0 ? 0 : floor(found);
    }
    return NAN;
}

// The most tokens of a text of that many bytes; not a number if nobody knows.
static double byte_bound(const Model *m, double bytes) {
    const char *most = member(m->coefs, "byte_bound");
    return *most == '{' ? ceil(bytes * number(most, "factor") + number(most, "offset")) : NAN;
}

static int in_domain(const Model *m, const double *values) {
    for (const char *p = first(member(m->coefs, "domain")); more(p); p = next(next(p))) {
        const char *end = p + 1 + strcspn(p + 1, "/\""), *low = first(next(p));
        int above = find(m, p + 1), below = *end == '/' ? find(m, end + 1) : above;
        if (above < 0 || below < 0) continue;  // this model has no such feature
        double value = *end == '/' ? values[above] / values[below] : values[above];  // by 0: outside
        if (!(strtod(low, NULL) * 0.9 <= value && value <= strtod(next(low), NULL) * 1.1)) return 0;
    }
    return 1;
}

static int agrees(const Model *m, const char *vector) {
    Bytes piece = base64(member(vector, "text_base64"));
    Bytes text = allocate(piece.size * (size_t)number(vector, "times"));
    for (size_t i = 0; i < text.size; i++) text.data[i] = piece.data[i % piece.size];
    double values[FEATURES], sum = measure(m, text, values), most = byte_bound(m, values[0]);
    const char *expected = member(vector, "byte_bound");
    int fine = sum == number(vector, "linear_sum") && estimate(sum) == number(vector, "estimate")
        && (*expected == 'n' ? isnan(most) : most == strtod(expected, NULL))
        && in_domain(m, values) == (*member(vector, "in_domain") == 't');
    for (int i = 0; i < m->features; i++)
        if (*m->name[i]) fine &= values[i] == number(member(vector, "features"), m->name[i]);
    for (const char *side = "upper_bound"; side; side = *side == 'u' ? "lower_bound" : NULL)
        for (const char *p = first(member(vector, side)); more(p); p = next(next(p)))
            fine &= bound(m, side, strtod(p + 1, NULL), sum) == strtod(next(p), NULL);
    free(piece.data), free(text.data);
    return fine;
}

int main(int count, char **arguments) {
    static Model m;
    if (count != 2 && count != 3) fail("give model_coefs.json, and golden_vectors.json or a text on stdin", "");
    load(&m, arguments[1]);
    if (count == 2) {
        double values[FEATURES], sum = measure(&m, read_all(stdin, "the text"), values);
        double upper = in_domain(&m, values) ? bound(&m, "upper_bound", 0.95, sum) : byte_bound(&m, values[0]);
        printf("%.0f ", estimate(sum));
        return (isnan(upper) ? puts("none") : printf("%.0f\n", upper)) < 0;
    }
    int agreed = 0, vectors = 0;
    const char *golden = (char *)read_all(fopen(arguments[2], "rb"), arguments[2]).data;
    for (const char *p = first(member(golden, "vectors")); more(p); p = next(p), vectors++) {
        if (agrees(&m, p)) agreed++;
        else fprintf(stderr, "differs: %.*s\n", length(member(p, "name")), member(p, "name") + 1);
    }
    printf("%d vectors agree\n", agreed);
    return agreed < vectors || !vectors;
}
