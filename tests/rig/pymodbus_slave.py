#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""pymodbus_slave.py - a Modbus slave by other people: pymodbus serves fixed values.

    pymodbus_slave.py --values FILE --port-file FILE [--rtu]

FILE is JSON: {"UNIT": {"holding": {"16": [1, 2]}, "input": {}, "coil": {"0": [1, 0]},
"discrete": {}}}; what is not named is 0. It listens on a free port of 127.0.0.1 and speaks Modbus
TCP, or with --rtu the bare RTU frames, for a `wire` that gives them a pseudo-terminal.
"""
import argparse
import asyncio
import json
import os

from pymodbus.datastore import (ModbusSequentialDataBlock, ModbusServerContext,
                                ModbusSlaveContext)
from pymodbus.server.async_io import ModbusTcpServer
from pymodbus.transaction import ModbusRtuFramer, ModbusSocketFramer

REGISTERS = 65536


def block(values):
    """A whole table of zeros with these {address: [value, ...]} in it."""
    table = ModbusSequentialDataBlock(0, [0] * REGISTERS)
    for address, items in values.items():
        table.setValues(int(address), list(items))
    return table


def slave(tables):
    return ModbusSlaveContext(zero_mode=True, hr=block(tables.get("holding", {})),
                              ir=block(tables.get("input", {})), co=block(tables.get("coil", {})),
                              di=block(tables.get("discrete", {})))


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--values", required=True)
    parser.add_argument("--port-file", required=True)
    parser.add_argument("--rtu", action="store_true")
    options = parser.parse_args()
    with open(options.values) as f:
        units = {int(unit): slave(tables) for unit, tables in json.load(f).items()}
    server = ModbusTcpServer(ModbusServerContext(slaves=units, single=False),
                             framer=ModbusRtuFramer if options.rtu else ModbusSocketFramer,
                             address=("127.0.0.1", 0), ignore_missing_slaves=True)
    task = asyncio.create_task(server.serve_forever())
    await server.serving
    with open(options.port_file + ".new", "w") as f:
        f.write(f"{server.server.sockets[0].getsockname()[1]}\n")
    os.rename(options.port_file + ".new", options.port_file)
    await task


if __name__ == "__main__":
    asyncio.run(main())
