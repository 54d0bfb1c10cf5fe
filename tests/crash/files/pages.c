/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Pages of files: see pages.h.
 */
#include "pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { PAGES_AT_ONCE = 256 };

static struct page *free_pages;
static const uint8_t zeros[PAGE_BYTES];

static struct page *take(void)
{
    if (!free_pages) {
        struct page *more = malloc(PAGES_AT_ONCE * sizeof *more);
        if (!more) {
            fputs("no memory\n", stderr);
            exit(2);
        }
        for (size_t i = 0; i < PAGES_AT_ONCE; i++) {
            more[i].next_free = free_pages;
            free_pages = &more[i];
        }
    }
    struct page *page = free_pages;
    free_pages = page->next_free;
    page->refs = 1;
    page->hash = 0;
    return page;
}

void page_unref(struct page *page)
{
    if (page && --page->refs == 0) {
        page->next_free = free_pages;
        free_pages = page;
    }
}

struct page *page_own(struct page **page)
{
    if (*page && (*page)->refs == 1) {
        (*page)->hash = 0;
        return *page;
    }
    struct page *own = take();
    memcpy(own->data, page_data(*page), PAGE_BYTES);
    page_unref(*page);
    *page = own;
    return own;
}

void page_set(struct page **dst, struct page *src)
{
    page_ref(src);
    page_unref(*dst);
    *dst = src;
}

uint64_t page_hash(struct page *page)
{
    if (!page) {
        return 0;
    }
    if (!page->hash) {
        page->hash = memcmp(page->data, zeros, PAGE_BYTES) == 0
                         ? 0
                         : (XXH3_64bits(page->data, PAGE_BYTES) | 1);
    }
    return page->hash;
}

const uint8_t *page_data(const struct page *page)
{
    return page ? page->data : zeros;
}
