"""The demo's page: its contents, and what happens on a click."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from deepfacegen.api.voice_to_face import VoiceToFace
from deepfacegen.demo import generate, html
from deepfacegen.demo import people as demo_people
from deepfacegen.demo.people import People
from deepfacegen.demo.style import SLIDER

CONCURRENT, QUEUED = 2, 16  # recordings
CLEANED_EVERY_SECONDS, KEPT_SECONDS = 600, 3600
NOBODY = (
    "There is nobody to show: `dvc repro evaluate@cgan` generates faces of unseen sample people. "
    "Real people are not shown here. (`--project` names another folder.)"
)
MICROPHONE = "the recording"  # its name in messages


def build(model: VoiceToFace, people: People | None) -> Any:
    """The page as gr.Blocks, with its queue."""
    deleted = (CLEANED_EVERY_SECONDS, KEPT_SECONDS)
    with gr.Blocks(title="A face from a voice", analytics_enabled=False, delete_cache=deleted) as page:
        gr.HTML(html.head(model.config["provenance"]["source"]), js_on_load=None)
        with gr.Tabs():
            with gr.Tab("Generate"):
                _generation(model)
            with gr.Tab("People"):
                _browsing(people)
            with gr.Tab("Model"):
                gr.Markdown(model.card, elem_classes="dfg-card")
    page.queue(api_open=False, max_size=QUEUED, default_concurrency_limit=CONCURRENT)
    return page


def _generation(model: VoiceToFace) -> None:
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
        box.async_move_resource_to_block_cache = _only_uploads(box.async_move_resource_to_block_cache)
    others = gr.Button("Generate other faces of the same voice", elem_id="others")
    output = gr.HTML(html.waiting(), js_on_load=SLIDER, elem_id="answer", min_height=60)
    seed = gr.Number(0, precision=0, visible=False)
    gr.HTML(html.metrics(model.figures), js_on_load=None)

    def of_microphone(path: str | None) -> tuple[str, None]:
        return generate.respond(model, path, 0, MICROPHONE), None

    def of_file(path: str | None) -> tuple[str, None]:
        return generate.respond(model, path, 0, Path(path).name if path else None), None

    def more(recorded: str | None, path: str | None, last: int) -> tuple[str, int]:
        # One of the two boxes is empty, because a recording empties the other.
        name = Path(path).name if path else MICROPHONE
        return generate.respond(model, path or recorded, last + 1, name), last + 1

    private = {"api_visibility": "private", "show_progress": "minimal"}
    spoken.stop_recording(of_microphone, [spoken], [output, file], **private)
    file.upload(of_file, [file], [output, spoken], **private)
    others.click(more, [spoken, file, seed], [output, seed], **private)


def _browsing(people: People | None) -> None:
    if people is None:
        gr.Markdown(NOBODY)
        return
    gr.HTML(
        "<p class='dfg quiet'>Unseen sample people, who do not exist: their faces and voices, and the faces "
        "generated from the voices.</p>"
    )
    output = gr.HTML(demo_people.page_html(people, 0), js_on_load=None, elem_id="people")
    number = gr.Number(0, precision=0, visible=False)
    with gr.Row():
        back = gr.Button("Back", elem_id="back", min_width=120)
        forward = gr.Button("Next", elem_id="next", min_width=120)

    def turned(by: int) -> Any:
        def turn(at: int) -> tuple[str, int]:
            to = min(max(at + by, 0), people.pages - 1)
            return demo_people.page_html(people, to), to

        return turn

    for button, by in ((back, -1), (forward, 1)):
        button.click(turned(by), [number], [output, number], api_visibility="private", show_progress="hidden")


def _only_uploads(move: Any) -> Any:
    """Accept only files that are sent with the page: gradio would fetch an address that a request names."""

    async def moved(path: Any) -> Any:
        if "://" in str(path):
            raise gr.Error("only files that are sent with the page are accepted")
        return await move(path)

    return moved
