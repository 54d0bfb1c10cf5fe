#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""The order in which processes end, which docs/invariants.md needs and no single process has."""
import json
import os
import shutil
import unittest

from rig import RigTest, counting_devices, wait_for


class Invariants(RigTest):
    def test_what_drains_at_a_stop_is_in_the_closing_group(self):
        """The last acknowledgements come while the stop waits for them. The closing group is written
        behind them, so a boot later nothing is sent again."""
        meters = self.rig.meters(units=1, regs=5, time_reg=-1)
        devices = counting_devices((1,), 5, every="50ms")
        broker = self.rig.broker()
        receive = self.rig.receive(broker, "--verify", "--json")
        wait_for(lambda: "subscribed at" in receive.log_text(), what="subscribed")
        proxy = self.rig.proxy(broker)
        weir = self.rig.weir(self.rig.config(
            f'bus = {{ adapter = "modbus"; address = "127.0.0.1:{meters.port}"; devices = ({devices}); }};',
            f'up = {{ uplink = "mqtt"; url = "{proxy.url}"; reconnect_delay_max = "500ms"; }};'))
        wait_for(lambda: receive.text().count('"reading"') > 20, what="readings")
        proxy.command("delay 1500")
        self.assertEqual(weir.stop(), 0)
        before = self.epochs(receive)
        proxy.command("delay 0")
        shutil.rmtree(f"{self.rig.ram}/weir")
        weir.start()
        wait_for(lambda: len(self.epochs(receive) - before) >= 2,
                 what="records of both new epochs")
        self.assertEqual(weir.stop(), 0)
        status = receive.stop()
        verdict = receive.text() + receive.log_text()
        self.assertEqual(status, 0, verdict[-2000:])
        self.assertNotIn("repeat", verdict[verdict.rindex("verify:"):], "sent again")

    def test_flash_that_turns_up_late(self):
        """The spool cannot be opened at the start. When it can, its records come, and so do the new
        ones, in epochs behind those that it has."""
        meters = self.rig.meters(units=1, regs=5, time_reg=-1)
        devices = counting_devices((1,), 5, every="50ms")
        broker = self.rig.broker()
        receive = self.rig.receive(broker, "--json")
        wait_for(lambda: "subscribed at" in receive.log_text(), what="subscribed")
        proxy = self.rig.proxy(broker)
        proxy.command("down")
        weir = self.rig.weir(self.rig.config(
            f'bus = {{ adapter = "modbus"; address = "127.0.0.1:{meters.port}"; devices = ({devices}); }};',
            f'up = {{ uplink = "mqtt"; url = "{proxy.url}"; reconnect_delay_max = "500ms"; }};',
            spool='persist_after = "300ms"; '))
        spool = f"{self.rig.dir}/weir-flash/spool"
        goal = 40       # made over seconds, so the older ones are on flash
        for again in (True, False):
            goal = 40 + wait_for(lambda least=goal: self.waiting(weir) > least and self.waiting(weir),
                                 what="a backlog")
            weir.kill_all()
            shutil.rmtree(f"{self.rig.ram}/weir")
            os.makedirs(f"{self.rig.ram}/weir")
            if again:
                weir.start()
        os.rename(spool, spool + ".away")
        with open(spool, "w"):
            pass
        weir.start()
        proxy.command("up")
        wait_for(lambda: len(self.epochs(receive)) >= 2, what="records without flash")
        without = self.epochs(receive)
        os.remove(spool)
        os.rename(spool + ".away", spool)
        wait_for(lambda: "starting again with it" in weir.log_text(), what="store found it")
        # what flash had of the second boot (the first has the order of this one), and what is new
        wait_for(lambda: len([e for e in self.epochs(receive) - without if e[0] == "bus"]) >= 2,
                 what="both epochs")
        self.assertEqual(weir.stop(), 0)
        receive.stop()

    def waiting(self, weir):
        uplinks = (weir.status() or {}).get("uplinks")
        return uplinks[0]["backlog"] if uplinks else 0

    def epochs(self, receive):
        """Bus and epoch of all that came."""
        rows = [json.loads(line) for line in receive.text().splitlines() if line.startswith("{")]
        return {(r["bus"], r["epoch"]) for r in rows if "seq" in r}


if __name__ == "__main__":
    unittest.main()
