/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * One uplink, ready for its plugin.
 */
#include <errno.h>
#include <string.h>

#include "config/private.h"

/* Records of one message share a topic, so batches want a topic without what differs. */
static void check_batch(struct findings *findings, config_setting_t *setting,
                        const struct weir_option *rows, const struct batch_options *batch)
{
    const char *topic = NULL;
    for (; rows && rows->name; rows++) {
        if (!strcmp(rows->name, "topic")) {
            topic = rows->fallback;
        }
    }
    config_setting_lookup_string(setting, "topic", &topic);
    if (batch->records > 1 && topic &&
        (strstr(topic, "{device}") || strstr(topic, "{kind}") || strstr(topic, "{label."))) {
        tree_find(findings, setting, WEIR_LOG_WARNING,
                  "batch: records share a message only while the topic is the same; "
                  "\"%s\" differs between devices",
                  topic);
    }
}

static void check_qos(struct findings *findings, config_setting_t *setting)
{
    int qos = 1;
    if (config_setting_lookup_int(setting, "qos", &qos) && qos == 0) {
        tree_find(findings, config_setting_get_member(setting, "qos"), WEIR_LOG_WARNING,
                  "with QoS 0 nobody acknowledges: the promises of the buffer do not hold");
    }
}

int config_uplink(struct config *config, const char *name, const struct weir_uplink *plugin,
                  struct findings *findings, struct uplink_config **ret_uplink)
{
    static const char *const none[] = { NULL };
    config_setting_t *setting = config_group(config, "uplinks", name);
    if (!setting) {
        findings_add(findings, "", 0, WEIR_LOG_ERROR, "there is no uplink \"%s\"", name);
        return -EINVAL;
    }
    size_t errors = findings_errors(findings);
    struct uplink_options o = { .uplink = "" };
    void *options = arena_take(&config->arena, plugin->options_size + 1);
    struct fill_from from = { setting, NULL, setting };
    struct fill fills[] = { { uplink_rows, &o },
                            { plugin->options, options },
                            { uplink_later, NULL } };
    fill_all(config, findings, &from, fills, 3, none);
    tables_warn_later(config, findings, setting, uplink_later);
    check_batch(findings, setting, plugin->options, &o.batch);
    check_qos(findings, setting);
    if (findings_errors(findings) > errors) {
        return -EINVAL;
    }
    struct uplink_config *u = arena_take(&config->arena, sizeof *u);
    *u = (struct uplink_config){ .name = config_setting_name(setting),
                                 .options = options,
                                 .format = o.format,
                                 .start = o.start,
                                 .batch_records = o.batch.records,
                                 .batch_delay_ns = o.batch.delay_ns,
                                 .batch_compact = o.batch.compact,
                                 .hold_unsynced_ns = o.hold_unsynced_ns,
                                 .inflight = o.inflight,
                                 .reconnect_delay_max_ns = o.reconnect_delay_max_ns,
                                 .rate_limit = o.rate_limit,
                                 .skip_older_ns = o.skip_older_ns,
                                 .devices = o.devices,
                                 .kinds = o.kinds,
                                 .file = tree_file(setting),
                                 .line = tree_line(setting) };
    *ret_uplink = u;
    return 0;
}
