"""The signs: each state has a shape of its own, so that colour only repeats. Drawn in 18 by 18."""

from __future__ import annotations

import base64

from .html import Html, tag

_ROUND = 'stroke-linecap="round" stroke-linejoin="round"'
_DOT = 'stroke-linecap="round"'
_TICK = f'<path class="s-paper f-none" stroke-width="2.1" {_ROUND} d="m5.3 9.3 2.6 2.6 4.9-5.4"/>'
_BANG = '<path class="f-paper" d="M8 6.6h2l-.3 5.2H8.3zM8 13h2v2H8z"/>'
_TRIANGLE = "M9 1.6 17.2 16a.9.9 0 0 1-.8 1.3H1.6A.9.9 0 0 1 .8 16L9 1.6Z"
_BUBBLE = (
    "M3 1.5h12A1.8 1.8 0 0 1 16.8 3.3v8A1.8 1.8 0 0 1 15 13.1H9.4L5.2 16.8v-3.7H3a1.8 1.8 0 0 1-1.8-1.8v-8"
    "A1.8 1.8 0 0 1 3 1.5Z"
)
_ACTOR = '<circle class="f-sunk s-line" cx="9" cy="9" r="8.5"/>'
_SHAPES = {
    "stopped": '<path class="f-need" d="M5.6 1h6.8L17 5.6v6.8L12.4 17H5.6L1 12.4V5.6z"/>'
    '<path class="s-paper f-none" stroke-width="2.1" stroke-linecap="round" d="m6.3 6.3 5.4 5.4m0-5.4-5.4 5.4"/>',
    "alarm": f'<path class="f-need" d="{_TRIANGLE}"/>{_BANG}',
    "warning": f'<path class="f-wait" d="{_TRIANGLE}"/>{_BANG}',
    "waiting": f'<path class="f-wait" d="{_BUBBLE}"/><path class="s-paper f-none" stroke-width="1.7" {_DOT} '
    'd="M6.9 5.6C7 4.5 7.9 4 9 4c1.2 0 2.1.7 2.1 1.7 0 1.5-2.1 1.5-2.1 2.7"/>'
    '<circle class="f-paper" cx="9" cy="10.6" r="1.05"/>',
    "clock": '<circle class="s-wait f-none" cx="9" cy="9" r="7.2" stroke-width="2"/>'
    '<path class="s-wait f-none" stroke-width="2" stroke-linecap="round" d="M9 4.8V9l2.7 1.9"/>',
    "working": '<circle class="s-work f-none" cx="9" cy="9" r="7.2" stroke-width="2"/>'
    '<circle class="f-work" cx="9" cy="9" r="3.7"/>',
    "review": '<path class="f-look" d="M9 .9 17.1 9 9 17.1.9 9z"/>',
    "check": f'<circle class="f-done" cx="9" cy="9" r="8.2"/>{_TICK}',
    "line": '<circle class="s-3 f-none" cx="9" cy="9" r="7.2" stroke-width="1.7" stroke-dasharray="2.7 2.95"/>',
    "cancelled": '<circle class="s-3 f-none" cx="9" cy="9" r="7.2" stroke-width="1.7"/>'
    '<path class="s-3" stroke-width="1.7" stroke-linecap="round" d="M5.8 9h6.4"/>',
    "factory": '<path class="f-ink" d="M1 17V8.2l5 3V8.2l5 3V8.2l2 1.2V1h3l1 16z"/>',
    "by-factory": f'{_ACTOR}<path class="f-2" d="M4.6 13V8.3l2.6 1.6V8.3l2.6 1.6V8.3l1 .6V4.9h1.6l.8 8.1z"/>',
    "by-agent": f'{_ACTOR}<path class="s-3 f-none" stroke-width="1.5" {_ROUND} '
    'd="m5.7 6.7 2.3 2.3-2.3 2.3M9.6 11.5h2.9"/>',
    "by-person": f'{_ACTOR}<circle class="f-2" cx="9" cy="7.2" r="2.5"/>'
    '<path class="f-2" d="M4.4 14.2c.5-2.5 2.3-3.7 4.6-3.7s4.1 1.2 4.6 3.7a8 8 0 0 1-9.2 0Z"/>',
    "by-tracker": f'{_ACTOR}<path class="s-3 f-none" stroke-width="1.5" {_ROUND} '
    'd="M5.2 9h7.2M9.6 6.2 12.4 9l-2.8 2.8"/>',
}  # fmt: skip
_FILLS = {"alarm": "#b3340c", "clock": "#bd7b0b", "check": "#12906a"}
_ICONS = {
    "alarm": '<path d="M16 3 30 29H2z" fill="{}"/><path d="M14.5 11h3l-.5 9h-2zM14.5 22h3v3h-3z" fill="#fff"/>',
    "clock": '<circle cx="16" cy="16" r="12.5" fill="none" stroke="{}" stroke-width="4"/>'
    '<path d="M16 9v7l5 3" fill="none" stroke="{}" stroke-width="4"/>',
    "check": '<circle cx="16" cy="16" r="14" fill="{}"/>'
    '<path d="m9 16.5 5 5 9-10" fill="none" stroke="#fff" stroke-width="4"/>',
}


def glyph(shape: str, word: str = "") -> Html:
    """The sign, with its word for those who do not see it; without a word it only decorates."""
    spoken = {"role": "img", "aria_label": word} if word else {"aria_hidden": "true"}
    return tag("svg", Html(_SHAPES[shape]), class_="g", viewBox="0 0 18 18", **spoken)


def icon(shape: str) -> str:
    """The tab's icon as a data address."""
    drawn = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">{_ICONS[shape]}</svg>'
    return "data:image/svg+xml;base64," + base64.b64encode(drawn.replace("{}", _FILLS[shape]).encode()).decode()


def stations(index: int, names: tuple[str, ...], colour: str) -> Html:
    """Six stations on a line: passed solid, here ringed, ahead hollow."""
    here = 7 + 24 * (index - 1)
    passed, ahead = (_dots(places) for places in (range(1, index), range(index + 1, len(names) + 1)))
    drawn = (
        f'<path class="s-faint" stroke-width="1.5" d="M7 8h120"/><path class="s-3" stroke-width="1.5" d="M7 8H{here}"/>'
        f'<path class="s-3" {_DOT} stroke-width="6.4" d="{passed}"/>'
        f'<path class="s-line" {_DOT} stroke-width="7.3" d="{ahead}"/>'
        f'<path class="s-paper" {_DOT} stroke-width="4.7" d="{ahead}"/>'
        f'<circle class="f-paper s-{colour}" cx="{here}" cy="8" r="6" stroke-width="1.8"/>'
        f'<circle class="f-{colour}" cx="{here}" cy="8" r="3"/>'
    )
    label = f"Stage {index} of {len(names)}: {names[index - 1]}"
    return tag("svg", Html(drawn), width=134, height=16, viewBox="0 0 134 16", role="img", aria_label=label)


def _dots(places: range) -> str:
    """Strokes of no length: their round caps are the dots."""
    return "".join(f"M{24 * place - 17} 8h0" for place in places)


def busy(taken: int, room: int) -> Html:
    """One piece for each agent, up to twenty."""
    wide = 140 / max(1, room)
    size = f'width="{wide * 0.78:.1f}" height="5" rx="1.5"'
    pieces = (f'<rect class="{"f-work" if n < taken else "f-sunk"}" x="{n * wide:.1f}" {size}/>' for n in range(room))
    return tag("svg", Html("".join(pieces)), width=140, height=5, aria_hidden="true") if room <= 20 else Html("")
