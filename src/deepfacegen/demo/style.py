"""Colours and spacing of the demo. No font or picture is loaded from elsewhere."""

from __future__ import annotations

CSS = """
.gradio-container { width: 100% !important; max-width: 62rem !important; margin: 0 auto !important; }
:root {
  --dfg-accent: #0b6e6e; --dfg-quiet: #5d5a54; --dfg-line: #e4e0d8; --dfg-alert: #8a2f1d;
  --dfg-soft: #fbf3ef;
}
.dark {
  --dfg-accent: #63cfc6; --dfg-quiet: #b0aca4; --dfg-line: #3a3d3d; --dfg-alert: #f2b39f;
  --dfg-soft: #2b201c; color-scheme: dark;
}
.dfg { color: var(--body-text-color); }
.gradio-container .html-container { padding-inline: 0 !important; }
#examples button { background: var(--dfg-accent); color: var(--body-background-fill); }
#file .icon-wrap { display: none; }
#spoken .mic-select { width: auto; max-width: none; }
#answer .pending { opacity: 1; }
#answer { scroll-margin-top: .6rem; }
button[role=tab][aria-selected=true] { color: var(--dfg-accent) !important; }
.dfg h1 {
  margin: 1.2rem 0 .6rem; font-size: clamp(1.7rem, 5vw, 2.4rem); line-height: 1.1;
  letter-spacing: -.02em;
}
.dfg h2 { margin: 0 0 .3rem; font-size: 1.15rem; }
.dfg h3 { margin: 0 0 .5rem; font-size: 1rem; overflow-wrap: anywhere; }
.dfg h3 small, .dfg small { color: var(--dfg-quiet); font-size: .85rem; font-weight: 400; }
.dfg h4 { margin: 0 0 .3rem; font-size: .85rem; font-weight: 500; color: var(--dfg-quiet); }
.dfg p { margin: 0 0 .7rem; max-width: 44rem; line-height: 1.5; }
.dfg .quiet { color: var(--dfg-quiet); font-size: .92rem; }
.dfg .warning { padding: .1rem 0 .1rem 1rem; border-left: 3px solid var(--dfg-accent); }
.dfg .alert { padding: .8rem 1rem; border-left: 3px solid var(--dfg-alert); background: var(--dfg-soft); }
.dfg .alert { color: var(--dfg-alert); overflow-wrap: anywhere; }
.dfg section, .dfg .person { margin: 0 0 1rem; padding: 1rem 0 .4rem; border-top: 1px solid var(--dfg-line); }
.dfg.result { display: grid; grid-template-columns: minmax(16rem, 24rem) 1fr; gap: 1.2rem 2.4rem; }
.dfg.result section { border-top: 0; padding-top: 0; }
.dfg .large { position: relative; }
.dfg .large img { width: 100%; max-width: none; aspect-ratio: 1; }
.dfg .choices { display: grid; grid-template-columns: repeat(6, 1fr); gap: .4rem; margin: .5rem 0; }
.dfg .choices button {
  margin: 0; padding: 2px; border: 2px solid transparent; border-radius: 10px; background: none;
  cursor: pointer;
}
.dfg .choices button[aria-pressed=true] { border-color: var(--dfg-accent); }
.dfg .choices img { margin: 0 !important; }
.dfg .actions { display: flex; flex-wrap: wrap; gap: .5rem; margin: .7rem 0; }
.dfg .actions button {
  flex: 1 0 auto; margin: 0; padding: .55rem .4rem; border: 1px solid var(--dfg-line); border-radius: 8px;
  background: var(--background-fill-secondary); color: inherit; font-size: .92rem; font-weight: 500;
  cursor: pointer;
}
.dfg .actions button:hover, .dfg .actions button:focus-visible { border-color: var(--dfg-accent); }
.dfg .actions button:first-child {
  background: var(--dfg-accent); border-color: var(--dfg-accent); color: var(--body-background-fill);
}
.dfg button:disabled { opacity: .5; cursor: default; }
.dfg button:focus-visible, .dfg summary:focus-visible {
  outline: 2px solid var(--dfg-accent); outline-offset: 2px;
}
.dfg .slide { display: flex; align-items: center; gap: .7rem; max-width: 24rem; padding: .5rem 0; }
.dfg .slide input { flex: 1; min-width: 0; accent-color: var(--dfg-accent); }
.dfg .slide output { min-width: 2.2rem; font-variant-numeric: tabular-nums; }
.dfg .speaker.pictured {
  display: grid; grid-template-columns: 6rem 1fr; gap: .6rem 1rem; align-items: center;
}
.dfg .speaker.pictured audio { grid-column: 1 / -1; }
.dfg.empty {
  padding: 2.5rem 1rem; border: 1px dashed var(--dfg-line); border-radius: 8px; text-align: center;
}
.dfg.empty p { margin: 0 auto; }
.dfg .working { color: var(--dfg-accent); }
.dfg .large .working { display: none; }
.dfg.busy .large img { opacity: .3; }
.dfg.busy .large .working { display: grid; position: absolute; inset: 0; place-items: center; }
.dfg details { padding: .9rem 0; border-top: 1px solid var(--dfg-line); }
.dfg summary { cursor: pointer; font-weight: 600; padding: .2rem 0; }
.dfg .faces {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(min(7.5rem, 21%), 1fr)); gap: .6rem;
  max-width: 56rem;
}
.dfg img { display: block; width: 100%; max-width: 12rem; height: auto; border-radius: 8px; }
.dfg img[hidden] { display: none; }
.dfg figure { margin: 0; }
.dfg figcaption {
  padding-top: .25rem; font-size: .9rem; color: var(--dfg-quiet); font-variant-numeric: tabular-nums;
}
.dfg dl {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(min(13rem, 100%), 1fr));
  gap: .9rem 1.5rem; margin: 1rem 0 !important;
}
.dfg dt { font-size: .88rem; color: var(--dfg-quiet); }
.dfg dd { margin: 0; font-size: 1.05rem; font-variant-numeric: tabular-nums; }
.dfg dd small { display: block; }
.dfg .interpolation .frame { width: 12rem; max-width: 100%; }
.dfg table, .dfg tr, .dfg th, .dfg td { border: 0 !important; }
.dfg table {
  width: 100%; max-width: 44rem; border-collapse: collapse; font-size: .95rem;
  font-variant-numeric: tabular-nums;
}
.dfg th, .dfg td {
  padding: .45rem .5rem .45rem 0 !important; border-bottom: 1px solid var(--dfg-line) !important;
}
.dfg th, .dfg td { text-align: left; vertical-align: top; font-weight: 400; }
.dfg thead th { font-weight: 600; }
.dfg td small { display: block; white-space: nowrap; }
.dfg .beside th, .dfg .beside td { color: var(--dfg-quiet); }
.dfg audio { width: 100%; max-width: 24rem; margin-bottom: .7rem; }
.dfg .pair { display: grid; grid-template-columns: 9rem minmax(0, 1fr); gap: 1rem; }
.dfg .faces.one { grid-template-columns: 1fr; }
.dfg-card, .dfg-card * { overflow-wrap: normal !important; word-break: normal !important; }
.dfg-card th, .dfg-card td { padding: .35rem .5rem !important; }
.dfg-card pre, .dfg-card pre code { padding: .4rem !important; font-size: min(.85rem, 2.35vw) !important; }
.dfg-card code { overflow-wrap: anywhere !important; white-space: pre-wrap !important; }
@media (max-width: 720px) {
  .dfg.result { grid-template-columns: minmax(0, 1fr); }
}
@media (max-width: 480px) {
  .gradio-container { padding: .6rem !important; }
  #own { order: 1; }  /* below the face of an example, which is then on the first screen */
  #metrics { order: 2; }
  .dfg .pair { grid-template-columns: minmax(0, 1fr); }
  .dfg .faces.one { max-width: 8rem; }
  .dfg dl { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .dfg-card table { font-size: .78rem; }
  .dfg-card th, .dfg-card td { padding: .3rem .25rem !important; }
}
"""
