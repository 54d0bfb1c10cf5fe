/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Every shipped model uses the names of include/weir/points.def, with their units.
 */
#include "cmocka_all.h"

#include <dirent.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *unit;
} vocabulary[] = {
#define POINT(name, unit, help) { #name, unit },
#include <weir/points.def>
#undef POINT
};

static void check_point(const char *file, const config_setting_t *point)
{
    const char *name = "", *unit = "";
    config_setting_lookup_string(point, "name", &name);
    config_setting_lookup_string(point, "unit", &unit);
    for (size_t i = 0; i < sizeof vocabulary / sizeof *vocabulary; i++) {
        if (!strcmp(vocabulary[i].name, name)) {
            assert_string_equal(vocabulary[i].unit, unit);
            return;
        }
    }
    fail_msg("%s: \"%s\" is not in points.def", file, name);
}

static void models(void **state)
{
    char folder[512], file[1024];
    size_t points = 0;
    snprintf(folder, sizeof folder, "%s/plugins/modbus/models", getenv("WEIR_SOURCE_DIR"));
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        config_t tree;
        if (entry->d_name[0] == '.') {
            continue;
        }
        snprintf(file, sizeof file, "%s/%s", folder, entry->d_name);
        config_init(&tree);
        assert_true(config_read_file(&tree, file));
        const config_setting_t *list = config_lookup(&tree, "points");
        assert_non_null(list);
        for (int i = 0; i < config_setting_length(list); i++, points++) {
            check_point(file, config_setting_get_elem(list, (unsigned)i));
        }
        config_destroy(&tree);
    }
    closedir(dir);
    assert_true(points > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(models) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
