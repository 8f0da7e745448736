"""Serve the page on which models are tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from crossimage.checkpoints.addresses import builtin_names
from crossimage.inference.incoming import Incoming
from crossimage.server.demo.images import MAX_BYTES, PageImages
from crossimage.server.demo.samples import find_samples
from crossimage.server.listening import addresses, listen, run_server, web_needed
from crossimage.server.models import Models, load_models
from crossimage.utils.writing.scratch import scratch_folder


def run_demo(
    models: Sequence[str],
    host: str = "127.0.0.1",
    port: int = 8000,
    device: str = "auto",
    hosts: Sequence[str] = (),
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve the page, and the API for programs, until it is interrupted.

    Args:
        models: Runs, model files, exported models and addresses; none: the built-in model.
        host: Address to listen on.
        port: Port; 0 picks a free one.
        device: Where the networks compute.
        hosts: Other host names to accept, such as a reverse proxy's.
        announce: Called with the address of the page.

    Raises:
        FileNotFoundError: There is no such model.
        ValueError: A model does not translate, the port is in use, or the extra ``web`` is not
            installed.
    """
    with web_needed():
        from crossimage.server.api import Api
        from crossimage.server.app import guarded
        from crossimage.server.demo.pages import PAGE_HEADERS, DemoPages
    chosen = list(models) or [f"builtin:{builtin_names()[0]}"]
    listening = listen(host, port)
    try:
        served = Models(load_models(chosen, device))
        api = Api(served)
        try:
            with Incoming() as incoming, scratch_folder() as folder:
                samples = {}
                for index, one in enumerate(served):
                    own = folder / str(index)
                    own.mkdir()
                    samples[one.name] = find_samples(one.translator, one.given, own)
                pages = DemoPages(served, samples, PageImages(incoming))
                routes = [*pages.routes(), *api.routes]
                app = guarded(routes, MAX_BYTES, hosts, PAGE_HEADERS)
                if announce:
                    announce(addresses(listening))
                run_server(app, listening)
        finally:
            api.close()
    finally:
        listening.close()
