"""A drawing as PNG at 288 dots an inch, by Pillow, which torchvision brings along."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from .shapes import Area, Dot, Drawing, Label, Lines, Point, Shade, Shape

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

SCALE = 3
"""Pixels of the file to one of the drawing."""
FINER = 2
"""It is drawn so many times larger, and made smaller by averaging: Pillow's own lines have steps."""
FONT_SIZE = 12


def png_of(drawing: Drawing) -> bytes:
    """The whole file, on white."""
    from PIL import Image, ImageDraw  # takes 50 ms to load, which a page does without

    finer = SCALE * FINER
    image = Image.new("RGB", (drawing.width * finer, drawing.height * finer), "white")
    for shape in drawing.shapes:
        if isinstance(shape, Shade):
            image = _shaded(image, shape, finer)
        elif isinstance(shape, Label):
            _write(image, shape, drawing.ink, finer)
        else:
            _draw(ImageDraw.Draw(image), shape, lambda point: (point[0] * finer, point[1] * finer), finer)
    small = image.resize((drawing.width * SCALE, drawing.height * SCALE), Image.Resampling.BOX)
    held = io.BytesIO()
    small.save(held, "PNG", dpi=(96 * SCALE, 96 * SCALE), optimize=True)
    return held.getvalue()


def _draw(canvas: ImageDraw, shape: Shape, place: Callable[[Point], Point], finer: int) -> None:
    match shape:
        case Lines(through, colour, width):
            for points in through:
                canvas.line([place(point) for point in points], fill=colour, width=round(width * finer))
        case Area(corners, colour):
            canvas.polygon([place(point) for point in corners], fill=colour)
        case Dot((x, y), radius, colour):
            canvas.ellipse([place((x - radius, y - radius)), place((x + radius, y + radius))], fill=colour)


def _shaded(image: Image, shade: Shade, finer: int) -> Image:
    from PIL import Image as images

    (x, y), blended = shade.corner, image.copy()
    corners = (x, y, x + shade.width, y + shade.height)
    box = tuple(round(value * finer) for value in corners)
    blended.paste(shade.colour, (box[0], box[1], box[2], box[3]))
    return images.blend(image, blended, shade.opacity)


def _write(image: Image, label: Label, ink: str, finer: int) -> None:
    """The text on a strip of its own, which is turned where the label is, and laid upon the image."""
    from PIL import Image as images
    from PIL import ImageDraw

    font = _font(FONT_SIZE * finer)
    length, above = round(font.getlength(label.text)), FONT_SIZE * finer
    strip = images.new("L", (max(1, length), 2 * above))
    ImageDraw.Draw(strip).text((0, above), label.text, fill=255, font=font, anchor="ls")
    before = {"start": 0, "middle": length // 2, "end": length}[label.anchor]
    x, y = round(label.at[0] * finer), round(label.at[1] * finer)
    if label.turned:
        strip = strip.transpose(images.Transpose.ROTATE_90)
        corner = (x - above, y - (length - before))
    else:
        corner = (x - before, y - above)
    image.paste(images.new("RGB", strip.size, ink), corner, strip)


@cache
def _font(size: int) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)
