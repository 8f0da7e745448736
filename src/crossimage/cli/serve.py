"""``crossimage serve`` and ``crossimage demo``: models behind an address."""

from __future__ import annotations

from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

from crossimage.cli.arguments import (
    Hosts,
    MaxPixels,
    Models,
    Threads,
    limit_pixels,
    use_threads,
)
from crossimage.cli.early import check_early, check_paths
from crossimage.server.listening import check_port
from crossimage.utils.paths import as_path
from crossimage.utils.streams import print_line


def serve(
    models: Positional[Models],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    allow_host: Hosts = (),
    token_file: Annotated[str | None, tyro.conf.arg(metavar="FILE")] = None,
    device: str = "auto",
    precision: Literal["fp32", "bf16"] = "fp32",
    memory: str = "auto",
    batch_size: int = 8,
    waiting: int = 64,
    timeout: float = 60.0,
    max_bytes: int = 32 * 2**20,
    max_pixels: MaxPixels = 2**24,
    threads: Threads = None,
) -> None:
    """Serve models to programs over HTTP until interrupted (see docs/serve.md).

    Args:
        models: Run folders, model files, exported models (.onnx), hf://OWNER/NAME or builtin:NAME.
        host: Address to listen on; 0.0.0.0 for this machine's whole network.
        port: Port; 0 picks a free one.
        allow_host: Other host names to accept, such as a reverse proxy's.
        token_file: File with the token that clients need; by default the environment variable
            CROSSIMAGE_TOKEN, and no token if that is not set.
        device: Where the networks compute; auto is the GPU if there is one.
        precision: Arithmetic of translations.
        memory: Memory to use, such as 2GB; auto: all that is free. Images that do not fit
            are translated in strips of rows, with the same results.
        batch_size: Images of one size that are translated together.
        waiting: Requests that may wait for a device; more get 503.
        timeout: Most seconds until a request is answered.
        max_bytes: Most bytes in a request.
        max_pixels: Most pixels an image may have; larger images are refused.
        threads: CPU threads to use; by default one per core that nothing else uses.
    """
    if not models:
        raise ValueError("name a model to serve: a run folder, a model file or an address")
    check_early(*models, device=device, threads=threads, memory=memory)
    check_paths(token_file=token_file)
    from crossimage.server.serve import ServeOptions, serve_models

    limit_pixels(max_pixels)
    options = ServeOptions(
        host=host, port=port, hosts=allow_host, device=device, precision=precision, memory=memory,
        batch_size=batch_size, waiting=waiting, max_bytes=max_bytes, timeout=timeout,
        token_file=None if token_file is None else as_path(token_file, "--token-file"),
    )  # fmt: skip
    options.check()
    use_threads(threads, device)
    serve_models(models, options, _announce)


def _announce(address: str) -> None:
    print_line(f"serving at {address}; Ctrl-C stops it")


def demo(
    models: Positional[Models] = (),
    *,
    port: int = 8000,
    host: str = "127.0.0.1",
    allow_host: Hosts = (),
    device: str = "auto",
    threads: Threads = None,
) -> None:
    """Try trained models in the browser; Ctrl-C stops it.

    Args:
        models: Runs, model files, exported models (.onnx) or addresses (hf://OWNER/NAME), shown
            side by side; none: the built-in model, builtin:outlines.
        port: Port; 0 picks a free one.
        host: Address to listen on; 0.0.0.0 for this machine's whole network.
        allow_host: Other host names to accept, such as a reverse proxy's.
        device: Where to compute: auto, cpu, cuda, cuda:1, ...
        threads: CPU threads to use; by default one per core that nothing else uses.
    """
    check_early(*models, device=device, threads=threads)
    check_port(port)
    from crossimage.server.demo.run import run_demo

    use_threads(threads, device)
    run_demo(models, host, port, device, allow_host, _announce_page)


def _announce_page(address: str) -> None:
    print_line(f"the page: {address}")
