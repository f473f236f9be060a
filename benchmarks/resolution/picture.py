"""Reliability curves as SVG, drawn without a plotting library. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from benchmarks.resolution.measures import calibration_error, reliability

SIZE, EDGE = 360, 46
COLOURS = ("#0b6e99", "#c2571a", "#4d7c3a")


def draw_reliability(curves: Mapping[str, Sequence[tuple[float, bool]]]) -> str:
    """How often each prediction was right, against what it said; the diagonal is calibration.

    The area of a dot grows with the number of predictions in its bin.
    """
    width = height = SIZE + 2 * EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12" role="img" '
        f'aria-label="Reliability curves of tracewell.resolution">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *_grid(),
    ]
    for place, (name, scored) in enumerate(curves.items()):
        parts += _curve(name, scored, COLOURS[place % len(COLOURS)], place)
    return "\n".join([*parts, "</svg>\n"])


def _grid() -> list[str]:
    parts = []
    for step in range(0, 11, 2):
        at = step / 10
        x, y = _x(at), _y(at)
        parts += [
            f'<path d="M{x:.1f} {_y(0):.1f}V{_y(1):.1f}M{_x(0):.1f} {y:.1f}H{_x(1):.1f}" '
            'stroke="#dddddd" fill="none"/>',
            f'<text x="{x:.1f}" y="{_y(0) + 18:.1f}" text-anchor="middle">{at:.1f}</text>',
            f'<text x="{_x(0) - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">{at:.1f}</text>',
        ]
    middle = EDGE + SIZE / 2
    return [
        *parts,
        f'<path d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}" stroke="#888888" stroke-dasharray="5 4"/>',
        f'<text x="{middle}" y="{SIZE + 2 * EDGE - 8}" text-anchor="middle">predicted</text>',
        f'<text x="14" y="{middle}" text-anchor="middle" '
        f'transform="rotate(-90 14 {middle})">true</text>',
    ]


def _curve(name: str, scored: Sequence[tuple[float, bool]], colour: str, place: int) -> list[str]:
    bins = reliability(scored)
    line = "L".join(f"{_x(b.mean):.1f} {_y(b.share):.1f}" for b in bins)
    dots = [
        f'<circle cx="{_x(b.mean):.1f}" cy="{_y(b.share):.1f}" '
        f'r="{2 + 8 * (b.count / len(scored)) ** 0.5:.1f}" fill="{colour}" fill-opacity="0.75"/>'
        for b in bins
    ]
    top = EDGE + 16 + place * 18
    label = f"{name}: error {calibration_error(scored):.3f} over {len(scored):,}"
    return [
        f'<path d="M{line}" stroke="{colour}" fill="none" stroke-width="1.6"/>',
        *dots,
        f'<rect x="{EDGE + 8}" y="{top - 9}" width="10" height="10" fill="{colour}"/>',
        f'<text x="{EDGE + 24}" y="{top}">{escape(label)}</text>',
    ]


def _x(value: float) -> float:
    return EDGE + value * SIZE


def _y(value: float) -> float:
    return EDGE + (1 - value) * SIZE
