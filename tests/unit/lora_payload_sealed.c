/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Sealed packets: published vectors of CCM, packets sealed by another program, and everything that
 * must not be opened.
 */
#include "lora_payload_rig.h"

#include <stdlib.h>
#include <string.h>

#include "lora_payload_vectors.h"
#include "sealed.h"

enum { ROOM = 256 };

struct settings {
    struct sealed_options seal;
};

static struct sealed *key_in_use(const char *digits, unsigned tag_bytes)
{
    uint8_t key[SEALED_KEY_BYTES];
    struct sealed *sealed = NULL;
    assert_int_equal(sealed_key(digits, key), 0);
    assert_int_equal(sealed_create(key, tag_bytes, &sealed), 0);
    return sealed;
}

static size_t bytes_of(const char *digits, uint8_t *buf)
{
    size_t len = strlen(digits) / 2;
    assert_true(len <= ROOM);
    for (size_t i = 0; i < len; i++) {
        char two[3] = { digits[2 * i], digits[2 * i + 1], 0 };
        buf[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    return len;
}

static void published(void **state)
{
    static const struct {
        const char *key;
        unsigned tag;
        const char *nonce, *extra, *packet, *text;
    } vectors[] = {
        /* RFC 3610, packet vectors 1, 2 and 3 */
        { "C0C1C2C3C4C5C6C7C8C9CACBCCCDCECF", 8, "00000003020100A0A1A2A3A4A5", "0001020304050607",
          "588C979A61C663D2F066D0C2C0F989806D5F6B61DAC38417E8D12CFDF926E0",
          "08090A0B0C0D0E0F101112131415161718191A1B1C1D1E" },
        { "C0C1C2C3C4C5C6C7C8C9CACBCCCDCECF", 8, "00000004030201A0A1A2A3A4A5", "0001020304050607",
          "72C91A36E135F8CF291CA894085C87E3CC15C439C9E43A3BA091D56E10400916",
          "08090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F" },
        { "C0C1C2C3C4C5C6C7C8C9CACBCCCDCECF", 8, "00000005040302A0A1A2A3A4A5", "0001020304050607",
          "51B1E5F44A197D1DA46B0F8E2D282AE871E838BB64DA8596574ADAA76FBD9FB0C5",
          "08090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F20" },
        /* NIST SP 800-38C, example 1 */
        { "404142434445464748494A4B4C4D4E4F", 4, "10111213141516", "0001020304050607",
          "7162015B4DAC255D", "20212223" },
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        uint8_t nonce[ROOM], extra[ROOM], packet[ROOM], text[ROOM], buf[ROOM];
        struct sealed *sealed = key_in_use(vectors[i].key, vectors[i].tag);
        size_t nonce_len = bytes_of(vectors[i].nonce, nonce);
        size_t extra_len = bytes_of(vectors[i].extra, extra);
        size_t len = bytes_of(vectors[i].packet, packet),
               text_len = bytes_of(vectors[i].text, text);
        assert_int_equal(len, text_len + vectors[i].tag);
        assert_true(sealed_ccm(sealed, nonce, nonce_len, extra, extra_len, packet, len, buf));
        assert_memory_equal(buf, text, text_len);
        extra[0] ^= 1;
        assert_false(sealed_ccm(sealed, nonce, nonce_len, extra, extra_len, packet, len, buf));
        extra[0] ^= 1; /* a failure leaves nothing behind for the next packet */
        assert_true(sealed_ccm(sealed, nonce, nonce_len, extra, extra_len, packet, len, buf));
        sealed_destroy(sealed);
    }
}

struct vector {
    const char *key;
    unsigned tag;
    uint64_t sender;
    uint32_t counter;
    const char *packet, *text;
};
static const struct vector others[] = {
#define VECTOR(key, tag, sender, counter, packet, text) { key, tag, sender, counter, packet, text },
    SEALED_VECTORS(VECTOR)
#undef VECTOR
};
enum { OTHERS = sizeof others / sizeof *others };

static void by_another_program(void **state)
{
    for (size_t i = 0; i < OTHERS; i++) {
        const struct vector *v = &others[i];
        uint8_t packet[ROOM], text[ROOM], buf[ROOM];
        struct sealed *sealed = key_in_use(v->key, v->tag);
        struct sealed_sender sender = { 0 };
        size_t len = bytes_of(v->packet, packet), text_len = bytes_of(v->text, text), got = 0;
        assert_int_equal(sealed_open(sealed, v->sender, &sender, packet, len, buf, &got),
                         SEALED_OK);
        assert_int_equal(got, text_len);
        assert_memory_equal(buf, text, text_len);
        assert_true(sender.seen && sender.counter == v->counter);
        sealed_destroy(sealed);
    }
}

/* Opens it, expecting no success: nothing is told and nothing changes. */
static void refuse(struct sealed *sealed, uint64_t sender, const struct sealed_sender *state,
                   const uint8_t *data, size_t len, enum sealed_result expected)
{
    struct sealed_sender copy = *state;
    uint8_t *exact = malloc(len ? len : 1), *buf = malloc(len ? len : 1);
    size_t got = 12345;
    memcpy(exact, data, len);
    memset(buf, 0, len ? len : 1);
    assert_int_equal(sealed_open(sealed, sender, &copy, exact, len, buf, &got), expected);
    assert_int_equal(got, 12345);
    assert_true(copy.counter == state->counter && copy.seen == state->seen);
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(buf[i], 0);
    }
    free(exact);
    free(buf);
}

/* Any flipped bit, any cut, another sender, another key. */
static void forged(void **state)
{
    struct sealed_sender none = { 0 };
    for (size_t i = 0; i < OTHERS - 1; i++) {
        const struct vector *v = &others[i];
        uint8_t packet[ROOM];
        struct sealed *sealed = key_in_use(v->key, v->tag);
        size_t len = bytes_of(v->packet, packet);
        for (size_t bit = 0; bit < 8 * len; bit++) {
            packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
            refuse(sealed, v->sender, &none, packet, len, SEALED_TAG);
            packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t cut = 0; cut < len; cut++) {
            refuse(sealed, v->sender, &none, packet, cut,
                   cut < 5 + v->tag ? SEALED_SHORT : SEALED_TAG);
        }
        refuse(sealed, v->sender ^ 1, &none, packet, len, SEALED_TAG);
        refuse(sealed, v->sender ^ 1ULL << 63, &none, packet, len, SEALED_TAG);
        sealed_destroy(sealed);
        sealed = key_in_use("00112233445566778899AABBCCDDEEFE", v->tag);
        refuse(sealed, v->sender, &none, packet, len, SEALED_TAG);
        sealed_destroy(sealed);
    }
}

/* Counters only rise, also over a restart if the state is kept; a forged packet moves nothing. */
static void replayed(void **state)
{
    uint8_t second[ROOM], third[ROOM], buf[ROOM];
    size_t second_len = bytes_of(others[1].packet, second);
    size_t third_len = bytes_of(others[2].packet, third), got;
    struct sealed *sealed = key_in_use(others[1].key, 8);
    struct sealed_sender sender = { 0 };
    assert_int_equal(sealed_open(sealed, 12, &sender, second, second_len, buf, &got), SEALED_OK);
    refuse(sealed, 12, &sender, second, second_len, SEALED_REPLAY);
    third[0] = 200; /* would lock the sender out */
    refuse(sealed, 12, &sender, third, third_len, SEALED_TAG);
    third[0] = 3;
    assert_int_equal(sealed_open(sealed, 12, &sender, third, third_len, buf, &got), SEALED_OK);
    refuse(sealed, 12, &sender, second, second_len, SEALED_REPLAY);
    sealed_destroy(sealed);

    struct sealed_sender kept = sender;
    sealed = key_in_use(others[1].key, 8);
    refuse(sealed, 12, &kept, third, third_len, SEALED_REPLAY);
    kept = (struct sealed_sender){ .counter = UINT32_MAX, .seen = true }; /* the key is used up */
    refuse(sealed, 12, &kept, third, third_len, SEALED_REPLAY);
    struct sealed_sender zero = { .counter = 0, .seen = true };
    assert_int_equal(sealed_open(sealed, 12, &zero, third, third_len, buf, &got), SEALED_OK);
    sealed_destroy(sealed);
}

/* A first packet may have the number 0, a second one may not. */
static void from_zero(void **state)
{
    uint8_t packet[ROOM], buf[ROOM];
    size_t len = bytes_of(others[3].packet, packet), got;
    struct sealed *sealed = key_in_use(others[3].key, 4);
    struct sealed_sender sender = { 0 };
    assert_int_equal(others[3].counter, 0);
    assert_int_equal(sealed_open(sealed, others[3].sender, &sender, packet, len, buf, &got),
                     SEALED_OK);
    refuse(sealed, others[3].sender, &sender, packet, len, SEALED_REPLAY);
    sealed_destroy(sealed);
}

static void keys(void **state)
{
    static const char *const bad[] = { "",
                                       "00112233445566778899AABBCCDDEEF",
                                       "00112233445566778899AABBCCDDEEFF0",
                                       "00112233445566778899AABBCCDDEEFG",
                                       "G0112233445566778899AABBCCDDEEFF",
                                       "0x112233445566778899AABBCCDDEEFF",
                                       "00 1122334455667788 9AABBCCDDEEF" };
    uint8_t key[SEALED_KEY_BYTES] = { 1 };
    struct sealed *sealed = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(sealed_key(bad[i], key), -EINVAL);
        assert_int_equal(key[0], 1);
    }
    assert_int_equal(sealed_key("fF112233445566778899aabbccddeeff", key), 0);
    assert_int_equal(key[0], 0xff);
    assert_int_equal(key[15], 0xff);
    assert_int_equal(key[10], 0xaa);
    assert_int_equal(sealed_create(key, 6, &sealed), -EINVAL);
    assert_null(sealed);
    sealed_destroy(NULL);
    assert_string_equal(sealed_result_name(SEALED_REPLAY), "sealed_replay");
    assert_string_equal(sealed_result_help(SEALED_SHORT), "too short to be sealed");
}

/* By the settings of a device. */
static void settings(void **state)
{
    static const struct weir_option rows[] = { SEALED_ROWS(struct settings, seal), { 0 } };
    uint8_t packet[ROOM], buf[ROOM];
    size_t len = bytes_of(others[1].packet, packet), got;
    struct sealed_sender sender = { 0 };
    struct settings device = { { "", 1 } };
    struct sealed *sealed = (struct sealed *)&device;
    assert_int_equal(sealed_from(&device.seal, &sealed), 0);
    assert_null(sealed);
    device.seal.key = "00112233";
    assert_int_equal(sealed_from(&device.seal, &sealed), -EINVAL);
    device.seal.key = others[1].key;
    assert_int_equal(sealed_from(&device.seal, &sealed), 0);
    assert_int_equal(sealed_open(sealed, 12, &sender, packet, len, buf, &got), SEALED_OK);
    sealed_destroy(sealed);
    assert_string_equal(sealed_tags[device.seal.tag], rows[1].fallback);
    assert_int_equal(rows[0].type, WEIR_OPTION_SECRET);
    assert_int_equal(rows[1].offset, offsetof(struct settings, seal.tag));
    len = bytes_of(others[0].packet, packet);
    device.seal.tag = 0;
    sender = (struct sealed_sender){ 0 };
    assert_int_equal(sealed_from(&device.seal, &sealed), 0);
    assert_int_equal(sealed_open(sealed, 12, &sender, packet, len, buf, &got), SEALED_OK);
    sealed_destroy(sealed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published), cmocka_unit_test(by_another_program), cmocka_unit_test(forged),
        cmocka_unit_test(replayed),  cmocka_unit_test(from_zero),          cmocka_unit_test(keys),
        cmocka_unit_test(settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
