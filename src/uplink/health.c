/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * How the gateway is, told to the destination: what core says of it in its page, once a connection
 * and whenever it changes. Core may be busy or hang; its page can be read all the same.
 */
#include <string.h>

#include "record/json.h"
#include "uplink/private.h"

enum { HEALTH_JSON_MAX = 6 * STATS_TEXT + 64 }; /* an escaped byte takes six */

static size_t write_json(const char *why, char *buf, size_t size)
{
    struct json json = json_init(buf, size);
    json_word(&json, why[0] ? "{\"status\":\"degraded\",\"why\":" : "{\"status\":\"ok\"");
    if (why[0]) {
        json_text(&json, why, strlen(why));
    }
    json_word(&json, "}");
    return json.failed ? 0 : json_len(&json);
}

void health_tend(struct uplink *up, int64_t now_ns)
{
    char why[STATS_TEXT], text[HEALTH_JSON_MAX];
    if (!up->plugin.uplink->health || !up->link || up->state != CARRIER_UP || up->lost ||
        (up->health_connection == up->connection && now_ns < up->health_at_ns)) {
        return;
    }
    up->health_at_ns = now_ns + NS_PER_S;
    if (!up->core) {
        up->core = stats_open(up->settings.ram, "core", "", sizeof *up->core);
    }
    if (!up->core) {
        return;
    }
    stats_text(why, sizeof why, up->core->trouble);
    if (up->health_connection == up->connection && !strcmp(why, up->health_why)) {
        return;
    }
    size_t len = write_json(why, text, sizeof text);
    if (len && up->plugin.uplink->health(up->self, text, len) == 0) {
        memcpy(up->health_why, why, sizeof why);
        up->health_connection = up->connection;
    }
}
