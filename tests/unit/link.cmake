# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_test(link link_messages.c LIBS weir_link)
