# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_fuzz(link fuzz_link.c LIBS weir_link COVERS "src/link/link.c:link_(de|en)code")
