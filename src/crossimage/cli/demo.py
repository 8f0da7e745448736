"""``crossimage demo``."""

from __future__ import annotations

from tyro.conf import Positional

from crossimage.cli.arguments import Hosts, Models, Threads, check_early, use_threads
from crossimage.utils.streams import print_line


def demo(
    models: Positional[Models] = (),
    *,
    port: int = 8000,
    host: str = "127.0.0.1",
    allow_host: Hosts = (),
    device: str = "auto",
    threads: Threads = None,
) -> None:
    """Try trained models on a page in the browser until interrupted.

    Args:
        models: Runs, model files, exported models (.onnx) or addresses (hf://OWNER/NAME), shown
            side by side; none: the built-in model, builtin:outlines.
        port: Port; 0 is any that is free.
        host: Address at which to listen; 0.0.0.0 for this machine's whole network.
        allow_host: Further names of the server, for a reverse proxy.
        device: Where to compute: auto, cpu, cuda, cuda:1, ...
        threads: Threads that compute on the CPU; by default one per core that nothing else uses.
    """
    check_early(device, *models)
    from crossimage.server.demo.run import run_demo

    use_threads(threads, device)
    run_demo(models, host, port, device, allow_host, _announce)


def _announce(address: str) -> None:
    print_line(f"the page: {address}")
