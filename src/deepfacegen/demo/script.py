"""What the browser does by itself: choose a face, save, slide. The events `again` and `more` request
faces from the server."""

from __future__ import annotations

FACE_PX, GRID_FACE_PX = 512, 256  # sides of a saved face, alone and in the grid

# Each runs once for its element, whatever that shows later.
ANSWER = f"""
const all = (selector) => [...element.querySelectorAll(selector)];
const voice = () => element.querySelector('.choices').dataset.voice;
const chosen = () => 1 + all('.choices button').findIndex(one => one.ariaPressed === 'true');

function save(pictures, columns, side, name) {{
  const canvas = document.createElement('canvas');
  canvas.width = columns * side;
  canvas.height = Math.ceil(pictures.length / columns) * side;
  const pen = canvas.getContext('2d');
  pen.imageSmoothingQuality = 'high';
  pictures.forEach((picture, k) =>
    pen.drawImage(picture, (k % columns) * side, Math.floor(k / columns) * side, side, side));
  canvas.toBlob(blob => {{
    const link = Object.assign(document.createElement('a'), {{
      download: name, href: URL.createObjectURL(blob) }});
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }}, 'image/png');
}}

function again(step) {{
  const answer = element.querySelector('.answer');
  answer.classList.add('busy');
  answer.querySelector('.working').textContent = 'Generating faces \u2026';
  all('[data-do=others], [data-do=vary]').forEach(control => {{ control.disabled = true; }});
  const variety = Number(element.querySelector('[data-do=vary]').value);
  trigger('again', {{ step, variety }});
}}

element.addEventListener('click', event => {{
  const button = event.target.closest('button[data-do]');
  const wanted = button && button.dataset.do;
  if (wanted === 'show') {{
    all('.choices button').forEach(one => one.setAttribute('aria-pressed', String(one === button)));
    element.querySelector('.large img').src = button.querySelector('img').src;
  }}
  if (wanted === 'others') again(1);
  if (wanted === 'save') save(all('.large img'), 1, {FACE_PX}, `${{voice()}}-face-${{chosen()}}.png`);
  if (wanted === 'save-all') save(all('.choices img'), 3, {GRID_FACE_PX}, `${{voice()}}-faces.png`);
}});

element.addEventListener('input', event => {{
  if (event.target.dataset.do === 'vary') element.querySelector('output').textContent = event.target.value;
}});

element.addEventListener('change', event => {{
  if (event.target.dataset.do === 'vary') again(0);
}});

// On a phone the result is below or, after a recording, above the screen.
watch('value', () => {{
  const top = element.getBoundingClientRect().top;
  if (top < 0 || top > innerHeight / 2) {{
    element.scrollIntoView({{ behavior: 'smooth', block: 'start' }});
  }}
}});
"""

MORE = """
element.addEventListener('toggle', event => {
  if (event.target.open && event.target.querySelector('.working')) trigger('more');
}, true);

element.addEventListener('input', event => {
  const selected = Number(event.target.value);
  element.querySelectorAll('.frame img').forEach((face, k) => { face.hidden = k !== selected; });
});
"""
