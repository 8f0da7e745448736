"""``crossimage serve``."""

from __future__ import annotations

from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

from crossimage.cli.arguments import (
    Hosts,
    MaxPixels,
    Models,
    Threads,
    check_early,
    limit_pixels,
    use_threads,
)
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
    """Serve models to programs over HTTP until interrupted; docs/serve.md shows requests.

    Args:
        models: Run folders, model files, exported models (.onnx), hf://OWNER/NAME or builtin:NAME.
        host: Address at which to listen; 0.0.0.0 for this machine's whole network.
        port: Port; 0 is any that is free.
        allow_host: Further names of the server, for a reverse proxy.
        token_file: File with the token that clients need; by default the environment variable
            CROSSIMAGE_TOKEN, and no token if that is not set.
        device: Where the networks compute; auto is the GPU if there is one.
        precision: Arithmetic of translations.
        memory: Memory to use, such as 2GB; auto: what is free. Images that do not fit as a whole
            are translated in strips of rows, with the same results.
        batch_size: Images of one size that are translated together.
        waiting: Requests that may wait for a device; further ones are answered 503.
        timeout: Seconds in which a request is answered.
        max_bytes: Bytes of a request.
        max_pixels: Pixels of an image that are decoded at once; larger images are refused.
        threads: Threads that compute on the CPU; by default one per core that nothing else uses.
    """
    if not models:
        raise ValueError("name a model to serve: a run folder, a model file or an address")
    check_early(device, *models)
    from crossimage.server.serve import ServeOptions, serve_models

    limit_pixels(max_pixels)
    use_threads(threads, device)
    options = ServeOptions(
        host, port, allow_host, device, precision, memory, batch_size, waiting, max_bytes, timeout,
        None if token_file is None else as_path(token_file, "--token-file"),
    )  # fmt: skip
    serve_models(models, options, _announce)


def _announce(address: str) -> None:
    print_line(f"serving at {address}; Ctrl-C stops it")
