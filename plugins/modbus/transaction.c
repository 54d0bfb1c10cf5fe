/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * One request and its answer: see transaction.h.
 *
 *   RTU   unit | function | data ... | crc low | crc high
 *   TCP   transaction u16 | 0 0 | length u16 | unit | function | data ...
 */
#include "transaction.h"

#include <errno.h>
#include <string.h>

enum { TCP_HEAD = 7, REQUEST = 6, RTU_REQUEST = 8, TCP_REQUEST = 12 };
#define US 1000LL

uint16_t line_crc(const uint8_t *data, size_t len)
{
    uint16_t crc = 0xffff;
    while (len--) {
        crc ^= *data++;
        for (int i = 0; i < 8; i++) {
            crc = (uint16_t)(crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1);
        }
    }
    return crc;
}

int line_init(struct line *line, struct weir_bus *bus)
{
    *line = (struct line){ .bus = bus };
    /* The names given here are not used: the host opens the port. */
    line->context = bus->serial ? modbus_new_rtu("/dev/null", 9600, 'N', 8, 1)
                                : modbus_new_tcp("127.0.0.1", 502);
    if (!line->context) {
        return -ENOMEM;
    }
    modbus_set_byte_timeout(line->context, 0, 0); /* one deadline for the whole answer */
    return 0;
}

void line_finish(struct line *line)
{
    if (line->context) {
        modbus_set_socket(line->context, -1); /* the host's, not ours to close */
        modbus_free(line->context);
        line->context = NULL;
    }
}

static enum weir_result from_errno(int error)
{
    switch (error) {
    case ETIMEDOUT:
        return WEIR_R_TIMEOUT;
    case EMBBADCRC:
        return WEIR_R_CRC;
    case EMBBADDATA:
    case EMBMDATA:
    case EINVAL:
        return WEIR_R_FRAME;
    default:
        return WEIR_R_PORT; /* EIO ENXIO ENODEV EBADF EPIPE ECONNRESET, end of file */
    }
}

static enum weir_result send_rtu(struct line *line, const uint8_t *request)
{
    uint8_t frame[RTU_REQUEST];
    memcpy(frame, request, REQUEST);
    uint16_t crc = line_crc(request, REQUEST);
    frame[REQUEST] = (uint8_t)crc;
    frame[REQUEST + 1] = (uint8_t)(crc >> 8);
    line->bus->host->trace(line->bus, WEIR_TX, frame, sizeof frame);
    return modbus_send_raw_request(line->context, (uint8_t *)(uintptr_t)request, REQUEST) < 0
               ? from_errno(errno)
               : WEIR_R_OK;
}

/* libmodbus 3.1.6 gives every raw request the transaction id 0, which would not tell a late answer
 * from ours; so the head is made here. */
static enum weir_result send_tcp(struct line *line, const uint8_t *request)
{
    uint8_t frame[TCP_REQUEST] = { [5] = REQUEST };
    line->transaction++;
    frame[0] = (uint8_t)(line->transaction >> 8);
    frame[1] = (uint8_t)line->transaction;
    memcpy(frame + 6, request, REQUEST);
    return line->bus->host->write(line->bus, frame, sizeof frame);
}

/* Did our own request come back? libmodbus takes the high byte of the address for a byte count, so
 * no more than the first five bytes need be here. */
static bool is_echo(const struct line *line, const uint8_t *request)
{
    return line->bus->serial && !memcmp(line->answer, request, 5);
}

/* Reads our own request off. What is not it is no echo: the adapter on the port was changed. */
static enum weir_result drop_echo(struct line *line, const uint8_t *request, int64_t deadline_ns)
{
    const struct weir_adapter_host *host = line->bus->host;
    uint8_t buf[RTU_REQUEST];
    size_t got = 0, n;
    while (line->echo && got < RTU_REQUEST) {
        int64_t left_ns = deadline_ns - host->now_ns();
        enum weir_result r =
            host->read(line->bus, buf + got, RTU_REQUEST - got, left_ns > 0 ? left_ns : 0, &n);
        if (r != WEIR_R_OK) {
            return r;
        }
        got += n;
        if (memcmp(buf, request, got < REQUEST ? got : REQUEST) != 0) {
            host->log(line->bus, WEIR_LOG_NOTICE, "the port sends nothing back any more");
            line->echo = false;
            return WEIR_R_FRAME;
        }
    }
    return WEIR_R_OK;
}

/* Found the echo for the first time: the device is answering behind it, so let it finish. */
static void wait_for_quiet(struct line *line, int64_t deadline_ns)
{
    const struct weir_adapter_host *host = line->bus->host;
    int64_t quiet_ns = 20 * line->bus->character_ns;
    uint8_t buf[64];
    size_t n;
    while (host->now_ns() < deadline_ns &&
           host->read(line->bus, buf, sizeof buf, quiet_ns, &n) == WEIR_R_OK) {
    }
}

/* Setting a time-out that libmodbus has already costs a call for nothing; callers round it, so that
 * it mostly is the same. */
static void set_timeout(struct line *line, int64_t us)
{
    us = us < 1000 ? 1000 : us;
    if (us != line->timeout_us) {
        modbus_set_response_timeout(line->context, (uint32_t)(us / 1000000),
                                    (uint32_t)(us % 1000000));
        line->timeout_us = us;
    }
}

static enum weir_result from_exception(uint8_t code)
{
    static const enum weir_result results[] = {
        WEIR_R_EXCEPTION,     WEIR_R_ILLEGAL_FUNCTION, WEIR_R_ILLEGAL_ADDRESS,
        WEIR_R_ILLEGAL_VALUE, WEIR_R_DEVICE_FAILURE,   WEIR_R_BUSY,
        WEIR_R_BUSY
    };
    return code < sizeof results / sizeof *results ? results[code] : WEIR_R_EXCEPTION;
}

/* Is this frame the answer to this request? */
static enum weir_result judge(struct line *line, const uint8_t *request, const uint8_t *frame,
                              size_t len, const uint8_t **ret_data)
{
    size_t head = line->bus->serial ? 0 : TCP_HEAD - 1, tail = line->bus->serial ? 2 : 0;
    if (len < head + tail + 3) {
        return WEIR_R_FRAME;
    }
    bool late = head && (frame[0] << 8 | frame[1]) != line->transaction;
    const uint8_t *pdu = frame + head; /* unit, function, ... */
    if (late || pdu[0] != request[0] || (pdu[1] & 0x7f) != request[1]) {
        return WEIR_R_FOREIGN;
    }
    if (pdu[1] & 0x80) {
        return from_exception(pdu[2]);
    }
    unsigned count = (unsigned)(request[4] << 8 | request[5]);
    unsigned bytes = request[1] <= 2 ? (count + 7) / 8 : 2 * count;
    if (pdu[2] != bytes || len != head + 3 + bytes + tail) {
        return WEIR_R_FRAME;
    }
    *ret_data = pdu + 3;
    return WEIR_R_OK;
}

/* libmodbus does not say how long a frame was that it did not like; the frame itself does. */
static void trace_bad(struct line *line)
{
    size_t len = line->answer[1] & 0x80 ? 5 : 5 + (size_t)line->answer[2];
    len = len < sizeof line->answer ? len : sizeof line->answer;
    line->bus->host->trace(line->bus, WEIR_RX, line->answer, len);
}

/* Waits for a frame and looks at it. */
static enum weir_result receive(struct line *line, const uint8_t *request, int64_t deadline_ns,
                                const uint8_t **ret_data)
{
    const struct weir_adapter_host *host = line->bus->host;
    int64_t left_ns = deadline_ns - host->now_ns();
    enum weir_result r = host->wait(line->bus, left_ns > 0 ? left_ns : 0);
    if (r != WEIR_R_OK) {
        return r;
    }
    memset(line->answer, 0, 8); /* what a failed read leaves is told from what was here before */
    set_timeout(line, left_ns / US / 10000 * 10000);
    int n = modbus_receive_confirmation(line->context, line->answer);
    int error = errno;
    if (n > 0) {
        host->trace(line->bus, WEIR_RX, line->answer, (size_t)n);
        r = judge(line, request, line->answer, (size_t)n, ret_data);
        return r == WEIR_R_FRAME && is_echo(line, request) ? WEIR_R_ECHO : r;
    }
    if (n == 0) {
        trace_bad(line);
        return WEIR_R_FOREIGN; /* libmodbus: a frame of another unit */
    }
    r = from_errno(error);
    if (r == WEIR_R_CRC) {
        trace_bad(line);
    }
    return r != WEIR_R_PORT && is_echo(line, request) ? WEIR_R_ECHO : r;
}

enum weir_result line_read(struct line *line, uint8_t unit, uint8_t function, uint16_t first,
                           uint16_t count, int64_t timeout_ns, const uint8_t **ret_data)
{
    const struct weir_adapter_host *host = line->bus->host;
    uint8_t request[REQUEST] = {
        unit, function, (uint8_t)(first >> 8), (uint8_t)first, (uint8_t)(count >> 8), (uint8_t)count
    };
    int fd = host->port(line->bus);
    if (fd < 0) {
        return WEIR_R_PORT;
    }
    modbus_set_socket(line->context, fd);
    modbus_set_slave(line->context, unit);
    if (line->unsettled) {
        host->flush(line->bus);
    }
    line->unsettled = true;
    enum weir_result r = line->bus->serial ? send_rtu(line, request) : send_tcp(line, request);
    int64_t deadline_ns = host->now_ns() + timeout_ns;
    if (r == WEIR_R_OK) {
        r = drop_echo(line, request, deadline_ns);
    }
    while (r == WEIR_R_OK) {
        r = receive(line, request, deadline_ns, ret_data);
        if (r != WEIR_R_FOREIGN || host->now_ns() >= deadline_ns) {
            break;
        }
        host->stray(line->bus, r);
        r = WEIR_R_OK; /* not ours: ours may still come */
    }
    if (r == WEIR_R_ECHO && !line->echo) {
        host->log(line->bus, WEIR_LOG_WARNING,
                  "the port sends back what we send (echo): dropped from now on");
        line->echo = true;
        wait_for_quiet(line, deadline_ns);
    }
    line->unsettled = r != WEIR_R_OK && (r < WEIR_R_ILLEGAL_FUNCTION || r > WEIR_R_EXCEPTION);
    return r;
}
