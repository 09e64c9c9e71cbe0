"""Colours, spacing and the script of the demo's slider. No font or picture is loaded from elsewhere."""

from __future__ import annotations

CSS = """
.gradio-container { width: 100% !important; max-width: 62rem !important; margin: 0 auto !important; }
.dfg {
  --dfg-accent: #0b6e6e; --dfg-quiet: #5d5a54; --dfg-line: #e4e0d8; --dfg-alert: #8a2f1d;
  --dfg-soft: #fbf3ef; color: var(--body-text-color);
}
.dark .dfg {
  --dfg-accent: #63cfc6; --dfg-quiet: #b0aca4; --dfg-line: #3a3d3d; --dfg-alert: #f2b39f;
  --dfg-soft: #2b201c;
}
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
.dfg.answer section, .dfg.figures, .dfg .person {
  margin: 0 0 1rem; padding: 1.4rem 0 .4rem; border-top: 1px solid var(--dfg-line);
}
.dfg.answer section:first-child { border-top: 0; }
.dfg .faces {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(min(7.5rem, 45%), 1fr)); gap: .6rem;
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
  gap: .9rem 1.5rem; margin: 0;
}
.dfg dt { font-size: .88rem; color: var(--dfg-quiet); }
.dfg dd { margin: 0; font-size: 1.05rem; font-variant-numeric: tabular-nums; }
.dfg dd small { display: block; }
.dfg .interpolation .frame { width: 12rem; max-width: 100%; }
.dfg .interpolation label {
  display: flex; align-items: center; gap: .7rem; max-width: 24rem; padding: .8rem 0;
}
.dfg .interpolation input { flex: 1; min-width: 0; accent-color: var(--dfg-accent); }
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
.dfg .pair { display: grid; grid-template-columns: 9rem 1fr; gap: 1rem; }
.dfg .faces.one { grid-template-columns: 1fr; }
@media (max-width: 480px) {
  .gradio-container { padding: .6rem !important; }
  .dfg .pair { grid-template-columns: 1fr; }
  .dfg .faces.one { max-width: 8rem; }
}
"""

# Shows the face that the slider selects. It runs once for the output element, whatever that shows later.
SLIDER = """
element.addEventListener('input', event => {
  const walk = event.target.closest('.interpolation');
  if (!walk) return;
  const selected = Number(event.target.value);
  walk.querySelectorAll('.frame img').forEach((face, k) => { face.hidden = k !== selected; });
});
"""
