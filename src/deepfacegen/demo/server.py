"""Serves the demo's page: loopback unless told otherwise, nothing asked of other hosts, nothing kept."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import tempfile
import threading
from collections.abc import Iterator

# gradio reads these when it is imported: nothing is reported to anybody, whatever the environment says.
os.environ.update({"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"})

import gradio as gr
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepfacegen.api.voice_to_face import VoiceToFace
from deepfacegen.demo import generate
from deepfacegen.demo import page as demo_page
from deepfacegen.demo.people import People
from deepfacegen.demo.style import CSS
from deepfacegen.errors import UserError

FONTS = ["ui-sans-serif", "system-ui", "sans-serif"]
# The browser itself is told to ask nobody else. (gradio's own scripts are written into the page and build
# functions at run time.)
HEADERS = {
    "content-security-policy": "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
    "frame-ancestors 'self'; form-action 'self'; base-uri 'self'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
}


class Headed:
    """Adds HEADERS to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, headed if scope["type"] == "http" else send)


@contextlib.contextmanager
def served(model: VoiceToFace, people: People | None, host: str, port: int) -> Iterator[str]:
    """The page's address, served inside. What visitors sent is removed on leaving. Raises UserError when
    address or port cannot be had."""
    free(host, port)
    generate.warm(model)
    with (
        tempfile.TemporaryDirectory(prefix="deepfacegen-demo-") as folder,
        _set("GRADIO_TEMP_DIR", folder),
        _no_proxy(host),
    ):
        page = demo_page.build(model, people)
        theme = gr.themes.Default(
            primary_hue="teal", neutral_hue="stone", font=FONTS, font_mono=["ui-monospace", "monospace"]
        )
        try:
            _, address, _ = page.launch(
                server_name=f"[{host}]" if ":" in host else host,
                server_port=port,
                prevent_thread_lock=True,
                inbrowser=False,
                share=False,
                quiet=True,
                ssr_mode=False,
                mcp_server=False,
                run_history=False,
                enable_monitoring=False,
                footer_links=[],
                show_error=False,
                max_file_size=generate.LIMITS.max_bytes,
                app_kwargs={"middleware": [Middleware(Headed)], "docs_url": None, "redoc_url": None},
                theme=theme,
                css=CSS,
            )
        except OSError:  # taken meanwhile
            raise UserError(f"--host {host} --port {port}: cannot be listened on; try another port") from None
        try:
            yield address.rstrip("/")
        finally:
            page.close(verbose=False)


def free(host: str, port: int) -> None:
    """Raises UserError when this machine has no such address, or something else listens there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise UserError(
            f"--host {host}: no such address ({getattr(error, 'strerror', None) or error}); try 127.0.0.1"
        ) from None
    with socket.socket(family, kind, protocol) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(address)
        except OSError as error:
            other = "127.0.0.1 or 0.0.0.0" if error.errno == errno.EADDRNOTAVAIL else "another port"
            raise UserError(
                f"--host {host} --port {port}: cannot be listened on ({error.strerror}); try {other}"
            ) from None


@contextlib.contextmanager
def _no_proxy(host: str) -> Iterator[None]:
    """gradio looks whether its own page answers: that must not go through the proxy to other hosts."""
    with contextlib.ExitStack() as held:
        for key in ("no_proxy", "NO_PROXY"):
            held.enter_context(
                _set(
                    key, ",".join(filter(None, (os.environ.get(key), "127.0.0.1", "localhost", "::1", host)))
                )
            )
        yield


@contextlib.contextmanager
def _set(key: str, value: str) -> Iterator[None]:
    """An environment variable, inside; as it was, afterwards. (gradio keeps what it is sent in
    GRADIO_TEMP_DIR.)"""
    before = os.environ.get(key)
    os.environ[key] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(key, None)
        else:
            os.environ[key] = before


def wait() -> None:
    """Until interrupted."""
    threading.Event().wait()
