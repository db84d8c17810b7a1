/* The loops over a text's bytes, in C: what ngram_costs.py, counts.py and prefixes.py compute in numpy passes, to the
 * same integers. It is optional, and built with CPython's limited API, so that one file serves every version.
 *
 * Nothing here reads more than one byte of a text at a time, so the order of a machine's bytes does not matter. Only
 * integers are computed; what is multiplied by a float is multiplied in Python.
 */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

#define MAX_ORDER 4
#define MAX_BITS 18
#define PAIRS 65536
#define BEFORE (MAX_ORDER - 1)
#define START 0x0A0A0A0Au
/* Bytes from which on a call releases the GIL: 20 us of work, a hundred times what releasing it takes. */
#define RELEASE_GIL 8192
/* Bytes that are counted and then scored, so that both find them in the L1 cache. */
#define BLOCK 8192
/* Bytes that are counted together: an even number of vectors, and few enough for sums of one byte each. */
#define CHUNK 64
/* Texts that are held at once: their pointers fit the stack. */
#define BATCH 128
/* Bytes that such texts have at most, but for the last: they may have been encoded for this. */
#define BATCH_BYTES (1 << 20)

/* ---- what a table looks up ------------------------------------------------------------------------------------- */

/* How pairs and threes are held: narrow, 16 bits each; wide, pairs in 32 bits, as two orders' weights may need more
 * than 16; checked, both in 32 bits with a flag for an n-gram that was not seen. */
enum kind { NARROW, WIDE, CHECKED };

typedef struct {
    PyObject_HEAD
    void *memory;
    const void *pairs, *threes;
    const int16_t *fours;
    enum kind kind;
    int shift_of_threes, shift_of_fours;
    uint32_t multiplier;
    uint8_t fold[256];
} Plan;

typedef struct {
    int64_t units, unseen_pairs, unseen_threes;
} Sums;

/* A key holds the last four bytes. A table that lacks an order looks up a weight of 0: three look-ups a byte at any rate
 * spare a loop for each set of orders. */
#define PAIR(key) pairs[(key) & 0xFFFF]
#define THREE(key) threes[(((key) & 0xFFFFFF) * multiplier) >> shift_of_threes]
#define FOUR(key) fours[((key) * multiplier) >> shift_of_fours]
#define LOCALS(pair_type, three_type)                                                                                  \
    const pair_type *pairs = plan->pairs;                                                                              \
    const three_type *threes = plan->threes;                                                                           \
    const int16_t *fours = plan->fours;                                                                                \
    const uint8_t *fold = plan->fold;                                                                                  \
    const uint32_t multiplier = plan->multiplier;                                                                      \
    const int shift_of_threes = plan->shift_of_threes, shift_of_fours = plan->shift_of_fours

/* A flag is so far above a weight that the sum of a stretch of positions holds both: 64 weights of at most 2^16 are
 * below half of a flag, and 64 flags fit 31 bits. So a check costs no look-up and no addition of its own. */
#define FLAG 24
#define STRETCH 32
#define FLAGS(sum) (((sum) + (1 << (FLAG - 1))) >> FLAG)
#define WEIGHT(sum) ((sum) - FLAGS(sum) * (1 << FLAG))

static uint32_t key_at(const uint8_t *fold, const uint8_t *data)
{
    return (uint32_t)fold[data[-3]] << 16 | (uint32_t)fold[data[-2]] << 8 | fold[data[-1]];
}

/* Two halves take turns: while the L2 cache answers for one, the other goes on. */
#define DEFINE_SUM(name, pair_type)                                                                                    \
    static void name(const Plan *plan, uint32_t key, const uint8_t *data, Py_ssize_t size, Sums *sums)                 \
    {                                                                                                                  \
        LOCALS(pair_type, int16_t);                                                                                    \
        int64_t units = 0;                                                                                             \
        Py_ssize_t half = size / 2, place = 0;                                                                         \
        const uint8_t *second = data + half;                                                                           \
        if (half >= BEFORE) {                                                                                          \
            uint32_t other = key_at(fold, second);                                                                     \
            for (; place < half; place++) {                                                                            \
                key = key << 8 | fold[data[place]];                                                                    \
                other = other << 8 | fold[second[place]];                                                              \
                units += PAIR(key) + THREE(key) + FOUR(key) + PAIR(other) + THREE(other) + FOUR(other);                \
            }                                                                                                          \
            key = other;                                                                                               \
            place = 2 * half;                                                                                          \
        }                                                                                                              \
        for (; place < size; place++) {                                                                                \
            key = key << 8 | fold[data[place]];                                                                        \
            units += PAIR(key) + THREE(key) + FOUR(key);                                                               \
        }                                                                                                              \
        sums->units += units;                                                                                          \
    }

DEFINE_SUM(sum_narrow, int16_t)
DEFINE_SUM(sum_wide, int32_t)

static void sum_checked(const Plan *plan, uint32_t key, const uint8_t *data, Py_ssize_t size, Sums *sums)
{
    LOCALS(int32_t, int32_t);
    Py_ssize_t half = size / 2, place = 0;
    const uint8_t *second = data + half;
    if (half >= BEFORE) {
        uint32_t other = key_at(fold, second);
        while (place < half) {
            Py_ssize_t end = half - place < STRETCH ? half : place + STRETCH;
            int32_t of_pairs = 0, of_threes = 0, of_fours = 0;
            for (; place < end; place++) {
                key = key << 8 | fold[data[place]];
                other = other << 8 | fold[second[place]];
                of_pairs += PAIR(key) + PAIR(other);
                of_threes += THREE(key) + THREE(other);
                of_fours += FOUR(key) + FOUR(other);
            }
            sums->unseen_pairs += FLAGS(of_pairs);
            sums->unseen_threes += FLAGS(of_threes);
            sums->units += WEIGHT(of_pairs) + WEIGHT(of_threes) + of_fours;
        }
        key = other;
        place = 2 * half;
    }
    for (; place < size; place++) {
        key = key << 8 | fold[data[place]];
        sums->unseen_pairs += FLAGS(PAIR(key));
        sums->unseen_threes += FLAGS(THREE(key));
        sums->units += WEIGHT(PAIR(key)) + WEIGHT(THREE(key)) + FOUR(key);
    }
}

/* The key before a text: its context's last bytes, folded. */
static uint32_t key_before(const Plan *plan, const uint8_t *context, Py_ssize_t size)
{
    uint32_t key = START;
    for (Py_ssize_t place = size < BEFORE ? 0 : size - BEFORE; place < size; place++)
        key = key << 8 | plan->fold[context[place]];
    return key;
}

static void add_sums(const Plan *plan, uint32_t key, const uint8_t *data, Py_ssize_t size, Sums *sums)
{
    if (plan->kind == NARROW)
        sum_narrow(plan, key, data, size, sums);
    else if (plan->kind == WIDE)
        sum_wide(plan, key, data, size, sums);
    else
        sum_checked(plan, key, data, size, sums);
}

#define DEFINE_COSTS(name, pair_type, three_type, weight)                                                              \
    static void name(const Plan *plan, uint32_t key, const uint8_t *data, Py_ssize_t size, int64_t *sums)              \
    {                                                                                                                  \
        LOCALS(pair_type, three_type);                                                                                 \
        int64_t units = 0;                                                                                             \
        for (Py_ssize_t place = 0; place < size; place++) {                                                            \
            key = key << 8 | fold[data[place]];                                                                        \
            sums[place] = units += weight(PAIR(key)) + weight(THREE(key)) + FOUR(key);                                 \
        }                                                                                                              \
    }
#define AS_IT_IS(weight) (weight)

DEFINE_COSTS(costs_narrow, int16_t, int16_t, AS_IT_IS)
DEFINE_COSTS(costs_wide, int32_t, int16_t, AS_IT_IS)
DEFINE_COSTS(costs_checked, int32_t, int32_t, WEIGHT)

static void add_costs(const Plan *plan, uint32_t key, const uint8_t *data, Py_ssize_t size, int64_t *sums)
{
    if (plan->kind == NARROW)
        costs_narrow(plan, key, data, size, sums);
    else if (plan->kind == WIDE)
        costs_wide(plan, key, data, size, sums);
    else
        costs_checked(plan, key, data, size, sums);
}

/* ---- bytes, runes, words, lines -------------------------------------------------------------------------------- */

typedef struct {
    int64_t runes, words, feeds;
    /* Whether the byte before is white space, and how many of the next ones are as they continue such a sequence. */
    uint8_t space;
    int continued;
} Counter;

static const Counter COUNTER_AT_START = {0, 0, 0, 1, 0};

static int is_ascii_space(uint8_t byte)
{
    return (uint8_t)(byte - 0x09) < 5 || byte == 0x20;
}

/* The bytes of the white space outside of ASCII that begins here, 0 if none does: U+0085, 00A0, 1680, 2000-200A, 2028,
 * 2029, 202F, 205F, 3000. */
static int wide_space(const uint8_t *data, const uint8_t *end)
{
    if (end - data >= 2 && data[0] == 0xC2)
        return data[1] == 0x85 || data[1] == 0xA0 ? 2 : 0;
    if (end - data < 3)
        return 0;
    if (data[0] == 0xE2 && data[1] == 0x80)
        return (data[2] >= 0x80 && data[2] <= 0x8A) || data[2] == 0xA8 || data[2] == 0xA9 || data[2] == 0xAF ? 3 : 0;
    if (data[0] == 0xE2)
        return data[1] == 0x81 && data[2] == 0x9F ? 3 : 0;
    if (data[0] == 0xE1)
        return data[1] == 0x9A && data[2] == 0x80 ? 3 : 0;
    return data[0] == 0xE3 && data[1] == 0x80 && data[2] == 0x80 ? 3 : 0;
}

/* Count a chunk; `size` of its bytes are the text's, which goes on to `end`, and what follows them here is spaces. The
 * loops have a fixed length and no branch, so that compilers make vectors of them. */
static void count_chunk(Counter *counter, const uint8_t *chunk, int size, const uint8_t *data, const uint8_t *end)
{
    uint8_t space[1 + CHUNK], runes = 0, words = 0, feeds = 0, wide = 0;
    space[0] = counter->space;
    for (int place = 0; place < CHUNK; place++) {
        uint8_t byte = chunk[place];
        space[1 + place] = (uint8_t)(((uint8_t)(byte - 0x09) < 5) | (byte == 0x20));
        runes = (uint8_t)(runes + ((byte & 0xC0) != 0x80));
        feeds = (uint8_t)(feeds + (byte == 0x0A));
        wide |= (uint8_t)((byte == 0xC2) | ((uint8_t)(byte - 0xE1) < 3));
    }
    if (wide || counter->continued) {
        for (int place = 0; place < size; place++) {
            int width = wide_space(data + place, end);
            counter->continued = width ? width : counter->continued;
            if (counter->continued) {
                space[1 + place] = 1;
                counter->continued--;
            }
        }
    }
    for (int place = 0; place < CHUNK; place++)
        words = (uint8_t)(words + (space[place] & (space[1 + place] ^ 1)));
    counter->runes += runes - (CHUNK - size);
    counter->words += words;
    counter->feeds += feeds;
    counter->space = space[size];
}

static void add_counts(Counter *counter, const uint8_t *data, Py_ssize_t size, const uint8_t *end)
{
    Py_ssize_t place = 0;
    for (; place + CHUNK <= size; place += CHUNK)
        count_chunk(counter, data + place, CHUNK, data + place, end);
    if (place < size) {
        uint8_t chunk[CHUNK];
        int rest = (int)(size - place);
        memset(chunk, ' ', CHUNK);
        memcpy(chunk, data + place, (size_t)rest);
        count_chunk(counter, chunk, rest, data + place, end);
    }
}

/* Everything of one text; a plan or a counter that is NULL is left out. */
static void measure_text(const Plan *plan, uint32_t key, const uint8_t *data, Py_ssize_t size, Sums *sums,
                         Counter *counter)
{
    if (!counter) {
        add_sums(plan, key, data, size, sums);
        return;
    }
    for (Py_ssize_t start = 0; start < size; start += BLOCK) {
        Py_ssize_t part = size - start < BLOCK ? size - start : BLOCK;
        add_counts(counter, data + start, part, data + size);
        if (plan)
            add_sums(plan, start ? key_at(plan->fold, data + start) : key, data + start, part, sums);
    }
}

/* ---- arguments ------------------------------------------------------------------------------------------------- */

static PyObject *is_ascii_method;

/* Return None. Py_RETURN_NONE of CPython 3.12's headers takes no reference, as None lives forever there; with a file
 * that was compiled by them, CPython 3.11 would run out of references to None, and end. */
static PyObject *none(void)
{
    return Py_NewRef(Py_None);
}

/* Take the UTF-8 bytes of a text; the caller drops `*owner`. A str of ASCII is read where it is. Others are encoded:
 * CPython would otherwise keep their UTF-8 as long as they live. Lone surrogates become three bytes. */
static int take_text(PyObject *text, PyObject **owner, const uint8_t **data, Py_ssize_t *size)
{
    char *bytes;
    if (PyUnicode_Check(text)) {
        PyObject *ascii = PyObject_CallFunctionObjArgs(is_ascii_method, text, NULL);
        if (!ascii)
            return -1;
        int is_ascii = ascii == Py_True;
        Py_DECREF(ascii);
        if (is_ascii) {
            *data = (const uint8_t *)PyUnicode_AsUTF8AndSize(text, size);
            if (!*data)
                return -1;
            *owner = Py_NewRef(text);
            return 0;
        }
        *owner = PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass");
        if (!*owner)
            return -1;
    } else if (PyBytes_Check(text)) {
        *owner = Py_NewRef(text);
    } else {
        PyObject *name = PyType_GetName(Py_TYPE(text));
        if (name) {
            PyErr_Format(PyExc_TypeError, "a text is a str or bytes, not %U", name);
            Py_DECREF(name);
        }
        return -1;
    }
    if (PyBytes_AsStringAndSize(*owner, &bytes, size) < 0) {
        Py_DECREF(*owner);
        return -1;
    }
    *data = (const uint8_t *)bytes;
    return 0;
}

/* Take a buffer of `size` bytes, or as many as it has if that is negative. */
static int take_buffer(PyObject *object, Py_buffer *view, int flags, Py_ssize_t size, const char *name)
{
    if (PyObject_GetBuffer(object, view, flags) < 0)
        return -1;
    if (size >= 0 && view->len != size) {
        PyErr_Format(PyExc_ValueError, "%s: has %zd bytes, not %zd", name, view->len, size);
        PyBuffer_Release(view);
        return -1;
    }
    return 0;
}

static int check_arguments(const char *name, Py_ssize_t count, Py_ssize_t wanted)
{
    if (count == wanted)
        return 0;
    PyErr_Format(PyExc_TypeError, "%s takes %zd arguments, not %zd", name, wanted, count);
    return -1;
}

static PyTypeObject *plan_type;

static int take_plan(PyObject *object, const Plan **plan)
{
    *plan = NULL;
    if (object == Py_None)
        return 0;
    if (!PyObject_TypeCheck(object, plan_type)) {
        PyErr_SetString(PyExc_TypeError, "plan: is neither a Plan nor None");
        return -1;
    }
    *plan = (const Plan *)object;
    return 0;
}

/* ---- Plan ------------------------------------------------------------------------------------------------------ */

static void free_plan(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyMem_Free(((Plan *)self)->memory);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

/* What a plan is made of, each in as many bits as any of it needs: pairs and threes in 32, fours in 16. */
typedef struct {
    int32_t pairs[PAIRS], threes[1 << MAX_BITS];
    int16_t fours[1 << MAX_BITS];
    int bits_of_threes, bits_of_fours;
} Parts;

static int take_weights(Parts *parts, uint32_t multiplier, PyObject *table)
{
    int order, bits;
    PyObject *values;
    Py_buffer view;
    if (!PyArg_ParseTuple(table, "iiO", &order, &bits, &values))
        return -1;
    if (order < 1 || order > MAX_ORDER || bits < 1 || bits > MAX_BITS) {
        PyErr_Format(PyExc_ValueError, "order %d, bits %d: out of range", order, bits);
        return -1;
    }
    if (take_buffer(values, &view, PyBUF_SIMPLE, (Py_ssize_t)sizeof(int16_t) << bits, "weights") < 0)
        return -1;
    const int16_t *weights = view.buf;
    uint32_t mask = order == 1 ? 0xFF : 0xFFFF;
    if (order <= 2) {
        for (uint32_t pair = 0; pair < PAIRS; pair++)
            parts->pairs[pair] += weights[((pair & mask) * multiplier) >> (32 - bits)];
    } else if (order == 3) {
        for (uint32_t place = 0; place < 1u << bits; place++)
            parts->threes[place] = weights[place];
        parts->bits_of_threes = bits;
    } else {
        memcpy(parts->fours, weights, (size_t)view.len);
        parts->bits_of_fours = bits;
    }
    PyBuffer_Release(&view);
    return 0;
}

#define IS_UNSEEN(bitmap, place) (~(bitmap)[(place) >> 3] >> ((place) & 7) & 1)

static int flag_pairs(Parts *parts, PyObject *seen)
{
    Py_buffer view;
    if (take_buffer(seen, &view, PyBUF_SIMPLE, PAIRS / 8, "seen_pairs") < 0)
        return -1;
    for (uint32_t pair = 0; pair < PAIRS; pair++)
        parts->pairs[pair] += IS_UNSEEN((const uint8_t *)view.buf, pair) << FLAG;
    PyBuffer_Release(&view);
    return 0;
}

/* Weights and bitmap may have different bits: a hash of fewer is the beginning of one of more. */
static int flag_threes(Parts *parts, PyObject *seen)
{
    Py_buffer view;
    int bits = 3;
    if (take_buffer(seen, &view, PyBUF_SIMPLE, -1, "seen_threes") < 0)
        return -1;
    while (bits < MAX_BITS && (Py_ssize_t)1 << bits < 8 * view.len)
        bits++;
    if (8 * view.len != (Py_ssize_t)1 << bits) {
        PyErr_Format(PyExc_ValueError, "seen_threes: has %zd bytes, not a power of two up to 2^14", view.len);
        PyBuffer_Release(&view);
        return -1;
    }
    int old = parts->bits_of_threes, most = old > bits ? old : bits;
    for (uint32_t place = 1u << most; place--;)
        parts->threes[place] = parts->threes[place >> (most - old)] +
                               (IS_UNSEEN((const uint8_t *)view.buf, place >> (most - bits)) << FLAG);
    parts->bits_of_threes = most;
    PyBuffer_Release(&view);
    return 0;
}

/* Copy the parts to one block of memory, each in as few bits as it needs. */
static int copy_parts(Plan *plan, const Parts *parts)
{
    size_t threes = (size_t)1 << parts->bits_of_threes, fours = (size_t)1 << parts->bits_of_fours;
    for (size_t pair = 0; plan->kind == NARROW && pair < PAIRS; pair++)
        plan->kind = parts->pairs[pair] < INT16_MIN || parts->pairs[pair] > INT16_MAX ? WIDE : NARROW;
    size_t pair_bytes = PAIRS * (plan->kind == NARROW ? sizeof(int16_t) : sizeof(int32_t));
    size_t three_bytes = threes * (plan->kind == CHECKED ? sizeof(int32_t) : sizeof(int16_t));
    char *memory = PyMem_Malloc(pair_bytes + three_bytes + fours * sizeof(int16_t));
    if (!memory) {
        PyErr_NoMemory();
        return -1;
    }
    plan->memory = memory;
    plan->pairs = memory;
    plan->threes = memory + pair_bytes;
    plan->fours = memcpy(memory + pair_bytes + three_bytes, parts->fours, fours * sizeof(int16_t));
    plan->shift_of_threes = 32 - parts->bits_of_threes;
    plan->shift_of_fours = 32 - parts->bits_of_fours;
    if (plan->kind == NARROW) {
        for (size_t pair = 0; pair < PAIRS; pair++)
            ((int16_t *)memory)[pair] = (int16_t)parts->pairs[pair];
    } else {
        memcpy(memory, parts->pairs, pair_bytes);
    }
    if (plan->kind == CHECKED) {
        memcpy(memory + pair_bytes, parts->threes, three_bytes);
    } else {
        for (size_t place = 0; place < threes; place++)
            ((int16_t *)(memory + pair_bytes))[place] = (int16_t)parts->threes[place];
    }
    return 0;
}

static int fill_plan(Plan *plan, PyObject *tables, PyObject *fold, PyObject *seen_pairs, PyObject *seen_threes)
{
    Py_buffer view;
    if (take_buffer(fold, &view, PyBUF_SIMPLE, sizeof plan->fold, "fold") < 0)
        return -1;
    memcpy(plan->fold, view.buf, sizeof plan->fold);
    PyBuffer_Release(&view);
    Parts *parts = PyMem_Calloc(1, sizeof(Parts));
    if (!parts) {
        PyErr_NoMemory();
        return -1;
    }
    parts->bits_of_threes = parts->bits_of_fours = 1;
    int failed = 0;
    for (Py_ssize_t place = 0; place < PyTuple_Size(tables) && !failed; place++)
        failed = take_weights(parts, plan->multiplier, PyTuple_GetItem(tables, place)) < 0;
    plan->kind = seen_pairs == Py_None && seen_threes == Py_None ? NARROW : CHECKED;
    failed = failed || (seen_pairs != Py_None && flag_pairs(parts, seen_pairs) < 0) ||
             (seen_threes != Py_None && flag_threes(parts, seen_threes) < 0) || copy_parts(plan, parts) < 0;
    PyMem_Free(parts);
    return failed ? -1 : 0;
}

static PyObject *new_plan(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"tables", "multiplier", "fold", "seen_pairs", "seen_threes", NULL};
    PyObject *tables, *fold, *seen_pairs = Py_None, *seen_threes = Py_None;
    unsigned long multiplier;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!kO|OO", names, &PyTuple_Type, &tables, &multiplier, &fold,
                                     &seen_pairs, &seen_threes))
        return NULL;
    PyObject *plan = ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (!plan)
        return NULL;
    ((Plan *)plan)->multiplier = (uint32_t)multiplier;
    if (fill_plan((Plan *)plan, tables, fold, seen_pairs, seen_threes) < 0) {
        Py_DECREF(plan);
        return NULL;
    }
    return plan;
}

static PyObject *plan_score(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    const Plan *plan = (const Plan *)self;
    PyObject *owner, *context_owner;
    const uint8_t *data, *context;
    Py_ssize_t size, context_size;
    Sums sums = {0, 0, 0};
    if (check_arguments("score", count, 2) < 0 || take_text(args[1], &context_owner, &context, &context_size) < 0)
        return NULL;
    uint32_t key = key_before(plan, context, context_size);
    Py_DECREF(context_owner);
    if (take_text(args[0], &owner, &data, &size) < 0)
        return NULL;
    if (size < RELEASE_GIL) {
        measure_text(plan, key, data, size, &sums, NULL);
    } else {
        Py_BEGIN_ALLOW_THREADS
        measure_text(plan, key, data, size, &sums, NULL);
        Py_END_ALLOW_THREADS
    }
    Py_DECREF(owner);
    return PyLong_FromLongLong(sums.units);
}

static PyObject *plan_cumulative(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    const Plan *plan = (const Plan *)self;
    PyObject *owner, *context_owner;
    const uint8_t *data, *context;
    Py_ssize_t size, context_size;
    Py_buffer sums;
    if (check_arguments("cumulative", count, 3) < 0 || take_text(args[1], &context_owner, &context, &context_size) < 0)
        return NULL;
    uint32_t key = key_before(plan, context, context_size);
    Py_DECREF(context_owner);
    if (take_text(args[0], &owner, &data, &size) < 0)
        return NULL;
    if (take_buffer(args[2], &sums, PyBUF_WRITABLE, size * (Py_ssize_t)sizeof(int64_t), "sums") < 0) {
        Py_DECREF(owner);
        return NULL;
    }
    if (size < RELEASE_GIL) {
        add_costs(plan, key, data, size, sums.buf);
    } else {
        Py_BEGIN_ALLOW_THREADS
        add_costs(plan, key, data, size, sums.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&sums);
    Py_DECREF(owner);
    return none();
}

static PyMethodDef plan_methods[] = {
    {"score", (PyCFunction)(void (*)(void))plan_score, METH_FASTCALL, "score(text, context) -> cost in units"},
    {"cumulative", (PyCFunction)(void (*)(void))plan_cumulative, METH_FASTCALL,
     "cumulative(text, context, sums): write the cost up to and including each byte, int64"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot plan_slots[] = {
    {Py_tp_doc, "Plan(tables, multiplier, fold, seen_pairs=None, seen_threes=None): what is looked up for each byte.\n\n"
                "tables is a tuple of (order, bits, int16 weights), fold what stands for each of the 256 bytes. The\n"
                "others are bitmaps of the n-grams that were seen: bit i % 8 of byte i // 8, where i is a pair of\n"
                "folded bytes (8 KiB), or the hash of three (2^bits / 8 bytes)."},
    {Py_tp_new, new_plan},
    {Py_tp_dealloc, free_plan},
    {Py_tp_methods, plan_methods},
    {0, NULL},
};

static PyType_Spec plan_spec = {"token_approx.text._kernel.Plan", sizeof(Plan), 0,
                                Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, plan_slots};

/* ---- functions ------------------------------------------------------------------------------------------------- */

static PyObject *measure(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    const Plan *plan;
    PyObject *owner;
    const uint8_t *data;
    Py_ssize_t size;
    Sums sums = {0, 0, 0};
    Counter counter = COUNTER_AT_START;
    (void)module;
    if (check_arguments("measure", count, 2) < 0 || take_plan(args[0], &plan) < 0 ||
        take_text(args[1], &owner, &data, &size) < 0)
        return NULL;
    if (size < RELEASE_GIL) {
        measure_text(plan, START, data, size, &sums, &counter);
    } else {
        Py_BEGIN_ALLOW_THREADS
        measure_text(plan, START, data, size, &sums, &counter);
        Py_END_ALLOW_THREADS
    }
    Py_DECREF(owner);
    return Py_BuildValue("(nLLLLLL)", size, (long long)counter.runes, (long long)counter.words,
                         (long long)(size ? counter.feeds + 1 : 0), (long long)sums.units,
                         (long long)sums.unseen_pairs, (long long)sums.unseen_threes);
}

typedef struct {
    PyObject *owner;
    const uint8_t *data;
    Py_ssize_t size;
} Text;

/* Where the figures of texts go, each with a stride of `texts`; NULL where they are not wanted. */
typedef struct {
    int64_t *units;
    double *counts;
    int64_t *unseen;
    Py_ssize_t texts;
} Found;

static void measure_batch(const Plan *plan, const Text *batch, int size, const Found *found, Py_ssize_t start)
{
    for (int place = 0; place < size; place++) {
        const Text *text = &batch[place];
        Sums sums = {0, 0, 0};
        Counter counter = COUNTER_AT_START;
        measure_text(plan, START, text->data, text->size, &sums, found->counts ? &counter : NULL);
        if (found->units)
            found->units[start + place] = sums.units;
        if (found->counts) {
            double *counts = found->counts + start + place;
            counts[0] = (double)text->size;
            counts[found->texts] = (double)counter.runes;
            counts[2 * found->texts] = (double)counter.words;
            counts[3 * found->texts] = (double)(text->size ? counter.feeds + 1 : 0);
        }
        if (found->unseen) {
            found->unseen[start + place] = sums.unseen_pairs;
            found->unseen[start + place + found->texts] = sums.unseen_threes;
        }
    }
}

static int measure_list(const Plan *plan, PyObject *list, const Found *found)
{
    Text batch[BATCH];
    for (Py_ssize_t start = 0; start < found->texts;) {
        int size = 0;
        Py_ssize_t bytes = 0;
        while (size < BATCH && start + size < found->texts && bytes < BATCH_BYTES) {
            /* Another thread may have shortened the list while the GIL was released. */
            PyObject *text = PyList_GetItem(list, start + size);
            Text *taken = &batch[size];
            if (!text || take_text(text, &taken->owner, &taken->data, &taken->size) < 0) {
                while (size--)
                    Py_DECREF(batch[size].owner);
                return -1;
            }
            bytes += taken->size;
            size++;
        }
        if (bytes < RELEASE_GIL) {
            measure_batch(plan, batch, size, found, start);
        } else {
            Py_BEGIN_ALLOW_THREADS
            measure_batch(plan, batch, size, found, start);
            Py_END_ALLOW_THREADS
        }
        for (int place = 0; place < size; place++)
            Py_DECREF(batch[place].owner);
        start += size;
    }
    return 0;
}

static PyObject *measure_many(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    static const int ROWS[3] = {1, 4, 2};
    static const char *const NAMES[3] = {"units", "counts", "unseen"};
    const Plan *plan;
    Py_buffer views[3];
    void *given[3] = {NULL, NULL, NULL};
    int taken = 0, failed = 0;
    (void)module;
    if (check_arguments("measure_many", count, 5) < 0 || take_plan(args[0], &plan) < 0)
        return NULL;
    Py_ssize_t texts = PyList_Size(args[1]);
    if (texts < 0)
        return NULL;
    if (!plan && args[3] == Py_None) {
        PyErr_SetString(PyExc_ValueError, "plan: is None, and counts are not asked for");
        return NULL;
    }
    for (; taken < 3 && !failed; taken++) {
        if (args[2 + taken] == Py_None)
            continue;
        failed = take_buffer(args[2 + taken], &views[taken], PyBUF_WRITABLE, 8 * ROWS[taken] * texts, NAMES[taken]) < 0;
        given[taken] = failed ? NULL : views[taken].buf;
        taken -= failed;
    }
    Found found = {given[0], given[1], given[2], texts};
    failed = failed || measure_list(plan, args[1], &found) < 0;
    while (taken--)
        if (args[2 + taken] != Py_None)
            PyBuffer_Release(&views[taken]);
    if (failed)
        return NULL;
    return none();
}

static void add_prefixes(const uint8_t *data, Py_ssize_t start, Py_ssize_t begin, Py_ssize_t end, Py_ssize_t size,
                         int64_t *counts)
{
    Py_ssize_t row = end - begin, near = begin - start < BEFORE ? start : begin - BEFORE;
    Counter counter = COUNTER_AT_START;
    counter.space = 1;
    for (Py_ssize_t place = near; place < end; place++) {
        int width = wide_space(data + place, data + size), space;
        counter.continued = width ? width : counter.continued;
        space = counter.continued > 0 || is_ascii_space(data[place]);
        counter.continued -= counter.continued > 0;
        if (place >= begin) {
            counter.runes += (data[place] & 0xC0) != 0x80;
            counter.words += !space && counter.space;
            counter.feeds += data[place] == 0x0A;
            counts[place - begin] = place - begin + 1;
            counts[place - begin + row] = counter.runes;
            counts[place - begin + 2 * row] = counter.words;
            counts[place - begin + 3 * row] = counter.feeds;
        }
        counter.space = (uint8_t)space;
    }
}

static PyObject *count_prefixes(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    PyObject *owner;
    const uint8_t *data;
    Py_ssize_t size, places[3];
    Py_buffer counts;
    (void)module;
    if (check_arguments("count_prefixes", count, 5) < 0)
        return NULL;
    for (int place = 0; place < 3; place++) {
        places[place] = PyLong_AsSsize_t(args[1 + place]);
        if (places[place] == -1 && PyErr_Occurred())
            return NULL;
    }
    if (take_text(args[0], &owner, &data, &size) < 0)
        return NULL;
    Py_ssize_t start = places[0], begin = places[1], end = places[2];
    if (start < 0 || begin < start || end < begin || size < end) {
        PyErr_SetString(PyExc_ValueError, "start, begin, end: are not ascending places of the text");
        Py_DECREF(owner);
        return NULL;
    }
    if (take_buffer(args[4], &counts, PyBUF_WRITABLE, 4 * (end - begin) * (Py_ssize_t)sizeof(int64_t), "counts") < 0) {
        Py_DECREF(owner);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    add_prefixes(data, start, begin, end, size, counts.buf);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&counts);
    Py_DECREF(owner);
    return none();
}

static PyMethodDef functions[] = {
    {"measure", (PyCFunction)(void (*)(void))measure, METH_FASTCALL,
     "measure(plan, text) -> (bytes, runes, words, lines, units, unseen pairs, unseen threes)\n\n"
     "The last three are of a plan, which may be None, and the last two of one with bitmaps; they are else 0."},
    {"measure_many", (PyCFunction)(void (*)(void))measure_many, METH_FASTCALL,
     "measure_many(plan, texts, units, counts, unseen): write what measure gives of each text of a list\n\n"
     "units is int64 of shape (texts,), counts float64 of (4, texts), unseen int64 of (2, texts); each may be None."},
    {"count_prefixes", (PyCFunction)(void (*)(void))count_prefixes, METH_FASTCALL,
     "count_prefixes(data, start, begin, end, counts): write bytes, runes, words and line feeds from begin to each end"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_kernel", "The loops over a text's bytes, in C.", -1, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__kernel(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (!module)
        return NULL;
    is_ascii_method = PyObject_GetAttrString((PyObject *)&PyUnicode_Type, "isascii");
    plan_type = (PyTypeObject *)PyType_FromSpec(&plan_spec);
    if (!is_ascii_method || !plan_type || PyModule_AddType(module, plan_type) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
