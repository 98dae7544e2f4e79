/* Prints what a model of `apd fit` says of the rows of a CSV: predict MODEL.safetensors ROWS.csv
 *
 * cc -std=c99 -O2 predict.c -lm -o predict */

#define APD_IMPLEMENTATION
#include "apd.h"

enum { LINE = 1 << 20 };

/* Splits a line in place at its commas, but for those between quotation marks; returns how many fields there are. */
static size_t split(char *line, char **field, size_t most) {
    size_t count = 0;
    for (int more = 1; more && count < most; count++) {
        int quoted = *line == '"';
        char *to = field[count] = line += quoted;
        for (; *line && (quoted || (*line != ',' && *line != '\n' && *line != '\r')); line++) {
            if (quoted && *line == '"' && *++line != '"') quoted = 0, line--;
            else *to++ = *line;
        }
        more = *line++ == ',';
        *to = 0;
    }
    return count;
}

static int is_missing(const char *text) {
    return *text == 0 || strcmp(text, "NA") == 0;
}

static int fail(const char *what, const char *which) {
    fprintf(stderr, "predict: %s: %s\n", what, which);
    return 1;
}

int main(int count, char **arguments) {
    static char line[LINE], error[256];
    if (count != 3) return fail("expected", "MODEL.safetensors ROWS.csv");
    apd_model *model = apd_open(arguments[1], error, sizeof error);
    if (!model) return fail(arguments[1], error);
    FILE *rows = fopen(arguments[2], "r");
    if (!rows || !fgets(line, LINE, rows)) return fail(arguments[2], "no rows");

    const apd_feature *feature;
    const char *const *names;
    size_t features = apd_features(model, &feature), classes = apd_classes(model, &names), most = strlen(line) + 2;
    char **field = malloc(most * sizeof *field);
    size_t *column = malloc((features + 1) * sizeof *column);
    double *numbers = malloc((features + 1) * sizeof *numbers), *p = malloc((classes + 1) * sizeof *p);
    const char **categories = malloc((features + 1) * sizeof *categories);
    if (!field || !column || !numbers || !p || !categories) return fail("predict", "no memory");

    size_t columns = split(line, field, most);
    for (size_t f = 0; f < features; f++) {
        column[f] = 0;
        while (column[f] < columns && strcmp(field[column[f]], feature[f].name) != 0) column[f]++;
        if (column[f] == columns) return fail("a column is missing", feature[f].name);
    }
    if (classes) {
        printf("prediction");
        for (size_t c = 0; c < classes; c++) printf(",p_%s", names[c]);
        printf(",entropy,bald,ood,abstain\n");
    } else {
        printf("mean,sd,aleatoric_sd,epistemic_sd,lower_90,upper_90,ood\n");
    }
    while (fgets(line, LINE, rows)) {
        double *number = numbers;
        const char **category = categories;
        apd_prediction y;
        if (split(line, field, most) < columns) return fail(arguments[2], "a row has too few fields");
        for (size_t f = 0; f < features; f++) {
            char *text = field[column[f]], *end = text;
            if (feature[f].is_category) *category++ = is_missing(text) ? NULL : text;
            else *number++ = is_missing(text) ? NAN : strtod(text, &end);
            if (!feature[f].is_category && !is_missing(text) && (end == text || *end)) return fail("no number", text);
        }
        if (!apd_predict(model, numbers, categories, 0.9, p, &y)) return fail(arguments[2], "a row holds a number that is too large");
        if (classes) {
            printf("%s", names[y.best]);
            for (size_t c = 0; c < classes; c++) printf(",%.17g", p[c]);
            printf(",%.17g,%.17g,%.17g,%d\n", y.entropy, y.bald, y.ood, y.abstain);
        } else {
            printf("%.17g,%.17g,%.17g,%.17g,%.17g,%.17g,%.17g\n", y.mean, y.sd, y.aleatoric_sd, y.epistemic_sd, y.lower, y.upper, y.ood);
        }
    }
    free(field), free(column), free(numbers), free(p), free(categories);
    fclose(rows);
    apd_close(model);
    return 0;
}
