/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Pages of files, shared between all the states that have them, with their hash. A page that more
 * than one holds is never changed; NULL is a page of zeros.
 */
#ifndef FILES_PAGES_H
#define FILES_PAGES_H

#include <stddef.h>
#include <stdint.h>

enum { PAGE_BYTES = 4096, SECTOR_BYTES = 512 };

struct page {
    uint32_t refs;
    uint64_t hash; /* 0: not known yet */
    struct page *next_free;
    uint8_t data[PAGE_BYTES];
};

static inline struct page *page_ref(struct page *page)
{
    if (page) {
        page->refs++;
    }
    return page;
}

void page_unref(struct page *page);
/* *page becomes one that may be changed, with the same content. */
struct page *page_own(struct page **page);
/* dst becomes src. */
void page_set(struct page **dst, struct page *src);
uint64_t page_hash(struct page *page);
const uint8_t *page_data(const struct page *page);

#endif
