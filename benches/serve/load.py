"""`apd serve` under load, in alternation with PyTorch behind KServe's server; the same model, protocol and requests.

    python load.py --apd target/release/apd --seconds 30 --rounds 3 [--idle 10000]

Needs wrk; and torch and kserve for the peer, which --without-peer leaves out. Server and wrk share the machine's cores, on loopback. The answers
to one request are compared first.
"""

import argparse
import json
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
CONNECTIONS = 16


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    def __init__(self, command, port):
        self.process = subprocess.Popen([*map(str, command), str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{port}/v2/models/digits/infer"

    def ask(self, body):
        request = urllib.request.Request(self.url, body, {"content-type": "application/json"})
        return json.load(urllib.request.urlopen(request, timeout=10))

    def wait(self, ask):
        for _ in range(600):
            try:
                return ask()
            except OSError:
                time.sleep(0.1)
        sys.exit(f"{self.url} does not answer")

    def model(self):
        return self.wait(lambda: json.load(urllib.request.urlopen(self.url.removesuffix("/infer"))))

    def memory(self):
        """Resident, in MB, with those of its own processes."""
        ids = [str(self.process.pid), *subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()]
        sizes = (re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()) for pid in ids)
        return sum(int(size[1]) for size in sizes if size) / 1e3


def load(server, script, seconds):
    done = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", script, server.url], capture_output=True, text=True, check=True
    ).stdout
    if "Non-2xx" in done or "Socket errors" in done:
        sys.exit(done)
    unit = {"us": 1e-3, "ms": 1, "s": 1e3}
    p99, scale = re.search(r"99%\s+([\d.]+)(us|ms|s)", done).groups()
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done)[1]), float(p99) * unit[scale]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--apd", type=Path, required=True)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", type=int, default=0, help="connections that are held open and say nothing, to ours alone")
    parser.add_argument("--without-peer", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model, script = Path(folder) / "digits.safetensors", Path(folder) / "post.lua"
        fit = [options.apd, "fit", "digits", "--target", "digit", "--effort", "quick", "--out", model]
        subprocess.run(fit, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ports = [free_port(), free_port()]
        # Connections that say nothing are closed after this time.
        quiet = str(options.rounds * options.seconds * 3 + 60)
        servers = {"apd": Server([options.apd, "serve", model, "--timeout", quiet, "--port"], ports[0])}
        if not options.without_peer:
            servers["PyTorch"] = Server([sys.executable, HERE / "pytorch_peer.py", model], ports[1])
        try:
            width = len(servers["apd"].model()["inputs"])
            pixels = [((7 * i) % 17) / 8 - 1 for i in range(width)]
            tensor = {"name": "inputs", "shape": [1, width], "datatype": "FP64", "data": pixels}
            body = json.dumps({"inputs": [tensor], "outputs": [{"name": name} for name in ("probabilities", "entropy", "bald")]})
            script.write_text(f'wrk.method = "POST"\nwrk.headers["content-type"] = "application/json"\nwrk.body = {json.dumps(body)}\n')
            answers = [server.wait(lambda server=server: server.ask(body.encode())) for server in servers.values()]
            idle = [socket.create_connection(("127.0.0.1", ports[0])) for _ in range(options.idle)]
            print(f"{len(idle)} idle connections, {width} numbers a request")
            of = lambda answer: [x for output in answer["outputs"] for x in output["data"]]
            for answer in answers[1:]:
                assert max(abs(a - b) for a, b in zip(of(answers[0]), of(answer), strict=True)) < 1e-6, "other answers"
            found = {name: [] for name in servers}
            for _ in range(options.rounds):
                for name, server in servers.items():
                    before = server.memory()
                    rate, p99 = load(server, script, options.seconds)
                    found[name].append((rate, p99))
                    print(f"{name:8} {rate:9.0f} requests/s  p99 {p99:7.2f} ms  memory {before:6.1f} -> {server.memory():6.1f} MB", flush=True)
            for connection in idle:
                connection.settimeout(0)
                try:
                    assert connection.recv(1), "an idle connection was closed"
                except BlockingIOError:
                    pass
            rates = {name: statistics.median(rate for rate, _ in runs) for name, runs in found.items()}
            if "PyTorch" in rates:
                print(f"{rates['apd'] / rates['PyTorch']:.1f} times PyTorch's throughput (medians of {options.rounds})")
        finally:
            for server in servers.values():
                server.process.terminate()


if __name__ == "__main__":
    main()
