/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * One request and its answer, through libmodbus on the host's port. libmodbus keeps no deadline
 * over a dripping answer, does not check who answers and never flushes; that is done here.
 */
#ifndef MODBUS_TRANSACTION_H
#define MODBUS_TRANSACTION_H

#include <modbus/modbus.h>

#include <weir/adapter.h>

struct line {
    struct weir_bus *bus;
    modbus_t *context;
    bool echo;      /* the adapter on the port sends our own bytes back */
    bool unsettled; /* the last transaction did not end well: throw away what is still coming */
    uint16_t transaction; /* TCP: id of the last request */
    int64_t timeout_us;   /* as libmodbus was told */
    uint8_t answer[MODBUS_MAX_ADU_LENGTH];
};

int line_init(struct line *line, struct weir_bus *bus);
void line_finish(struct line *line);

/* Reads `count` registers or bits with this function code (1 to 4). On WEIR_R_OK *ret_data are the
 * data bytes of the answer, good until the next call. */
enum weir_result line_read(struct line *line, uint8_t unit, uint8_t function, uint16_t first,
                           uint16_t count, int64_t timeout_ns, const uint8_t **ret_data);

/* CRC-16 of Modbus RTU, as in the frame: low byte first. */
uint16_t line_crc(const uint8_t *data, size_t len);

#endif
