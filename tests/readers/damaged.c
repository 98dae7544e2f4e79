/* Opens each of some files, and predicts an empty row if that works. */

#define APD_IMPLEMENTATION
#include "../../crates/apd/c/apd.h"

int main(int count, char **files) {
    for (int i = 1; i < count; i++) {
        char error[200] = "";
        const apd_feature *feature;
        const char *const *names;
        apd_prediction prediction;
        apd_model *model = apd_open(files[i], error, sizeof error);
        if (!model && !*error) return 1; /* an error has to say something */
        printf("%s\n", model ? "opened" : error);
        fflush(stdout);
        if (!model) continue;
        size_t features = apd_features(model, &feature), classes = apd_classes(model, &names);
        double *numbers = calloc(features + 1, sizeof *numbers), *p = calloc(classes + 1, sizeof *p);
        const char **categories = calloc(features + 1, sizeof *categories);
        if (!numbers || !p || !categories) return 1;
        apd_predict(model, numbers, categories, 0.9, p, &prediction);
        free(numbers), free(p), free(categories);
        apd_close(model);
    }
    return 0;
}
