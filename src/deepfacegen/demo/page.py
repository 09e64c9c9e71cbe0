"""The demo's page: what is on it, and what happens on a click."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from deepfacegen.api.voice_to_face import VoiceToFace
from deepfacegen.demo import generate, words
from deepfacegen.demo import people as demo_people
from deepfacegen.demo.people import People
from deepfacegen.demo.style import WALK

AT_ONCE, WAITING = 2, 16  # recordings worked on, and in the queue
CLEANED_EVERY_SECONDS, KEPT_SECONDS = 600, 3600
NOBODY = (
    "There is nobody to show: `dvc repro evaluate@cgan` draws faces for sample people whom the model never met. Real people are not shown here. "
    "(`--project` names another folder.)"
)


def build(model: VoiceToFace, people: People | None) -> Any:
    """The page as gr.Blocks, with its queue."""
    source = model.config["provenance"]["source"]
    with gr.Blocks(
        title="A face from a voice",
        analytics_enabled=False,
        delete_cache=(CLEANED_EVERY_SECONDS, KEPT_SECONDS),
    ) as page:
        gr.HTML(words.head(source), js_on_load=None)
        with gr.Tabs():
            with gr.Tab("Draw"):
                _drawing(model)
            with gr.Tab("People"):
                _browsing(people)
            with gr.Tab("Model"):
                gr.Markdown(model.card, elem_classes="dfg-card")
    page.queue(api_open=False, max_size=WAITING, default_concurrency_limit=AT_ONCE)
    return page


def _drawing(model: VoiceToFace) -> None:
    with gr.Row():
        spoken = gr.Audio(
            sources=["microphone"],
            type="filepath",
            label="Speak",
            editable=False,
            buttons=[],
            min_width=280,
            elem_id="spoken",
        )
        file = gr.File(label="or choose a sound or video file", height=160, min_width=280, elem_id="file")
    for box in (spoken, file):
        box.async_move_resource_to_block_cache = _only_sent(box.async_move_resource_to_block_cache)
    others = gr.Button("Draw other faces of the same voice", elem_id="others")
    shown = gr.HTML(words.waiting(), js_on_load=WALK, elem_id="answer", min_height=60)
    seed = gr.Number(0, precision=0, visible=False)
    gr.HTML(words.figures(model.figures), js_on_load=None)

    def of_microphone(path: str | None) -> tuple[str, None]:
        return generate.answer(model, path, 0, "the recording"), None

    def of_file(path: str | None) -> tuple[str, None]:
        return generate.answer(model, path, 0, Path(path).name if path else None), None

    def more(recorded: str | None, path: str | None, last: int) -> tuple[str, int]:
        # Of the two boxes one is empty, for a recording empties the other.
        return generate.answer(
            model, path or recorded, last + 1, Path(path).name if path else "the recording"
        ), last + 1

    quiet = {"api_visibility": "private", "show_progress": "minimal"}
    spoken.stop_recording(of_microphone, [spoken], [shown, file], **quiet)
    file.upload(of_file, [file], [shown, spoken], **quiet)
    others.click(more, [spoken, file, seed], [shown, seed], **quiet)


def _browsing(people: People | None) -> None:
    if people is None:
        gr.Markdown(NOBODY)
        return
    gr.HTML(
        "<p class='dfg quiet'>Sample people, who do not exist and whom the model never met: how they look and sound, and what was drawn.</p>"
    )
    shown = gr.HTML(demo_people.page_html(people, 0), js_on_load=None, elem_id="people")
    number = gr.Number(0, precision=0, visible=False)
    with gr.Row():
        back, on = (
            gr.Button("Back", elem_id="back", min_width=120),
            gr.Button("Next", elem_id="next", min_width=120),
        )

    def turned(by: int) -> Any:
        def turn(at: int) -> tuple[str, int]:
            to = min(max(at + by, 0), people.pages - 1)
            return demo_people.page_html(people, to), to

        return turn

    for button, by in ((back, -1), (on, 1)):
        button.click(turned(by), [number], [shown, number], api_visibility="private", show_progress="hidden")


def _only_sent(move: Any) -> Any:
    """A request may name a file by an address, which gradio would fetch: here only what was sent with the
    page is taken."""

    async def moved(path: Any) -> Any:
        if "://" in str(path):
            raise gr.Error("only files that are sent with the page are taken")
        return await move(path)

    return moved
