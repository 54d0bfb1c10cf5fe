/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Made by lora_payload_vectors.py: sealed packets by another program.
 */
#ifndef LORA_PAYLOAD_VECTORS_H
#define LORA_PAYLOAD_VECTORS_H

/* key, tag, sender, counter, packet, what it hides */
#define SEALED_VECTORS(X)                                                                          \
    X("00112233445566778899AABBCCDDEEFF", 4, 0xcu, 0x1u, "0100000060741a20e455997b13f312",         \
      "0367011002686c")                                                                            \
    X("00112233445566778899AABBCCDDEEFF", 8, 0xcu, 0x2u, "02000000960ca5779c7e6ae39320f0c5c30eb4", \
      "0367011002686c")                                                                            \
    X("00112233445566778899AABBCCDDEEFF", 8, 0xcu, 0x3u, "03000000a663190330df763ab5", "78")       \
    X("00112233445566778899AABBCCDDEEFF", 4, 0xffffu, 0x0u,                                        \
      "000000000104b0d81496d683fcd9d00b25e9431714793add", "7369787465656e2062797465732e2e2e")      \
    X("2B7E151628AED2A6ABF7158809CF4F3C", 8, 0x70b3d57ed0001234u, 0x1020304u,                      \
      "0403020127b2370aed295ce7e9ad77a2645b9a632c225aef5bc0453c31",                                \
      "736576656e7465656e2062797465732e2e")                                                        \
    X("2B7E151628AED2A6ABF7158809CF4F3C", 4, 0xffffffffffffffffu, 0xffffffffu,                     \
      "ffffffff93004830796237e627128875b5b4ad18eb812ac4a762a67943d60b6c337983f8936811167bae71c854" \
      "7428d6bd3074e929aeae2e33e57218006957925acfe0cdbcd87d4e65267e179d95ee94769bfaaebc6a95775ac7" \
      "e61894ba91a2a056165f483ecbca268fcd8f7437fb74810b22600fafb559c8474ed67abacba98d96c0a9d16a5c" \
      "7151136f8837824ecef6687117d0d1754a9c3d3af95d7f66224951439319ea4cc8d1e4a23b863e0ea38bf6768a" \
      "ada59d14ce253f7e2c726c1c4ef070e56fe3a15916fed86bcc71f680",                                  \
      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c" \
      "2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f50515253545556575859" \
      "5a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283848586" \
      "8788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3" \
      "b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7")

#endif
