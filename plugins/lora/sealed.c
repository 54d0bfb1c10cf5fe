/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * AES-128-CCM by OpenSSL's libcrypto: see sealed.h.
 */
#include "sealed.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { TAG_MAX = 8 };

const char *const sealed_tags[] = { "4", "8", NULL };

struct sealed {
    EVP_CIPHER_CTX *cipher;
    unsigned tag_bytes;
    uint8_t key[SEALED_KEY_BYTES];
};

static const struct {
    const char *name, *help;
} results[] = {
#define ROW(code, word, text) [SEALED_##code] = { word, text },
    SEALED_RESULTS(ROW)
#undef ROW
};

const char *sealed_result_name(enum sealed_result result)
{
    return results[result].name;
}

const char *sealed_result_help(enum sealed_result result)
{
    return results[result].help;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int sealed_key(const char *text, uint8_t ret_key[SEALED_KEY_BYTES])
{
    uint8_t key[SEALED_KEY_BYTES];
    if (strlen(text) != 2 * SEALED_KEY_BYTES) {
        return -EINVAL;
    }
    for (int i = 0; i < SEALED_KEY_BYTES; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return -EINVAL;
        }
        key[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(ret_key, key, sizeof key);
    OPENSSL_cleanse(key, sizeof key);
    return 0;
}

int sealed_create(const uint8_t key[SEALED_KEY_BYTES], unsigned tag_bytes,
                  struct sealed **ret_sealed)
{
    struct sealed *sealed;
    if (tag_bytes != 4 && tag_bytes != 8) {
        return -EINVAL;
    }
    sealed = calloc(1, sizeof *sealed);
    if (!sealed) {
        return -ENOMEM;
    }
    sealed->tag_bytes = tag_bytes;
    memcpy(sealed->key, key, sizeof sealed->key);
    sealed->cipher = EVP_CIPHER_CTX_new();
    if (!sealed->cipher ||
        EVP_DecryptInit_ex(sealed->cipher, EVP_aes_128_ccm(), NULL, NULL, NULL) != 1) {
        sealed_destroy(sealed);
        return -ENOMEM;
    }
    *ret_sealed = sealed;
    return 0;
}

void sealed_destroy(struct sealed *sealed)
{
    if (sealed) {
        EVP_CIPHER_CTX_free(sealed->cipher);
        OPENSSL_cleanse(sealed, sizeof *sealed);
        free(sealed);
    }
}

int sealed_from(const struct sealed_options *options, struct sealed **ret_sealed)
{
    uint8_t key[SEALED_KEY_BYTES];
    if (!options->key[0]) {
        *ret_sealed = NULL;
        return 0;
    }
    int status = sealed_key(options->key, key);
    if (status == 0) {
        status = sealed_create(key, options->tag ? 8 : 4, ret_sealed);
        OPENSSL_cleanse(key, sizeof key);
    }
    return status;
}

uint32_t sealed_mark(const struct sealed *sealed)
{
    uint8_t digest[EVP_MAX_MD_SIZE] = { 0 };
    EVP_Digest(sealed->key, sizeof sealed->key, digest, NULL, EVP_sha256(), NULL);
    return (uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 |
           digest[3];
}

bool sealed_ccm(struct sealed *sealed, const uint8_t *nonce, size_t nonce_len, const uint8_t *extra,
                size_t extra_len, const uint8_t *data, size_t len, uint8_t *buf)
{
    EVP_CIPHER_CTX *c = sealed->cipher;
    uint8_t tag[TAG_MAX];
    size_t text_len = len - sealed->tag_bytes;
    int done;
    memcpy(tag, data + text_len, sealed->tag_bytes);
    bool good = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, (int)nonce_len, NULL) == 1 &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, (int)sealed->tag_bytes, tag) == 1 &&
                EVP_DecryptInit_ex(c, NULL, NULL, sealed->key, nonce) == 1 &&
                EVP_DecryptUpdate(c, NULL, &done, NULL, (int)text_len) == 1 &&
                (extra_len == 0 || EVP_DecryptUpdate(c, NULL, &done, extra, (int)extra_len) == 1) &&
                EVP_DecryptUpdate(c, buf, &done, data, (int)text_len) == 1; /* checks the tag */
    if (!good) {
        OPENSSL_cleanse(buf, text_len);
    }
    return good;
}

enum sealed_result sealed_open(struct sealed *sealed, uint64_t sender, struct sealed_sender *state,
                               const uint8_t *data, size_t len, uint8_t *buf, size_t *ret_len)
{
    uint8_t nonce[SEALED_NONCE_BYTES] = { 0 };
    uint32_t counter = 0;
    if (len < SEALED_COUNTER_BYTES + 1 + sealed->tag_bytes) {
        return SEALED_SHORT;
    }
    for (int i = 0; i < 8; i++) {
        nonce[i] = (uint8_t)(sender >> (8 * i));
    }
    for (int i = 0; i < SEALED_COUNTER_BYTES; i++) {
        nonce[8 + i] = data[i];
        counter |= (uint32_t)data[i] << (8 * i);
    }
    data += SEALED_COUNTER_BYTES;
    len -= SEALED_COUNTER_BYTES;
    if (!sealed_ccm(sealed, nonce, sizeof nonce, NULL, 0, data, len, buf)) {
        return SEALED_TAG;
    }
    if (state->seen && counter <= state->counter) {
        OPENSSL_cleanse(buf, len - sealed->tag_bytes);
        return SEALED_REPLAY;
    }
    *state = (struct sealed_sender){ .counter = counter, .seen = true };
    *ret_len = len - sealed->tag_bytes;
    return SEALED_OK;
}
