"""Compare the throughput of `crossimage serve` with that of `crossimage translate`.

    python benchmarks/serve.py [RECIPE|METHOD] [--size N] [--count N]

A folder of JPEG files is translated, alternating with requests for the same files to a server with
the same model (with random weights), from 16 clients on this machine. Then requests come at twice
the rate that the server has kept up, whether earlier ones are answered or not: it must refuse some
and answer the others in bounded time.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from crossimage.config import build
from crossimage.inference.translator import Translator
from crossimage.methods import METHODS
from crossimage.recipes import resolve
from crossimage.utils.memory import keep_memory

CLIENTS = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="munit/outlines", metavar="RECIPE|METHOD")
    parser.add_argument("--size", type=int, default=64, help="height and width of the images")
    parser.add_argument("--count", type=int, default=128, help="images of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=15, help="length of the overload")
    options = parser.parse_args()
    keep_memory()
    torch.set_num_threads(options.threads)
    method, settings = resolve(options.model)
    cls = METHODS[method]
    model = Translator(cls(build(cls.Config, settings), training=False), "cpu")
    with TemporaryDirectory() as name:
        folder = Path(name)
        files = make_images(folder / "in", options.count, options.size)
        model.save(folder / "model.safetensors")
        server, port = start(folder / "model.safetensors", options.threads)
        try:
            compare(model, files, folder, server, port, options)
        finally:
            server.terminate()
            server.wait()


def make_images(folder: Path, count: int, size: int) -> list[Path]:
    folder.mkdir()
    chance = np.random.default_rng(0)
    for number in range(count):
        coarse = chance.integers(0, 256, (8, 8, 3), np.uint8)
        image = Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)
        image.save(folder / f"{number:04}.jpg", quality=95)
    return sorted(folder.iterdir())


def start(model: Path, threads: int) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-m", "crossimage", "serve", str(model), "--port", "0"]
    command += ["--threads", str(threads), "--waiting", "32"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    line = next(line for line in server.stdout if line.startswith("serving at"))
    return server, int(line.split(";")[0].rsplit(":", 1)[1].strip("/"))


def compare(
    model: Translator,
    files: list[Path],
    folder: Path,
    server: subprocess.Popen[str],
    port: int,
    options: argparse.Namespace,
) -> None:
    images = [file.read_bytes() for file in files]
    ratios, rates, work = [], [], []
    for number in range(options.rounds + 1):
        began, own = time.perf_counter(), time.process_time()
        model.translate_files(files, folder / "out", seed=0, batch_size=8, format="jpg")
        translated, own = time.perf_counter(), time.process_time() - own
        before = processor_time(server.pid)
        ask_all(port, images)
        answered, served = time.perf_counter(), processor_time(server.pid) - before
        if number:  # the first round warms up
            ratios.append((translated - began) / (answered - translated))
            rates.append(len(images) / (answered - translated))
            work.append((own, served))
    rate = statistics.median(rates)
    print(f"{rate:.1f} images per second from {CLIENTS} clients")
    print(f"{shown(ratios)} x the throughput of translate")
    translate, serve = (
        1000 * statistics.median(each) / len(images) for each in zip(*work, strict=True)
    )
    print(
        f"processor time per image: translate {translate:.2f} ms, server {serve:.2f} ms; "
        f"{shown([own / served for own, served in work])} x the throughput per processor"
    )
    overload(port, images, 2 * rate, options.seconds)


def processor_time(process: int) -> float:
    """Return the seconds of processor time that a process has taken."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def shown(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def ask_all(port: int, images: list[bytes]) -> None:
    """Send all images, as fast as the clients get answers."""
    shares = [images[i::CLIENTS] for i in range(CLIENTS)]

    def ask(share: list[bytes]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for image in share:
            connection.request("POST", "/v1/translate?seed=0&format=jpg", image, HEADERS)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
        connection.close()

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(ask, shares))


HEADERS = {"Content-Type": "image/jpeg"}


def overload(port: int, images: list[bytes], rate: float, seconds: float) -> None:
    """Send requests at a rate, whether earlier ones are answered or not."""
    found: list[tuple[int, float]] = []
    chance = random.Random(0)

    def ask(image: bytes) -> None:
        began = time.perf_counter()
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("POST", "/v1/translate?seed=0&format=jpg", image, HEADERS)
            status = connection.getresponse().status
            connection.close()
        except OSError:
            status = 0
        found.append((status, time.perf_counter() - began))

    threads, end, due = [], time.perf_counter() + seconds, time.perf_counter()
    while due < end:
        time.sleep(max(0.0, due - time.perf_counter()))
        threads.append(threading.Thread(target=ask, args=[chance.choice(images)]))
        threads[-1].start()
        due += chance.expovariate(rate)
    for thread in threads:
        thread.join()
    times = sorted(1000 * took for status, took in found if status == 200)
    statuses = {status: sum(s == status for s, _ in found) for status in {s for s, _ in found}}
    print(
        f"at {rate:.1f} requests per second for {seconds:g} s: {statuses}; answered in "
        f"{times[len(times) // 2]:.0f} ms (median), {times[int(0.95 * len(times))]:.0f} ms (p95)"
    )


if __name__ == "__main__":
    main()
