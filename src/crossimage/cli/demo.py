"""``crossimage demo``."""

from __future__ import annotations

from typing import Annotated

import tyro
from tyro.conf import Positional

Models = Annotated[tuple[str, ...], tyro.conf.arg(metavar="MODEL...")]
Hosts = Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME...")]


def demo(
    models: Positional[Models] = (),
    *,
    port: int = 8000,
    host: str = "127.0.0.1",
    allow_host: Hosts = (),
    device: str = "auto",
) -> None:
    """Try trained models on a page in the browser until interrupted.

    Args:
        models: Runs, model files, exported models (.onnx) or addresses (hf://OWNER/NAME), shown
            side by side; none: the built-in model, builtin:outlines.
        port: Port; 0 is any that is free.
        host: Address at which to listen; 0.0.0.0 for this machine's whole network.
        allow_host: Further names of the server, for a reverse proxy.
        device: Where to compute: auto, cpu, cuda, cuda:1, ...
    """
    from crossimage.server.demo.run import run_demo

    run_demo(models, host, port, device, allow_host, _announce)


def _announce(address: str) -> None:
    print(f"the page: {address}", flush=True)
