/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The MQTT uplink: its options and the callbacks of weir/uplink.h. Topics are made here, once for
 * each source; connections and messages are session.h's. docs/mqtt.md is the page for users.
 */
#include <errno.h>
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <weir/uplink.h>

#include "session.h"
#include "topic.h"
#include "url.h"

#define NS_PER_S 1000000000LL

#define PREFIX_DEFAULT "weir/{gateway}/"
#define CLIENT_ID_MAX  256
#define PREFIX_MAX     (TOPIC_MAX - WEIR_NAME_MAX - 16) /* leaves room for DEVICE/meta */

struct mqtt_options {
    const char *url, *topic, *prefix, *client_id;
    const char *username, *password, *source_address;
    int64_t qos;
    int64_t keepalive_ns, connect_timeout_ns;
    int version; /* enum session_version */
};

static const char *const versions[] = { "auto", "5", "3.1.1", NULL };

static const struct weir_option options[] = {
    { .name = "url",
      .type = WEIR_OPTION_TEXT,
      .offset = offsetof(struct mqtt_options, url),
      .flags = WEIR_OPTION_REQUIRED,
      .help = "the broker: mqtt://HOST[:PORT], port 1883 if there is none" },
    { .name = "qos",
      .type = WEIR_OPTION_INT,
      .offset = offsetof(struct mqtt_options, qos),
      .fallback = "1",
      .min = 0,
      .max = 1,
      .help = "1: confirmed by the broker; 0: written to the network, may be lost" },
    { .name = "topic",
      .type = WEIR_OPTION_TEXT,
      .offset = offsetof(struct mqtt_options, topic),
      .fallback = "weir/{gateway}/{device}/{kind}",
      .help = "where records go; {gateway} {bus} {device} {kind} {label.NAME} are filled in" },
    { .name = "prefix",
      .type = WEIR_OPTION_TEXT,
      .offset = offsetof(struct mqtt_options, prefix),
      .help = "what state, health and DEVICE/meta begin with; by default the part of topic before "
              "{device}" },
    { .name = "client_id",
      .type = WEIR_OPTION_TEXT,
      .offset = offsetof(struct mqtt_options, client_id),
      .fallback = "weir-{gateway}-{uplink}",
      .help = "the name the broker knows this uplink by; no two clients may have the same" },
    { .name = "username",
      .type = WEIR_OPTION_TEXT,
      .offset = offsetof(struct mqtt_options, username),
      .help = "for brokers that want a login" },
    { .name = "password",
      .type = WEIR_OPTION_SECRET,
      .offset = offsetof(struct mqtt_options, password),
      .help = "goes with username" },
    { .name = "version",
      .type = WEIR_OPTION_CHOICE,
      .offset = offsetof(struct mqtt_options, version),
      .fallback = "auto",
      .choices = versions,
      .help = "of MQTT; auto: 5, and 3.1.1 if the broker says that it does not speak 5" },
    { .name = "keepalive",
      .type = WEIR_OPTION_DURATION,
      .offset = offsetof(struct mqtt_options, keepalive_ns),
      .fallback = "60s",
      .min = 5,
      .max = 65535,
      .help =
          "a silent link is tested this often; after two a broker that does not answer is left" },
    { .name = "connect_timeout",
      .type = WEIR_OPTION_DURATION,
      .offset = offsetof(struct mqtt_options, connect_timeout_ns),
      .fallback = "10s",
      .min = 0.1,
      .max = 300,
      .help = "for reaching the broker, and again for its answer" },
    { .name = "source_address",
      .type = WEIR_OPTION_TEXT,
      .offset = offsetof(struct mqtt_options, source_address),
      .help = "numeric address of the interface to connect from" },
    { 0 },
};

struct mqtt {
    const struct mqtt_options *options;
    const char *gateway;
    struct topic_template topic;
    char prefix[PREFIX_MAX]; /* expanded */
    char state_topic[TOPIC_MAX];
    char client_id[CLIENT_ID_MAX];
    char **routes; /* topics; a route is an index */
    size_t route_count;
    struct session session;
};

/* ---- open and close */

/* Parses a setting and fills it in; the message names the setting. */
static int expand_setting(const char *name, const char *text, size_t len, unsigned fields,
                          const struct topic_values *values, char *buf, size_t size, char *err,
                          size_t err_size)
{
    struct topic_template template;
    char why[128];
    int r = topic_parse(text, len, fields, &template, why, sizeof why);
    if (r < 0) {
        snprintf(err, err_size, "%s \"%.*s\": %s", name, (int)len, text, why);
        return r;
    }
    r = topic_expand(&template, values, buf, size);
    if (r < 0) {
        snprintf(err, err_size, "%s \"%.*s\": too long", name, (int)len, text);
        return r;
    }
    if (mosquitto_validate_utf8(buf, r) != MOSQ_ERR_SUCCESS) {
        snprintf(err, err_size, "%s: not valid UTF-8", name);
        return -EINVAL;
    }
    return 0;
}

static int make_topic(struct mqtt *mqtt, char *err, size_t err_size)
{
    const char *text = mqtt->options->topic;
    char why[128];
    int r = topic_parse(text, strlen(text), TOPIC_OF_RECORD, &mqtt->topic, why, sizeof why);
    if (r < 0) {
        snprintf(err, err_size, "topic \"%s\": %s", text, why);
    }
    return r;
}

static int make_prefix(struct mqtt *mqtt, char *err, size_t err_size)
{
    const char *text = mqtt->options->prefix;
    size_t len = strlen(text);
    if (!len) {
        text = mqtt->options->topic;
        len = topic_prefix_length(&mqtt->topic, text);
    }
    if (!len) {
        text = PREFIX_DEFAULT;
        len = strlen(text);
    }
    const struct topic_values values = { .gateway = mqtt->gateway };
    int r = expand_setting("prefix", text, len, TOPIC_OF_GATEWAY, &values, mqtt->prefix,
                           sizeof mqtt->prefix, err, err_size);
    if (r == 0) {
        snprintf(mqtt->state_topic, sizeof mqtt->state_topic, "%sstate", mqtt->prefix);
    }
    return r;
}

static int make_client_id(struct mqtt *mqtt, const char *uplink, char *err, size_t err_size)
{
    const char *text = mqtt->options->client_id;
    const struct topic_values values = { .gateway = mqtt->gateway, .uplink = uplink };
    return expand_setting("client_id", text, strlen(text), TOPIC_OF_CONNECTION, &values,
                          mqtt->client_id, sizeof mqtt->client_id, err, err_size);
}

static int make_settings(struct mqtt *mqtt, struct session_settings *settings, char *err,
                         size_t err_size)
{
    const struct mqtt_options *o = mqtt->options;
    *settings = (struct session_settings){
        .client_id = mqtt->client_id,
        .username = o->username,
        .password = o->password,
        .source = o->source_address,
        .state_topic = mqtt->state_topic,
        .source_family = *o->source_address ? address_family(o->source_address) : AF_UNSPEC,
        .connect_timeout_ns = o->connect_timeout_ns,
        .keepalive_s = (int)(o->keepalive_ns / NS_PER_S),
        .version = o->version,
        .qos = (int)o->qos,
    };
    if (*o->password && !*o->username) {
        snprintf(err, err_size, "password is set, but username is not");
        return -EINVAL;
    }
    if (*o->source_address && settings->source_family == AF_UNSPEC) {
        snprintf(err, err_size, "source_address \"%s\": not a numeric address", o->source_address);
        return -EINVAL;
    }
    return url_parse(o->url, &settings->url, err, err_size);
}

static int mqtt_setup(struct mqtt *mqtt, const struct weir_uplink_env *env, char *err,
                      size_t err_size)
{
    struct session_settings settings;
    int r = make_settings(mqtt, &settings, err, err_size);
    if (r == 0) {
        r = make_topic(mqtt, err, err_size);
    }
    if (r == 0) {
        r = make_prefix(mqtt, err, err_size);
    }
    if (r == 0) {
        r = make_client_id(mqtt, env->name, err, err_size);
    }
    if (r == 0) {
        session_init(&mqtt->session, &settings, env);
    }
    return r;
}

static int mqtt_open(const struct weir_uplink_env *env, void **ret_self, char *err, size_t err_size)
{
    struct mqtt *mqtt = calloc(1, sizeof *mqtt);
    if (!mqtt) {
        snprintf(err, err_size, "out of memory");
        return -ENOMEM;
    }
    mqtt->options = env->options;
    mqtt->gateway = env->gateway;
    int r = mqtt_setup(mqtt, env, err, err_size);
    if (r < 0) {
        free(mqtt);
        return r;
    }
    mosquitto_lib_init();
    *ret_self = mqtt;
    return 0;
}

static void mqtt_close(void *self)
{
    struct mqtt *mqtt = self;
    if (!mqtt) {
        return;
    }
    session_finish(&mqtt->session);
    for (size_t i = 0; i < mqtt->route_count; i++) {
        free(mqtt->routes[i]);
    }
    free(mqtt->routes);
    free(mqtt);
    mosquitto_lib_cleanup();
}

/* ---- topics */

static int route_find(const struct mqtt *mqtt, const char *topic)
{
    for (size_t i = 0; i < mqtt->route_count; i++) {
        if (!strcmp(mqtt->routes[i], topic)) {
            return (int)i;
        }
    }
    return -1;
}

static int route_add(struct mqtt *mqtt, const char *topic)
{
    char **routes = realloc(mqtt->routes, (mqtt->route_count + 1) * sizeof *routes);
    if (!routes) {
        return -ENOMEM;
    }
    mqtt->routes = routes;
    routes[mqtt->route_count] = strdup(topic);
    return routes[mqtt->route_count] ? (int)mqtt->route_count++ : -ENOMEM;
}

static int mqtt_route(void *self, const struct weir_source *source)
{
    struct mqtt *mqtt = self;
    const struct topic_values values = { .gateway = mqtt->gateway,
                                         .bus = source->bus,
                                         .shape = source->shape };
    char topic[TOPIC_MAX];
    int len = topic_expand(&mqtt->topic, &values, topic, sizeof topic);
    if (len < 0) {
        return len;
    }
    if (mosquitto_validate_utf8(topic, len) != MOSQ_ERR_SUCCESS) {
        return -EINVAL;
    }
    int route = route_find(mqtt, topic);
    return route >= 0 ? route : route_add(mqtt, topic);
}

static void mqtt_announce(void *self, int route, const struct weir_source *source, const char *json,
                          size_t len)
{
    struct mqtt *mqtt = self;
    char topic[TOPIC_MAX];
    snprintf(topic, sizeof topic, "%s%.*s/meta", mqtt->prefix, WEIR_NAME_MAX,
             source->shape->device);
    delivery_retained(&mqtt->session, topic, json, len);
}

static int mqtt_health(void *self, const char *json, size_t len)
{
    struct mqtt *mqtt = self;
    char topic[TOPIC_MAX];
    snprintf(topic, sizeof topic, "%shealth", mqtt->prefix);
    return delivery_retained(&mqtt->session, topic, json, len) ? 0 : -EAGAIN;
}

static int mqtt_send(void *self, uint64_t token, int route, const char *payload, size_t len)
{
    struct mqtt *mqtt = self;
    const struct delivery delivery = {
        .token = token,
        .topic = mqtt->routes[route],
        .payload = payload,
        .len = len,
        .qos = (int)mqtt->options->qos,
    };
    return delivery_send(&mqtt->session, &delivery);
}

/* The PUBLISH around a payload: first byte, two to four of length, topic, packet identifier,
 * properties of MQTT 5. */
static unsigned mqtt_overhead(void *self, int route)
{
    const struct mqtt *mqtt = self;
    bool v5 = mqtt->session.protocol == MQTT_PROTOCOL_V5;
    return 1 + 2 + 2 + (unsigned)strlen(mqtt->routes[route]) + (mqtt->options->qos ? 2 : 0) + v5;
}

/* ---- the rest is session.h's */

static void mqtt_connect(void *self)
{
    struct mqtt *mqtt = self;
    session_connect(&mqtt->session);
}

static void mqtt_disconnect(void *self)
{
    struct mqtt *mqtt = self;
    session_disconnect(&mqtt->session);
}

static unsigned mqtt_prepare(void *self, struct pollfd *fds, int64_t *deadline_ns)
{
    struct mqtt *mqtt = self;
    return session_prepare(&mqtt->session, fds, deadline_ns);
}

static void mqtt_process(void *self, const struct pollfd *fds, unsigned count)
{
    struct mqtt *mqtt = self;
    session_process(&mqtt->session, fds, count);
}

static unsigned mqtt_window(void *self)
{
    const struct mqtt *mqtt = self;
    return delivery_window(&mqtt->session);
}

__attribute__((visibility("default"))) extern const struct weir_uplink weir_uplink;

const struct weir_uplink weir_uplink = {
    .abi = WEIR_UPLINK_ABI,
    .size = sizeof(struct weir_uplink),
    .name = "mqtt",
    .summary = "delivers to an MQTT broker (MQTT 5 or 3.1.1)",
    .options = options,
    .options_size = sizeof(struct mqtt_options),
    .open = mqtt_open,
    .close = mqtt_close,
    .connect = mqtt_connect,
    .disconnect = mqtt_disconnect,
    .prepare = mqtt_prepare,
    .process = mqtt_process,
    .window = mqtt_window,
    .route = mqtt_route,
    .announce = mqtt_announce,
    .send = mqtt_send,
    .overhead = mqtt_overhead,
    .health = mqtt_health,
};
