// Reads JSON without a library: it walks a sound file, in any order and spacing, and checks no more than it must.
// A value is a pointer to its first byte. Commas and colons are passed over as white space is.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { unsigned char *data; size_t size; } Bytes;  // a NUL follows the last

static void fail(const char *what, const char *which) {
    fprintf(stderr, "%s%s\n", what, which);
    exit(1);
}

static Bytes allocate(size_t size) {
    Bytes bytes = {calloc(size + 1, 1), size};
    if (!bytes.data) fail("no memory", "");
    return bytes;
}

static Bytes read_all(FILE *file, const char *name) {
    Bytes all = {NULL, 0};
    for (size_t got = 1; file && got; all.size += got) {
        if (!(all.data = realloc(all.data, all.size + (1 << 20) + 1))) fail("no memory for ", name);
        got = fread(all.data + all.size, 1, 1 << 20, file);
    }
    if (!file || ferror(file)) fail("cannot read ", name);
    all.data[all.size] = 0;
    return all;
}

static const char *skip(const char *p) { return p + strspn(p, " \t\r\n,:"); }

static int more(const char *p) { return *p && *p != ']' && *p != '}'; }

static const char *next(const char *p) {  // what follows a value
    if (*p == '"') {
        while (*++p && *p != '"') p += *p == '\\' && p[1];
    } else if (*p == '{' || *p == '[') {
        for (p = skip(p + 1); more(p);) p = next(p);
    } else {
        p += strcspn(p, " \t\r\n,:]}") - 1;
    }
    if (!*p) fail("JSON that ends early", "");
    return skip(p + 1);
}

static const char *first(const char *p) {  // the first element of an array, or key of an object
    p = skip(p);
    return skip(p + (*p == '{' || *p == '['));
}

static const char *member(const char *object, const char *key) {  // its value, or an empty string
    size_t size = strlen(key);
    for (const char *p = first(object); *p == '"'; p = next(next(p)))
        if (!strncmp(p + 1, key, size) && p[size + 1] == '"') return next(p);
    return "";
}

static double number(const char *object, const char *key) {
    char *end;
    const char *value = member(object, key);
    double found = strtod(value, &end);
    if (end == value) fail("no number is named ", key);
    return found;
}

static int length(const char *string) { return *string ? (int)strcspn(string + 1, "\"") : 0; }  // up to its quote

static Bytes base64(const char *string) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (*string != '"') fail("no base64 where it should be", "");
    Bytes decoded = allocate((size_t)length(string));
    size_t size = 0;
    unsigned bits = 0, held = 0;
    for (const char *p = string + 1; *p && *p != '"' && *p != '='; p++) {
        const char *digit = strchr(digits, *p);
        if (!digit) continue;  // the backslash of "\/"
        bits = bits << 6 | (unsigned)(digit - digits);
        held += 6;
        if (held >= 8) decoded.data[size++] = (unsigned char)(bits >> (held -= 8));
    }
    decoded.data[decoded.size = size] = 0;
    return decoded;
}
