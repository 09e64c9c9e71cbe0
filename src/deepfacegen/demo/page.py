"""The demo's page: its contents, and what happens on a click."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from deepfacegen.api.voice_to_face import VoiceToFace
from deepfacegen.demo import depth, generate, html, script, voices
from deepfacegen.demo import people as demo_people
from deepfacegen.demo.generate import Shown
from deepfacegen.demo.people import People
from deepfacegen.demo.voices import Example

CONCURRENT, QUEUED = 2, 16  # recordings
CLEANED_EVERY_SECONDS, KEPT_SECONDS = 600, 3600
NOBODY = (
    "There is nobody to show: `dvc repro evaluate@cgan` generates faces of unseen sample people. "
    "Real people are not shown here. (`--project` names another folder.)"
)
MICROPHONE = "the recording"  # its name in messages
FAILED = "The server could not do this, or is busy: try again."


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
    gr.HTML(html.invitation(), js_on_load=None)
    with gr.Row(elem_id="examples"):
        examples = [
            (gr.Button(example.name, variant="primary", min_width=120), example)
            for example in voices.examples()
        ]
    with gr.Row(elem_id="own"):
        spoken = gr.Audio(
            sources=["microphone"],
            type="filepath",
            label="Speak",
            editable=False,
            buttons=[],
            min_width=280,
            elem_id="spoken",
        )
        file = gr.File(label="or choose a sound or video file", height=120, min_width=280, elem_id="file")
    for box in (spoken, file):
        box.async_move_resource_to_block_cache = _only_uploads(box.async_move_resource_to_block_cache)
    output = gr.HTML(html.waiting(), js_on_load=script.ANSWER, elem_id="answer", min_height=60)
    more = gr.HTML("", js_on_load=script.MORE, elem_id="more")
    state = gr.State(None, time_to_live=KEPT_SECONDS)
    gr.HTML(html.metrics(model.figures), js_on_load=None, elem_id="metrics")

    def of_microphone(path: str | None) -> Iterator[tuple[str, str, Shown | None, None]]:
        for step in generate.steps(model, partial(generate.of_upload, path, MICROPHONE), MICROPHONE):
            yield *step, None

    def of_file(path: str | None) -> Iterator[tuple[str, str, Shown | None, None]]:
        name = Path(path).name if path else MICROPHONE
        for step in generate.steps(model, partial(generate.of_upload, path, name), name):
            yield *step, None

    def of_example(example: Example) -> Iterator[tuple[str, str, Shown | None, None, None]]:
        for step in generate.steps(model, partial(generate.of_example, model, example), example.name):
            yield *step, None, None

    def again(shown: Shown | None, event: gr.EventData) -> tuple[str, str, Shown | None]:
        if shown is None:  # kept for an hour
            return html.message(html.NOTHING), "", None
        other = shown.other(event.step, event.variety)
        return generate.respond(model, other), depth.closed(), other

    def deeper(shown: Shown | None) -> str:
        return html.message(html.NOTHING) if shown is None else generate.more(model, shown)

    private = {"api_visibility": "private", "concurrency_id": "faces"}
    result = [output, more, state]
    events = [
        spoken.stop_recording(of_microphone, [spoken], [*result, file], show_progress="minimal", **private),
        file.upload(of_file, [file], [*result, spoken], show_progress="minimal", **private),
        output.again(again, [state], result, show_progress="hidden", **private),
        more.more(deeper, [state], [more], show_progress="hidden", **private),
    ]
    for button, example in examples:
        run = partial(of_example, example)
        both = [*result, spoken, file]
        events.append(button.click(run, None, both, show_progress="minimal", **private))
    for event in events:
        event.failure(lambda: (html.message(FAILED), "", None), None, result, api_visibility="private")


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
