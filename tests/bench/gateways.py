# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""How bench.py starts each gateway for a job.

job: {"kind": "tcp" or "rtu", "units": N, "regs": N, "every": seconds, 0 for back to back}. A
point is called u<UNIT>r<REGISTER>, so that mqtt-sink can count it. A gateway has `topics`, `warm`
(seconds until it runs evenly) and start(job), which returns the started rig.Process; it is called
again after a kill.
"""
import rig


class Weir:
    topics, warm = ["weir/#"], 5

    def __init__(self, place):
        self.place = place

    def start(self, job):
        every = f'{int(job["every"] * 1000)}ms' if job["every"] else "0s"
        place = self.place
        port = f'address = "127.0.0.1:{place.meters.port}";' if job["kind"] == "tcp" else \
            f'port = "{place.meters.link}"; baud = 9600;'
        devices = rig.counting_devices(range(1, job["units"] + 1), job["regs"], every,
                                       'timeout = "500ms";')
        return place.rig.weir(place.rig.config(
            buses=f'bus = {{ adapter = "modbus"; {port} devices = (\n{devices}\n); }};',
            uplinks=f'up = {{ uplink = "mqtt"; url = "{place.broker.url}"; qos = 1; '
                    'format = "json"; };', gateway="bench"))


class Collectd:
    topics, warm = ["collectd/#"], 5

    def __init__(self, place):
        self.place = place

    def start(self, job):
        place, path = self.place, self.place.rig.path
        every = job["every"] or (0.01 if job["kind"] == "tcp" else 0.1)     # it needs an interval
        text = (f'Hostname "bench"\nFQDNLookup false\nInterval {every}\nReadThreads 10\n'
                f'BaseDir "{place.rig.dir}"\nPIDFile "{path("collectd.pid")}"\n'
                'TypesDB "/usr/share/collectd/types.db"\n'
                'LoadPlugin logfile\n<Plugin logfile>\nLogLevel "err"\nFile stderr\n</Plugin>\n'
                'LoadPlugin mqtt\n<Plugin mqtt>\n<Publish "bench">\nHost "127.0.0.1"\n'
                f'Port {place.broker.port}\nClientId "collectd"\nQoS 1\nPrefix "collectd"\n'
                "StoreRates false\n</Publish>\n</Plugin>\n"
                "LoadPlugin modbus\n<Plugin modbus>\n" + self.points(job) +
                self.hosts(job, every) + "</Plugin>\n")
        with open(path("collectd.conf"), "w") as f:
            f.write(text)
        return rig.Process(place.rig, "collectd", [rig.which("collectd"), "-f", "-C",
                                                   path("collectd.conf")]).start()

    def points(self, job):
        return "".join(f'<Data "u{u}r{r}">\nRegisterBase {r}\nRegisterType Uint16\n'
                       f'RegisterCmd ReadHolding\nType gauge\nInstance "u{u}r{r}"\n</Data>\n'
                       for u in range(1, job["units"] + 1) for r in range(job["regs"]))

    def hosts(self, job, every):
        slaves = [f'<Slave {u}>\nInstance "d{u}"\n' +
                  "".join(f'Collect "u{u}r{r}"\n' for r in range(job["regs"])) + "</Slave>\n"
                  for u in range(1, job["units"] + 1)]
        if job["kind"] == "rtu":
            return (f'<Host "bus">\nDevice "{self.place.meters.link}"\nBaudrate 9600\n'
                    f'UARTType "RS232"\nInterval {every}\n' + "".join(slaves) + "</Host>\n")
        return "".join(f'<Host "h{n}">\nAddress "127.0.0.1"\nPort "{self.place.meters.port}"\n'
                       f"Interval {every}\n{slave}</Host>\n" for n, slave in enumerate(slaves))


GATEWAYS = {"weir": Weir, "collectd": Collectd}
