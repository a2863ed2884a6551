"""A drawing as SVG, in fonts that every system has."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .shapes import Area, Dot, Drawing, Label, Lines, Point, Shade, Shape

FONT = "font-family='Helvetica, Arial, sans-serif' font-size='12'"


def svg_of(drawing: Drawing) -> str:
    """The whole file."""
    box = f"width='{drawing.width}' height='{drawing.height}' viewBox='0 0 {drawing.width} {drawing.height}'"
    inside = f"<title>{escape(drawing.title)}</title>\n" + "\n".join(map(_element, drawing.shapes))
    return f"<svg xmlns='http://www.w3.org/2000/svg' {box} role='img' {FONT} fill='{drawing.ink}'>\n{inside}\n</svg>\n"


def _element(shape: Shape) -> str:
    match shape:
        case Lines(through, colour, width):
            path = "".join(map(_path, through))
            return f"<path d='{path}' fill='none' stroke='{colour}' stroke-width='{width:g}'/>"
        case Area(corners, colour):
            return f"<path d='{_path(corners)}z' fill='{colour}'/>"
        case Dot((x, y), radius, colour):
            return f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{radius:g}' fill='{colour}'/>"
        case Shade((x, y), width, height, colour, opacity, meaning):
            box = f"x='{x:.1f}' y='{y:.1f}' width='{width:.1f}' height='{height:.1f}'"
            return f"<rect {box} fill='{colour}' fill-opacity='{opacity:g}'><title>{escape(meaning)}</title></rect>"
        case Label((x, y), text, anchor, turned):
            turn = f" transform='rotate(-90 {x:.1f} {y:.1f})'" if turned else ""
            return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}'{turn}>{escape(text)}</text>"


def _path(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
