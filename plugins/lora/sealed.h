/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Packets that nobody else can read, forge or play back: AES-128-CCM (RFC 3610).
 *
 *     counter, 4 bytes, low byte first | ciphertext, as long as what it hides | tag, 4 or 8 bytes
 *     nonce, 13 bytes: sender, 8 bytes, low byte first | counter as sent | 0
 *
 * The counter of a sender rises with every packet and never comes twice under one key: CCM is
 * broken if it does. docs/payloads.md is for who writes the sender.
 */
#ifndef LORA_SEALED_H
#define LORA_SEALED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/option.h>

enum { SEALED_KEY_BYTES = 16, SEALED_COUNTER_BYTES = 4, SEALED_NONCE_BYTES = 13 };

/* X(NAME, "name of the counter", "for people") */
#define SEALED_RESULTS(X)                                                                          \
    X(OK, "ok", "opened")                                                                          \
    X(SHORT, "sealed_short", "too short to be sealed")                                             \
    X(TAG, "sealed_tag", "forged, damaged or of another key")                                      \
    X(REPLAY, "sealed_replay", "good, but its counter did not rise")

enum sealed_result {
#define SEALED_RESULT_ENUM(name, word, help) SEALED_##name,
    SEALED_RESULTS(SEALED_RESULT_ENUM)
#undef SEALED_RESULT_ENUM
        SEALED_RESULT_COUNT
};
const char *sealed_result_name(enum sealed_result result);
const char *sealed_result_help(enum sealed_result result);

/* What is known of one sender: the caller's, zero before the first packet. Whoever keeps it over a
 * restart accepts no packet of before; whoever forgets it accepts each of them once more. */
struct sealed_sender {
    uint32_t counter; /* of the last packet that was good */
    bool seen;        /* there was one */
};

/* 32 hexadecimal digits, nothing else: 0 or -EINVAL. */
int sealed_key(const char *text, uint8_t ret_key[SEALED_KEY_BYTES]);

/* A key in use; for any number of senders. tag_bytes is 4 or 8. 0, -EINVAL or -ENOMEM. */
struct sealed;
int sealed_create(const uint8_t key[SEALED_KEY_BYTES], unsigned tag_bytes,
                  struct sealed **ret_sealed);
void sealed_destroy(struct sealed *sealed); /* wipes the key */

/* Settings of a device, or of a bus if all its devices share a key; filled by SEALED_ROWS. */
struct sealed_options {
    const char *key; /* "": packets are not sealed */
    int tag;         /* index into 4, 8 */
};
extern const char *const sealed_tags[];

#define SEALED_ROWS(outer, field)                                                                  \
    { .name = "seal_key",                                                                          \
      .type = WEIR_OPTION_SECRET,                                                                  \
      .offset = offsetof(outer, field.key),                                                        \
      .help = "packets are sealed with this key, 32 hexadecimal digits" },                         \
    {                                                                                              \
        .name = "seal_tag", .type = WEIR_OPTION_CHOICE, .offset = offsetof(outer, field.tag),      \
        .fallback = "8", .choices = sealed_tags, .unit = "bytes",                                  \
        .help = "how long the tag of a sealed packet is"                                           \
    }

/* By the settings: 0 and *ret_sealed, NULL if packets are not sealed; -EINVAL: the key is none;
 * -ENOMEM. */
int sealed_from(const struct sealed_options *options, struct sealed **ret_sealed);

/* A number of its key, by which one key is told from another: the first bytes of its SHA-256. */
uint32_t sealed_mark(const struct sealed *sealed);

/* Opens a packet of `sender` into buf, which needs len bytes. A packet that is not OK changes
 * neither *state nor *ret_len and leaves nothing of its content in buf. What was missed between two
 * good packets is told by sequence_gap() of payload.h, their counters and 32 bits. */
enum sealed_result sealed_open(struct sealed *sealed, uint64_t sender, struct sealed_sender *state,
                               const uint8_t *data, size_t len, uint8_t *buf, size_t *ret_len);

/* The cipher alone, with any nonce of 7 to 13 bytes and data that is authenticated along, for
 * published test vectors. `data` is the ciphertext, then the tag. False: the tag is wrong. */
bool sealed_ccm(struct sealed *sealed, const uint8_t *nonce, size_t nonce_len, const uint8_t *extra,
                size_t extra_len, const uint8_t *data, size_t len, uint8_t *buf);

#endif
