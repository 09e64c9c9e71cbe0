"""Serves the demo's page: to this machine by default, without requests to other hosts, keeping nothing."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import tempfile
import threading
from collections.abc import Iterator

# gradio reads these when it is imported: it reports nothing, whatever the environment says.
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

SESSIONS = 256  # whose voices are kept in memory, 320 kB each
FONTS = ["ui-sans-serif", "system-ui", "sans-serif"]
# The browser may send no requests to other hosts. (gradio's scripts are inline and build functions at run
# time.)
HEADERS = {
    "content-security-policy": "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
    "frame-ancestors 'self'; form-action 'self'; base-uri 'self'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
}


class AddHeaders:
    """Adds HEADERS to every response."""

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
    """Serve the page inside, at the address that this gives. Uploads are removed on leaving. Raises UserError
    when the address or port cannot be used."""
    check_free(host, port)
    generate.warm_up(model)
    with (
        tempfile.TemporaryDirectory(prefix="deepfacegen-demo-") as folder,
        # gradio stores uploads there, and requests its own page at the start, which no proxy may see.
        _environment(
            GRADIO_TEMP_DIR=folder, no_proxy=_direct("no_proxy", host), NO_PROXY=_direct("NO_PROXY", host)
        ),
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
                state_session_capacity=SESSIONS,
                app_kwargs={"middleware": [Middleware(AddHeaders)], "docs_url": None, "redoc_url": None},
                theme=theme,
                css=CSS,
            )
        except OSError:  # taken in the meantime
            raise UserError(f"--host {host} --port {port}: cannot be listened on; try another port") from None
        try:
            yield address.rstrip("/")
        finally:
            page.close(verbose=False)


def check_free(host: str, port: int) -> None:
    """Raises UserError when this machine has no such address, or another program listens there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"--host {host}: no such address ({why}); try 127.0.0.1") from None
    with socket.socket(family, kind, protocol) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(address)
        except OSError as error:
            other = "127.0.0.1 or 0.0.0.0" if error.errno == errno.EADDRNOTAVAIL else "another port"
            why = f"cannot be listened on ({error.strerror})"
            raise UserError(f"--host {host} --port {port}: {why}; try {other}") from None


def _direct(key: str, host: str) -> str:
    """Hosts that are reached without a proxy: those of the environment, this machine, and `host`."""
    return ",".join(filter(None, (os.environ.get(key), "127.0.0.1", "localhost", "::1", host)))


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Environment variables, set inside and restored afterwards."""
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


def wait() -> None:
    """Until interrupted."""
    threading.Event().wait()
