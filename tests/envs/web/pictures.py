"""PNG files as something that can be looked at."""

from __future__ import annotations

import io

from PIL import Image


def picture(png: bytes) -> Image.Image:
    """The decoded picture; raises where the file is no whole PNG."""
    found = Image.open(io.BytesIO(png), formats=["PNG"])
    found.load()
    return found
