/* Reads the model files of `apd fit` and predicts from them, in C99 and with nothing but libc and libm: docs/format.md says what such a
 * file holds. One source file defines APD_IMPLEMENTATION before it includes this header; predict.c is an example.
 *
 * A file is checked when it is opened, whatever its bytes are. A model does not change by predictions: threads can share it. */

#ifndef APD_H
#define APD_H

#include <stddef.h>

typedef struct apd_model apd_model;

/* A column that a prediction needs. */
typedef struct {
    const char *name;
    int is_category;           /* whether it holds one of the levels, or a number */
    size_t levels;
    const char *const *level;  /* their names, in the order of their bytes */
    double mean, sd;           /* of a number, over the training rows */
    int indicator;             /* whether some training rows lacked it */
} apd_feature;

/* What is predicted for a row; of these, what its target has. */
typedef struct {
    double ood;                            /* share of held-out rows that look less strange */
    size_t best;                           /* the most probable class */
    double entropy, bald;                  /* in nats: of the probabilities, and the part that the networks disagree about */
    int abstain;                           /* whether not to answer is better */
    double mean, sd;                       /* in the target's units: expected, and what a new observation deviates by */
    double aleatoric_sd, epistemic_sd;     /* the parts of sd that more data would leave and remove */
    double lower, upper;                   /* ends of the interval of the coverage asked for */
} apd_prediction;

/* A model, or NULL and why in `error`. */
apd_model *apd_open(const char *path, char *error, size_t size);
/* As apd_open, from the bytes of a file. */
apd_model *apd_read(const void *bytes, size_t length, char *error, size_t size);
void apd_close(apd_model *model);

const char *apd_target(const apd_model *model);
/* How many features there are, in the order in which predictions take them. */
size_t apd_features(const apd_model *model, const apd_feature **features);
/* How many classes there are, none where a number is predicted. */
size_t apd_classes(const apd_model *model, const char *const **names);

/* Predicts one row: `numbers` are those of the features that are numbers, NAN where missing; `categories` those of the others, NULL or ""
 * where missing; both in the features' order. `probabilities` takes one for each class; `coverage` is that of the interval of a number.
 * Returns 0 for a number that is too large, a coverage that is not between 0 and 1, or no memory. */
int apd_predict(const apd_model *model, const double *numbers, const char *const *categories, double coverage, double *probabilities,
                apd_prediction *prediction);

#endif

#ifdef APD_IMPLEMENTATION

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APD_STEPS 256.0f         /* of the reference's rows, in a whitened coordinate */
#define APD_STRANGE 0.99         /* share of held-out rows from which on a row is too strange to be answered */
#define APD_OUTLIER_WIDTH 4.0    /* how many times further off outliers are */
#define APD_DEPTH 32             /* of nested JSON, so that no file exhausts the stack */
#define APD_MOST ((size_t)1 << 27) /* parameters of all networks, so that no file asks for all memory */

typedef union apd_block {
    union apd_block *next;
    double number;
    long long whole;
} apd_block;

struct apd_model {
    apd_block *blocks; /* all that belongs to it */
    const char *target;
    size_t features, classes;
    apd_feature *feature;
    const char **name;
    size_t layers, *widths, widest; /* widths: inputs, hidden, outputs */
    int is_tanh;
    float slope; /* of what is below 0, where it is not tanh */
    size_t count, dim;
    float *networks; /* count x dim */
    double floor, scale, shift;
    double threshold, power;
    size_t masses;
    double *mass, *factor, spread, outliers;
    double *center;
    float *whitening, *rows, *held_out;
    size_t whitened, kept, held;
};

/* What begins with the character `kind`: { [ " t f n, or 0 for a number. */
typedef struct apd_json {
    char kind;
    const char *key, *text;
    double number;
    size_t count; /* of the elements */
    struct apd_json *first, *next;
} apd_json;

/* A file that is being read; whatever is wrong with it leaves by `failed`. */
typedef struct {
    apd_model *model;
    const unsigned char *data;
    size_t size;
    const apd_json *header, *apd;
    char *error;
    size_t error_size;
    jmp_buf failed;
} apd_load;

static void apd_need(apd_load *load, int condition, const char *format, ...) {
    va_list facts;
    if (condition) return;
    va_start(facts, format);
    vsnprintf(load->error, load->error_size, format, facts);
    va_end(facts);
    longjmp(load->failed, 1);
}

static void *apd_new(apd_load *load, size_t count, size_t size) {
    apd_block *block = NULL;
    if (count <= (SIZE_MAX / 2 - sizeof(apd_block)) / size) block = calloc(1, sizeof(apd_block) + count * size);
    apd_need(load, block != NULL, "no memory for %zu x %zu bytes", count, size);
    block->next = load->model->blocks;
    load->model->blocks = block;
    return block + 1;
}

/* ---- JSON ---- */

static const char *apd_skip(const char *at) {
    while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t') at++;
    return at;
}

static unsigned long apd_hex(apd_load *load, const char *at) {
    unsigned long code = 0;
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef0123456789ABCDEF", *digit = at[i] ? strchr(digits, at[i]) : NULL;
        apd_need(load, digit != NULL, "JSON: \\u without four hexadecimal digits");
        code = 16 * code + (unsigned long)(digit - digits) % 16;
    }
    return code;
}

static const char *apd_string(apd_load *load, const char **at) {
    const char *from = *at + 1, *end = from;
    while (*end != '"') {
        apd_need(load, (unsigned char)*end >= 0x20, "JSON: a text that does not end");
        end += *end == '\\' && end[1] ? 2 : 1;
    }
    /* Escapes are longer than what they stand for. */
    char *text = apd_new(load, (size_t)(end - from) + 1, 1), *to = text;
    while (from < end) {
        const char *plain = "\"\\/bfnrt", *stands_for = "\"\\/\b\f\n\r\t", *found;
        if (*from != '\\') {
            *to++ = *from++;
        } else if (from[1] != 'u') {
            found = strchr(plain, from[1]);
            apd_need(load, from[1] && found, "JSON: an unknown escape");
            *to++ = stands_for[found - plain];
            from += 2;
        } else {
            unsigned long code = apd_hex(load, from + 2);
            from += 6;
            if (code >= 0xD800 && code < 0xE000) {
                unsigned long low = from[0] == '\\' && from[1] == 'u' ? apd_hex(load, from + 2) : 0;
                apd_need(load, code < 0xDC00 && low >= 0xDC00 && low < 0xE000, "JSON: half of a pair of surrogates");
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                from += 6;
            }
            apd_need(load, code > 0, "JSON: a text with a zero byte");
            int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
            const unsigned char first[] = {0x00, 0xC0, 0xE0, 0xF0};
            *to++ = (char)(first[more] | code >> (6 * more));
            while (more-- > 0) *to++ = (char)(0x80 | (code >> (6 * more) & 0x3F));
        }
    }
    *at = end + 1;
    return text;
}

static double apd_real(apd_load *load, const char **at) {
    char copy[64] = "", *end;
    size_t length = strspn(*at, "+-0123456789.eE");
    apd_need(load, length > 0 && length < sizeof copy, "JSON: `%.8s` is no value", *at);
    memcpy(copy, *at, length);
    double number = strtod(copy, &end);
    apd_need(load, *end == 0 && end > copy, "JSON: `%s` is no number (in a locale with a decimal comma?)", copy);
    apd_need(load, number >= -DBL_MAX && number <= DBL_MAX, "JSON: `%s` is too large", copy);
    *at += length;
    return number;
}

static apd_json *apd_value(apd_load *load, const char **at, int depth) {
    apd_json *value = apd_new(load, 1, sizeof *value), **last = &value->first;
    apd_need(load, depth < APD_DEPTH, "JSON: nested more than %d deep", APD_DEPTH);
    *at = apd_skip(*at);
    value->kind = **at;
    if (**at == '"') {
        value->text = apd_string(load, at);
    } else if (**at == '{' || **at == '[') {
        const char *end = **at == '{' ? "}" : "]";
        *at = apd_skip(*at + 1);
        while (**at != *end) {
            const char *key = NULL;
            if (*end == '}') {
                apd_need(load, **at == '"', "JSON: an object without a key");
                key = apd_string(load, at);
                *at = apd_skip(*at);
                apd_need(load, *(*at)++ == ':', "JSON: `%.40s` without a value", key);
            }
            *last = apd_value(load, at, depth + 1);
            (*last)->key = key;
            last = &(*last)->next;
            value->count++;
            *at = apd_skip(*at);
            apd_need(load, **at == ',' || **at == *end, "JSON: expected `,` or `%s`", end);
            if (**at == ',') *at = apd_skip(*at + 1);
        }
        ++*at;
    } else {
        const char *words[] = {"true", "false", "null"};
        int word = 0;
        while (word < 3 && strncmp(*at, words[word], strlen(words[word])) != 0) word++;
        if (word < 3) {
            *at += strlen(words[word]);
        } else {
            value->kind = 0;
            value->number = apd_real(load, at);
        }
    }
    return value;
}

static const apd_json *apd_parse(apd_load *load, const char *text, const char *what) {
    apd_need(load, text != NULL, "`%s` is missing", what);
    const apd_json *value = apd_value(load, &text, 0);
    apd_need(load, *apd_skip(text) == 0, "`%s`: text behind its JSON", what);
    return value;
}

static const apd_json *apd_at(const apd_json *object, const char *key) {
    const apd_json *value = object && object->kind == '{' ? object->first : NULL;
    while (value && strcmp(value->key, key) != 0) value = value->next;
    return value && value->kind != 'n' ? value : NULL;
}

static const char *apd_text(const apd_json *object, const char *key) {
    const apd_json *value = apd_at(object, key);
    return value && value->kind == '"' ? value->text : NULL;
}

static int apd_is(const apd_json *object, const char *key) {
    const apd_json *value = apd_at(object, key);
    return value && value->kind == 't';
}

/* A number from `least` to `most`; `missing` stands in for one that is not there. */
static double apd_number(apd_load *load, const apd_json *object, const char *key, double least, double most, double missing) {
    const apd_json *value = apd_at(object, key);
    double number = value ? value->number : missing;
    int is_inside = (!value || value->kind == 0) && number >= least && number <= most;
    apd_need(load, is_inside, "`%s`: expected a number from %g to %g", key, least, most);
    return number;
}

static size_t apd_whole(apd_load *load, const apd_json *object, const char *key, double least) {
    double number = apd_number(load, object, key, least, (double)APD_MOST, NAN);
    apd_need(load, number == floor(number), "`%s`: %g is no whole number", key, number);
    return (size_t)number;
}

static void apd_need_list(apd_load *load, const apd_json *list, const char *what) {
    apd_need(load, list && list->kind == '[', "`%s`: expected a list", what);
}

static double *apd_numbers(apd_load *load, const apd_json *list, const char *what, size_t count) {
    apd_need_list(load, list, what);
    apd_need(load, list->count == count, "`%s`: %zu numbers, expected %zu", what, list->count, count);
    double *numbers = apd_new(load, count, sizeof *numbers), *next = numbers;
    for (const apd_json *element = list->first; element; element = element->next) {
        apd_need(load, element->kind == 0, "`%s`: expected numbers", what);
        *next++ = element->number;
    }
    return numbers;
}

static const char **apd_texts(apd_load *load, const apd_json *list, const char *what) {
    apd_need_list(load, list, what);
    const char **texts = apd_new(load, list->count, sizeof *texts), **next = texts;
    for (const apd_json *element = list->first; element; element = element->next) {
        apd_need(load, element->kind == '"', "`%s`: expected texts", what);
        *next++ = element->text;
    }
    return texts;
}

/* ---- tensors ---- */

static unsigned long apd_little(const unsigned char *bytes, int count) {
    unsigned long number = 0;
    while (count-- > 0) number = number << 8 | bytes[count];
    return number;
}

static float apd_f32(const unsigned char *bytes) {
    uint32_t bits = (uint32_t)apd_little(bytes, 4);
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static float apd_f16(const unsigned char *bytes) {
    unsigned bits = (unsigned)apd_little(bytes, 2), exponent = bits >> 10 & 31, fraction = bits & 1023;
    float size = exponent ? ldexpf(1024 + (float)fraction, (int)exponent - 25) : ldexpf((float)fraction, -24);
    if (exponent == 31) size = HUGE_VALF;
    return bits >> 15 ? -size : size;
}

/* A matrix of rows x columns in f32; one row is a vector, whose shape is [columns] where `is_vector`. */
static float *apd_tensor(apd_load *load, const char *name, const char *format, int is_vector, size_t rows, size_t columns) {
    const apd_json *tensor = apd_at(load->header, name);
    int is_f16 = strcmp(format, "f16") == 0, is_int8 = strcmp(format, "int8") == 0;
    const char *dtype = apd_text(tensor, "dtype"), *wanted = is_int8 ? "I8" : is_f16 ? "F16" : "F32";
    size_t size = is_int8 ? 1 : is_f16 ? 2 : 4;
    apd_need(load, is_int8 || is_f16 || strcmp(format, "f32") == 0, "`format` is %.20s, expected f32, f16 or int8", format);
    apd_need(load, dtype && strcmp(dtype, wanted) == 0, "`%s`: type %.8s, expected %s", name, dtype ? dtype : "missing", wanted);
    const double *shape = apd_numbers(load, apd_at(tensor, "shape"), "shape", is_vector ? 1 : 2);
    const double *offsets = apd_numbers(load, apd_at(tensor, "data_offsets"), "data_offsets", 2);
    int is_shape = is_vector ? shape[0] == (double)columns : shape[0] == (double)rows && shape[1] == (double)columns;
    apd_need(load, is_shape, "`%s`: expected the shape [%zu, %zu]", name, rows, columns);
    /* In double: no product overflows, and no sum below 2^53 is rounded. */
    double bytes = (double)rows * (double)columns * (double)size;
    int inside = offsets[0] >= 0 && offsets[0] == floor(offsets[0]) && offsets[1] <= (double)load->size;
    inside = inside && offsets[1] - offsets[0] == bytes;
    apd_need(load, inside, "`%s`: bytes %.0f to %.0f of %zu, expected %.0f", name, offsets[0], offsets[1], load->size, bytes);
    float *numbers = apd_new(load, rows * columns, sizeof *numbers), *scale = NULL;
    if (is_int8) {
        char scale_name[64];
        snprintf(scale_name, sizeof scale_name, "%s.scale", name);
        scale = apd_tensor(load, scale_name, "f32", 1, 1, rows);
    }
    const unsigned char *data = load->data + (size_t)offsets[0];
    for (size_t i = 0; i < rows * columns; i++, data += size) {
        if (is_int8) numbers[i] = scale[i / columns] * (float)(*data < 128 ? *data : *data - 256);
        else numbers[i] = is_f16 ? apd_f16(data) : apd_f32(data);
        apd_need(load, isfinite(numbers[i]), "`%s`: number %zu is not finite", name, i);
    }
    return numbers;
}

/* Bytes that are written as base64. */
static unsigned char *apd_base64(apd_load *load, const apd_json *object, const char *key, size_t *count) {
    const char *digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *text = apd_text(object, key);
    apd_need(load, text != NULL, "`%s`: expected base64", key);
    size_t length = strcspn(text, "=");
    unsigned char *bytes = apd_new(load, length, 1);
    unsigned long bits = 0;
    *count = 0;
    for (size_t i = 0; i < length; i++) {
        const char *digit = strchr(digits, text[i]);
        apd_need(load, digit != NULL, "`%s`: `%c` is no base64", key, text[i]);
        bits = (bits << 6 | (unsigned long)(digit - digits)) & 0xFFFFFF;
        if (i % 4) bytes[(*count)++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
    }
    return bytes;
}

static float *apd_base64_f32(apd_load *load, const apd_json *object, const char *key, size_t *count) {
    unsigned char *bytes = apd_base64(load, object, key, count);
    apd_need(load, *count % 4 == 0, "`%s`: %zu bytes are no whole number of f32", key, *count);
    *count /= 4;
    float *numbers = apd_new(load, *count, sizeof *numbers);
    for (size_t i = 0; i < *count; i++) {
        numbers[i] = apd_f32(bytes + 4 * i);
        apd_need(load, isfinite(numbers[i]), "`%s`: number %zu is not finite", key, i);
    }
    return numbers;
}

/* ---- the parts of a model ---- */

static void apd_read_subspace(apd_load *load, const apd_json *generator, const char *format) {
    apd_model *model = load->model;
    const apd_json *mixture = apd_at(apd_at(generator, "coefficients"), "mixture");
    size_t dim = model->dim, rank = apd_whole(load, generator, "rank", 0), centers = apd_whole(load, mixture, "centres", 1);
    const char *vectors = strcmp(format, "int8") == 0 ? "f16" : format;
    const float *mean = apd_tensor(load, "mean", vectors, 1, 1, dim), *sd = apd_tensor(load, "sd", "f32", 1, 1, rank);
    const float *direction = apd_tensor(load, "directions", format, 0, rank, dim);
    const float *center = apd_tensor(load, "centres", vectors, 0, centers, rank);
    for (size_t k = 0; k < rank; k++) apd_need(load, sd[k] == 0, "`sd`: networks with noise, which only the library draws");
    const apd_json *list = apd_parse(load, apd_text(apd_at(load->apd, "metadata"), "apd.components"), "apd.components");
    const double *component = apd_numbers(load, list, "apd.components", list->count);
    model->count = list->count;
    apd_need(load, model->count > 0 && model->count <= APD_MOST / dim, "`apd.components`: %zu networks of %zu parameters", model->count, dim);
    model->networks = apd_new(load, model->count * dim, sizeof *model->networks);
    for (size_t s = 0; s < model->count; s++) {
        float *point = model->networks + s * dim;
        int is_row = component[s] >= 0 && component[s] < (double)centers && component[s] == floor(component[s]);
        apd_need(load, is_row, "`apd.components`: %g is none of %zu centres", component[s], centers);
        memcpy(point, mean, dim * sizeof *point);
        for (size_t k = 0; k < rank; k++) {
            float coefficient = center[(size_t)component[s] * rank + k];
            for (size_t j = 0; j < dim; j++) point[j] = (float)((double)coefficient * direction[k * dim + j] + point[j]);
        }
    }
}

static void apd_read_networks(apd_load *load) {
    apd_model *model = load->model;
    const apd_json *generator = apd_at(load->apd, "generator");
    const char *kind = apd_text(load->apd, "format"), *format = apd_text(generator, "format");
    apd_need(load, kind && format, "`apd` has no format");
    model->dim = apd_whole(load, generator, "dim", 1);
    int has_noise = apd_is(generator, "noise") || apd_is(generator, "residual");
    apd_need(load, !has_noise, "`generator`: networks with noise, which only the library draws");
    if (strcmp(kind, "apd-subspace-1") == 0) {
        apd_read_subspace(load, generator, format);
        return;
    }
    apd_need(load, strcmp(kind, "apd-subsample-1") == 0, "format %.40s, expected apd-subsample-1 or apd-subspace-1", kind);
    model->count = apd_whole(load, generator, "count", 1);
    model->networks = apd_tensor(load, "points", format, 0, model->count, model->dim);
    if (apd_is(generator, "standardized")) {
        const float *mean = apd_tensor(load, "mean", "f32", 1, 1, model->dim);
        const float *scale = apd_tensor(load, "scale", "f32", 1, 1, model->dim);
        for (size_t i = 0; i < model->count * model->dim; i++) {
            float deviation = model->networks[i] * scale[i % model->dim];
            model->networks[i] = deviation + mean[i % model->dim];
        }
    }
}

/* That the parameters are those of a perceptron, layer by layer: the weight, outputs x inputs, then the bias. */
static void apd_read_perceptron(apd_load *load, const apd_json *network) {
    apd_model *model = load->model;
    const apd_json *mlp = apd_at(network, "mlp"), *entry = apd_at(apd_at(load->apd, "layout"), "entries");
    const char *activation = apd_text(mlp, "activation");
    apd_need(load, mlp != NULL, "its network is no perceptron, which only the library evaluates");
    apd_need_list(load, apd_at(mlp, "widths"), "widths");
    size_t count = apd_at(mlp, "widths")->count, offset = 0;
    const double *widths = apd_numbers(load, apd_at(mlp, "widths"), "widths", count);
    apd_need(load, count >= 2, "`widths`: a perceptron of %zu widths", count);
    model->layers = count - 1;
    model->widths = apd_new(load, count, sizeof *model->widths);
    for (size_t i = 0; i < count; i++) {
        int is_width = widths[i] >= 1 && widths[i] <= (double)APD_MOST && widths[i] == floor(widths[i]);
        apd_need(load, is_width, "`widths`: a layer of %g units", widths[i]);
        model->widths[i] = (size_t)widths[i];
        if (model->widths[i] > model->widest) model->widest = model->widths[i];
    }
    model->is_tanh = activation && strcmp(activation, "tanh") == 0;
    if (!activation) model->slope = (float)apd_number(load, apd_at(mlp, "activation"), "leaky-relu", 0, 1, NAN);
    else apd_need(load, model->is_tanh || strcmp(activation, "relu") == 0, "`activation`: %.20s is none of ours", activation);
    apd_need_list(load, entry, "layout");
    entry = entry->first;
    for (size_t l = 0; l < 2 * model->layers; l++, entry = entry->next) {
        char name[64];
        int is_bias = l % 2;
        size_t inputs = model->widths[l / 2], outputs = model->widths[l / 2 + 1];
        snprintf(name, sizeof name, "layers.%zu.%s", l / 2, is_bias ? "bias" : "weight");
        const char *found = apd_text(entry, "name");
        apd_need(load, found && strcmp(found, name) == 0, "`layout`: %.40s, expected %s", found ? found : "no name", name);
        const double *shape = apd_numbers(load, apd_at(entry, "shape"), "shape", is_bias ? 1 : 2);
        int is_shape = shape[0] == (double)outputs && (is_bias || shape[1] == (double)inputs);
        int is_place = apd_number(load, entry, "offset", 0, DBL_MAX, NAN) == (double)offset;
        apd_need(load, is_shape && is_place, "`layout`: %s has another shape or place", name);
        apd_need(load, inputs <= APD_MOST / outputs, "`widths`: %zu x %zu weights", outputs, inputs);
        offset += outputs * (is_bias ? 1 : inputs);
    }
    apd_need(load, offset == model->dim, "networks of %zu parameters, expected %zu", model->dim, offset);
}

static void apd_read_schema(apd_load *load, const apd_json *schema) {
    apd_model *model = load->model;
    const apd_json *columns = apd_at(schema, "columns"), *column;
    size_t inputs = 0;
    apd_need_list(load, columns, "columns");
    model->feature = apd_new(load, columns->count, sizeof *model->feature);
    for (column = columns->first; column; column = column->next) {
        const apd_json *role = apd_at(column, "role"), *target = apd_at(role, "target"), *feature = apd_at(role, "feature");
        const apd_json *number = apd_at(feature, "number"), *category = apd_at(feature, "category");
        const char *name = apd_text(column, "name");
        apd_need(load, name != NULL, "`columns`: one has no name");
        if (target) {
            model->target = name;
            const apd_json *classes = apd_at(target, "classes");
            if (classes) model->name = apd_texts(load, classes, "classes");
            model->classes = classes ? classes->count : 0;
        }
        if (!number && !category) continue;
        apd_feature *next = &model->feature[model->features++];
        next->name = name;
        next->is_category = category != NULL;
        if (category) {
            next->level = apd_texts(load, apd_at(category, "levels"), "levels");
            next->levels = apd_at(category, "levels")->count;
            inputs += next->levels + 1;
        } else {
            next->mean = apd_number(load, number, "mean", -DBL_MAX, DBL_MAX, NAN);
            next->sd = apd_number(load, number, "sd", DBL_MIN, DBL_MAX, NAN);
            next->indicator = apd_is(number, "indicator");
            inputs += next->indicator ? 2 : 1;
        }
    }
    apd_need(load, model->target != NULL, "`columns`: none is the target");
    apd_need(load, inputs == model->widths[0], "columns of %zu inputs for a network of %zu", inputs, model->widths[0]);
}

static void apd_read_calibration(apd_load *load, const apd_json *calibration) {
    apd_model *model = load->model;
    const apd_json *classes = apd_at(calibration, "classes"), *numbers = apd_at(calibration, "numbers");
    if (model->classes) {
        model->threshold = apd_number(load, classes, "threshold", 0, 1, NAN);
        model->power = apd_number(load, classes, "power", DBL_MIN, DBL_MAX, 1);
        return;
    }
    apd_need_list(load, apd_at(numbers, "masses"), "masses");
    model->masses = apd_at(numbers, "masses")->count;
    model->mass = apd_numbers(load, apd_at(numbers, "masses"), "masses", model->masses);
    model->factor = apd_numbers(load, apd_at(numbers, "factors"), "factors", model->masses);
    apd_need(load, model->masses > 0, "`masses`: there are none");
    for (size_t i = 0; i < model->masses; i++) {
        double mass = model->mass[i];
        apd_need(load, mass > (i ? model->mass[i - 1] : 0) && mass < 1, "`masses` do not rise from 0 to 1");
        apd_need(load, model->factor[i] >= 0, "`factors`: %g is negative", model->factor[i]);
    }
    model->spread = apd_number(load, numbers, "spread", DBL_MIN, DBL_MAX, 1);
    model->outliers = apd_number(load, numbers, "outliers", 0, 1, 0);
}

static void apd_read_reference(apd_load *load, const apd_json *reference) {
    apd_model *model = load->model;
    size_t inputs = model->widths[0], bytes;
    model->center = apd_numbers(load, apd_at(reference, "mean"), "reference.mean", inputs);
    model->whitening = apd_base64_f32(load, reference, "whitening", &model->whitened);
    model->held_out = apd_base64_f32(load, reference, "held_out", &model->held);
    unsigned char *rows = apd_base64(load, reference, "rows", &bytes);
    int is_triangle = (double)model->whitened == (double)inputs * ((double)inputs + 1) / 2;
    apd_need(load, model->whitened == 0 || is_triangle, "`whitening`: %zu numbers for %zu inputs", model->whitened, inputs);
    apd_need(load, bytes % (2 * inputs) == 0, "`rows`: %zu bytes are no whole number of rows", bytes);
    model->kept = bytes / (2 * inputs);
    model->rows = apd_new(load, model->kept * inputs, sizeof *model->rows);
    for (size_t i = 0; i < model->kept * inputs; i++) {
        long steps = (long)apd_little(rows + 2 * i, 2);
        model->rows[i] = (float)(steps < 32768 ? steps : steps - 65536) / APD_STEPS;
    }
}

static void apd_read_all(apd_load *load, const unsigned char *bytes, size_t length) {
    apd_model *model = load->model;
    apd_need(load, length >= 8, "%zu bytes, a safetensors file has at least 8", length);
    size_t header = apd_little(bytes, 4);
    apd_need(load, apd_little(bytes + 4, 4) == 0 && header <= length - 8, "a header longer than the file's %zu bytes", length);
    char *text = memcpy(apd_new(load, header + 1, 1), bytes + 8, header);
    load->data = bytes + 8 + header;
    load->size = length - 8 - header;
    load->header = apd_parse(load, text, "header");
    load->apd = apd_parse(load, apd_text(apd_at(load->header, "__metadata__"), "apd"), "apd");
    const apd_json *metadata = apd_at(load->apd, "metadata");
    const apd_json *description = apd_parse(load, apd_text(metadata, "apd.fitted"), "apd.fitted")->first;
    const apd_json *table = apd_parse(load, apd_text(metadata, "apd.table"), "apd.table");
    const apd_json *likelihood = apd_at(description, "likelihood"), *scaling = apd_at(description, "scaling");
    apd_need(load, apd_number(load, description, "version", 0, DBL_MAX, NAN) == 1, "another version of the format than 1");
    apd_read_networks(load);
    apd_read_perceptron(load, apd_at(description, "network"));
    apd_read_schema(load, apd_at(table, "schema"));
    const char *kind = apd_text(likelihood, "kind"), *expected = model->classes ? "categorical" : "heteroscedastic-gaussian";
    apd_need(load, kind && strcmp(kind, expected) == 0, "`likelihood`: %.40s, expected %s", kind ? kind : "none", expected);
    size_t outputs = model->widths[model->layers], wanted = model->classes ? model->classes : 2;
    apd_need(load, outputs == wanted, "a network of %zu outputs, expected %zu", outputs, wanted);
    model->floor = apd_number(load, likelihood, "floor", 0, DBL_MAX, 0);
    model->scale = 1;
    if (scaling) {
        model->shift = *apd_numbers(load, apd_at(scaling, "mean"), "scaling.mean", 1);
        model->scale = *apd_numbers(load, apd_at(scaling, "sd"), "scaling.sd", 1);
        apd_need(load, model->scale > 0, "`scaling`: a deviation of %g", model->scale);
    }
    apd_read_calibration(load, apd_at(table, "calibration"));
    apd_read_reference(load, apd_at(table, "reference"));
}

apd_model *apd_read(const void *bytes, size_t length, char *error, size_t size) {
    apd_load load;
    memset(&load, 0, sizeof load);
    load.model = calloc(1, sizeof *load.model);
    load.error = error;
    load.error_size = size;
    if (setjmp(load.failed)) {
        apd_close(load.model);
        return NULL;
    }
    apd_need(&load, load.model != NULL, "no memory");
    apd_read_all(&load, bytes, length);
    return load.model;
}

apd_model *apd_open(const char *path, char *error, size_t size) {
    FILE *file = fopen(path, "rb");
    unsigned char *bytes = NULL;
    apd_model *model = NULL;
    long length = -1;
    if (file && fseek(file, 0, SEEK_END) == 0) length = ftell(file);
    if (length > 0 && fseek(file, 0, SEEK_SET) == 0) bytes = malloc((size_t)length);
    if (bytes && fread(bytes, 1, (size_t)length, file) == (size_t)length) model = apd_read(bytes, (size_t)length, error, size);
    else snprintf(error, size, "%s cannot be read", path);
    free(bytes);
    if (file) fclose(file);
    return model;
}

void apd_close(apd_model *model) {
    while (model && model->blocks) {
        apd_block *next = model->blocks->next;
        free(model->blocks);
        model->blocks = next;
    }
    free(model);
}

const char *apd_target(const apd_model *model) {
    return model->target;
}

size_t apd_features(const apd_model *model, const apd_feature **features) {
    *features = model->feature;
    return model->features;
}

size_t apd_classes(const apd_model *model, const char *const **names) {
    *names = model->name;
    return model->classes;
}

/* ---- networks, in f32, operation by operation as the command does it ---- */

static float apd_tanh(float z) {
    const float most = 7.9053111f, p[] = {-2.76076847742355e-16f, 2.00018790482477e-13f, -8.60467152213735e-11f, 5.12229709037114e-8f,
                                          1.48572235717979e-5f, 6.37261928875436e-4f, 4.89352455891786e-3f};
    const float q[] = {1.19825839466702e-6f, 1.18534705686654e-4f, 2.268434632439e-3f, 4.89352518554385e-3f};
    float x = z < -most ? -most : z > most ? most : z, y = x * x, above = p[0], below = q[0];
    for (int i = 1; i < 7; i++) above = above * y + p[i];
    for (int i = 1; i < 4; i++) below = below * y + q[i];
    return x * above / below;
}

/* e^x of x <= 0. */
static float apd_exp(float x) {
    const float round = 12582912.0f, p[] = {1.98756915e-4f, 1.39819995e-3f, 8.3334519e-3f, 4.1665796e-2f, 1.66666655e-1f, 5.0000001e-1f};
    if (!(x >= -87.33654f)) return 0;
    float n = x * 1.44269504088896340736f + round;
    n -= round;
    float r = x - n * 0.693359375f, power = p[0];
    r += n * 2.1219444e-4f;
    for (int i = 1; i < 6; i++) power = power * r + p[i];
    return ldexpf(power * r * r + r + 1.0f, (int)n);
}

/* The outputs of one network; `units` is room for twice the widest layer. */
static const float *apd_evaluate(const apd_model *model, const float *network, const float *x, float *units) {
    for (size_t l = 0; l < model->layers; l++) {
        size_t inputs = model->widths[l], outputs = model->widths[l + 1];
        float *out = units + (l % 2) * model->widest;
        const float *bias = network + inputs * outputs;
        for (size_t j = 0; j < outputs; j++, network += inputs) {
            float z = bias[j];
            for (size_t i = 0; i < inputs; i++) z = (float)((double)network[i] * x[i] + z);
            if (l + 1 < model->layers) z = model->is_tanh ? apd_tanh(z) : z > 0 ? z : model->slope * z;
            out[j] = z;
        }
        network += outputs;
        x = out;
    }
    return x;
}

static int apd_encode(const apd_model *model, const double *numbers, const char *const *categories, float *x) {
    for (size_t f = 0; f < model->features; f++) {
        const apd_feature *feature = &model->feature[f];
        if (feature->is_category) {
            const char *category = *categories++;
            size_t place = category && *category ? 0 : feature->levels;
            while (place < feature->levels && strcmp(feature->level[place], category) != 0) place++;
            for (size_t i = 0; i <= feature->levels; i++) *x++ = i == place;
        } else {
            double number = *numbers++;
            *x = isnan(number) ? 0 : (float)((number - feature->mean) / feature->sd);
            if (!isfinite(*x++)) return 0;
            if (feature->indicator) *x++ = isnan(number) != 0;
        }
    }
    return 1;
}

/* The share of held-out rows that are nearer to the reference; `centered` and `whitened` are room for the inputs. */
static double apd_strangeness(const apd_model *model, const float *x, double *centered, float *whitened) {
    size_t inputs = model->widths[0], nearer = 0;
    const float *factor = model->whitening;
    float least = HUGE_VALF;
    for (size_t i = 0; i < inputs; i++) {
        double sum = 0;
        centered[i] = x[i] - model->center[i];
        for (size_t j = 0; j <= i && model->whitened; j++) sum += *factor++ * centered[j];
        whitened[i] = (float)(model->whitened ? sum : centered[i]);
    }
    for (size_t row = 0; row < model->kept; row++) {
        float square = 0;
        for (size_t i = 0; i < inputs; i++) {
            float difference = whitened[i] - model->rows[row * inputs + i];
            square += difference * difference;
        }
        if (square < least) least = square;
    }
    for (size_t i = 0; i < model->held; i++) nearer += model->held_out[i] < sqrtf(least);
    return (double)nearer / (double)(model->held ? model->held : 1);
}

/* ---- averages and calibration ---- */

static double apd_entropy(double p) {
    return p > 0 ? -p * log(p) : 0;
}

static void apd_predict_class(const apd_model *model, const float *x, float *units, double *p, apd_prediction *prediction) {
    size_t classes = model->classes, left = 0;
    double of_networks = 0, total = 0, sum = 0;
    for (size_t c = 0; c < classes; c++) p[c] = 0;
    for (size_t s = 0; s < model->count; s++) {
        const float *z = apd_evaluate(model, model->networks + s * model->dim, x, units);
        float most = z[0], sum_of_exp = 0;
        for (size_t c = 1; c < classes; c++) most = z[c] > most ? z[c] : most;
        for (size_t c = 0; c < classes; c++) sum_of_exp += apd_exp(z[c] - most);
        for (size_t c = 0; c < classes; c++) {
            float of_network = apd_exp(z[c] - most) / sum_of_exp;
            p[c] += of_network;
            of_networks += apd_entropy(of_network);
        }
    }
    for (size_t c = 0; c < classes; c++) {
        p[c] /= (double)model->count;
        total += apd_entropy(p[c]);
        if (model->power != 1) p[c] = pow(p[c], model->power);
        sum += p[c];
    }
    prediction->best = 0;
    prediction->entropy = 0;
    for (size_t c = 0; c < classes; c++) {
        if (model->power != 1) p[c] /= sum;
        if (p[c] > p[prediction->best]) prediction->best = c;
        prediction->entropy += apd_entropy(p[c]);
        left += p[c] >= model->threshold;
    }
    double disagreement = total - of_networks / (double)model->count;
    prediction->bald = total > 0 && disagreement > 0 ? disagreement / total * prediction->entropy : 0;
    prediction->abstain = left != 1 || prediction->ood > APD_STRANGE;
}

/* The networks' laws of a number. */
typedef struct {
    const apd_model *model;
    const double *mean, *sd;
    double p;
} apd_laws;

typedef struct {
    double y, excess;
} apd_point;

/* P(Y <= y) - p, where laws are normal but for the outliers. */
static apd_point apd_excess(const apd_laws *laws, double y) {
    double outliers = laws->model->outliers, count = (double)laws->model->count;
    apd_point point = {y, 0};
    for (size_t s = 0; s < laws->model->count; s++) {
        double z = y == laws->mean[s] ? 0 : (y - laws->mean[s]) / laws->sd[s] * 0.70710678118654752440;
        point.excess += (1 - outliers) * 0.5 * erfc(-z);
        if (outliers > 0) point.excess += outliers * 0.5 * erfc(-z / APD_OUTLIER_WIDTH);
    }
    point.excess = point.excess / count - laws->p;
    return point;
}

/* The least y with P(Y <= y) >= p, by Chandrupatla's method: inverse quadratic interpolation where three points allow it, else bisection.
 * (Newton's would stop anywhere between networks that are far apart, where P does not rise.) */
static double apd_quantile(const apd_model *model, const double *mean, const double *sd, double center, double p) {
    apd_laws laws = {model, mean, sd, p};
    double least = mean[0], most = mean[0], width = 0, part = 0.5;
    for (size_t s = 0; s < model->count; s++) {
        least = fmin(least, mean[s]);
        most = fmax(most, mean[s]);
        width += (fabs(mean[s] - center) + sd[s]) / (double)model->count;
    }
    double step = fmax(fmax(width, DBL_MIN), 1e-15 * fmax(fabs(least), fabs(most)));
    apd_point newest = apd_excess(&laws, least - step), other = apd_excess(&laws, most + step);
    for (double reach = step; newest.excess >= 0 && isfinite(newest.y);) newest = apd_excess(&laws, newest.y - (reach *= 2));
    for (double reach = step; other.excess < 0 && isfinite(other.y);) other = apd_excess(&laws, other.y + (reach *= 2));
    for (;;) { /* P reaches p between `newest` and `other` */
        apd_point third = newest, point = apd_excess(&laws, newest.y + part * (other.y - newest.y));
        if ((point.excess < 0) != (newest.excess < 0)) third = other, other = newest;
        newest = point;
        double nearest = (1e-14 * (fabs(newest.y) + fabs(other.y)) + 1e-15 * width) / fabs(other.y - newest.y);
        if (!(nearest < 0.5) || newest.y == third.y || newest.y == other.y) return newest.excess < 0 ? other.y : newest.y;
        double a = newest.excess, b = other.excess, c = third.excess, phi = (a - b) / (c - b);
        double xi = (newest.y - other.y) / (third.y - other.y), slope = (third.y - newest.y) / (other.y - newest.y);
        int is_smooth = phi * phi < xi && (1 - phi) * (1 - phi) < 1 - xi;
        part = is_smooth ? a / (b - a) * c / (b - c) + slope * a / (c - a) * b / (c - b) : 0.5;
        part = fmin(fmax(part, nearest), 1 - nearest);
    }
}

/* The factor of the intervals of this mass: linear between those known, constant beyond. */
static double apd_factor(const apd_model *model, double mass) {
    size_t above = 0;
    while (above < model->masses && model->mass[above] < mass) above++;
    if (above == 0) return model->factor[0];
    if (above == model->masses) return model->factor[above - 1];
    double part = (mass - model->mass[above - 1]) / (model->mass[above] - model->mass[above - 1]);
    return model->factor[above - 1] + part * (model->factor[above] - model->factor[above - 1]);
}

static void apd_predict_number(const apd_model *model, const float *x, float *units, double coverage, double *mean,
                               apd_prediction *prediction) {
    double count = (double)model->count, aleatoric = 0, epistemic = 0, *sd = mean + model->count;
    prediction->mean = 0;
    for (size_t s = 0; s < model->count; s++) {
        const float *out = apd_evaluate(model, model->networks + s * model->dim, x, units);
        mean[s] = model->shift + model->scale * out[0];
        sd[s] = model->spread * model->scale * hypot(exp(out[1]), model->floor);
        prediction->mean += mean[s] / count;
    }
    for (size_t s = 0; s < model->count; s++) {
        mean[s] = prediction->mean + model->spread * (mean[s] - prediction->mean);
        epistemic += (mean[s] - prediction->mean) * (mean[s] - prediction->mean) / count;
        aleatoric += sd[s] * sd[s] / count;
    }
    aleatoric *= 1 + model->outliers * (APD_OUTLIER_WIDTH * APD_OUTLIER_WIDTH - 1);
    prediction->sd = sqrt(aleatoric + epistemic);
    prediction->aleatoric_sd = sqrt(aleatoric);
    prediction->epistemic_sd = sqrt(epistemic);
    double median = apd_quantile(model, mean, sd, prediction->mean, 0.5), factor = apd_factor(model, coverage);
    prediction->lower = median + factor * (apd_quantile(model, mean, sd, prediction->mean, 0.5 - 0.5 * coverage) - median);
    prediction->upper = median + factor * (apd_quantile(model, mean, sd, prediction->mean, 0.5 + 0.5 * coverage) - median);
}

int apd_predict(const apd_model *model, const double *numbers, const char *const *categories, double coverage, double *probabilities,
                apd_prediction *prediction) {
    size_t inputs = model->widths[0], doubles = inputs + 2 * model->count, floats = 2 * inputs + 2 * model->widest;
    double *room = malloc(doubles * sizeof *room + floats * sizeof(float));
    if (!room) return 0;
    float *x = (float *)(room + doubles), *units = x + 2 * inputs;
    memset(prediction, 0, sizeof *prediction);
    int is_possible = apd_encode(model, numbers, categories, x) && (model->classes || (coverage > 0 && coverage < 1));
    if (is_possible) {
        prediction->ood = apd_strangeness(model, x, room, x + inputs);
        if (model->classes) apd_predict_class(model, x, units, probabilities, prediction);
        else apd_predict_number(model, x, units, coverage, room + inputs, prediction);
    }
    free(room);
    return is_possible;
}

#endif
