"""Read another program's picture of a series: any format that Pillow knows, made RGB on an opaque ground."""

import io
import math
import os
import warnings

from llm_ts.base import cli

LEAST = 32  # pixels of the shorter side
MOST = 50_000_000  # pixels: what unpacks to more is refused before it is unpacked


def read(source, path=None):
    """A picture's path, or its bytes with `path`, their name -> (PIL image in RGB, notes). UserError for no single picture.

    What is transparent is laid on white, or on black if what is drawn is light.
    """
    from PIL import Image

    path = path or source
    if isinstance(source, bytes):
        source = io.BytesIO(source)
    elif not os.path.exists(path):
        raise cli.UserError(f"no {path} here")
    elif not os.path.isfile(path):
        raise cli.UserError(f"{path} is no file: give a picture, PNG or JPEG")
    try:
        with warnings.catch_warnings():
            # MOST stands below Pillow's own limit
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(source) as image:
                width, height = image.size
                size = f"{path} has {width} x {height} pixels"
                if width * height > MOST:
                    raise cli.UserError(f"{size}: make it smaller ({MOST // 10**6} million at most)")
                if min(width, height) < LEAST:
                    raise cli.UserError(f"{size}: each side needs {LEAST} at least")
                if getattr(image, "n_frames", 1) > 1:
                    pictures = f"{image.n_frames} pictures (animated, or pages)"
                    raise cli.UserError(f"{path} has {pictures}: give one")
                image.load()
                opened, ground = _rgb(image, path)
    except cli.UserError:
        raise
    except Exception as error:  # Pillow raises many kinds for a bad file
        known = str(error) and "BytesIO" not in str(error)  # Pillow names what it was given, which is no name here
        reason = str(error).splitlines()[0][:120] if known else type(error).__name__
        give = "give PNG or JPEG"
        raise cli.UserError(f"{path} is no picture that can be read ({give}): {reason}") from None
    return opened, [f"the picture is transparent: it was laid on {ground}"] if ground else []


def _rgb(image, path):
    """(the image in RGB, the ground it was laid on or None)."""
    from PIL import Image, ImageStat

    if image.mode.startswith(("I", "F")):  # 16 and 32 bits: Pillow would cut them off at 255
        low, high = image.getextrema()
        if not math.isfinite(high - low):
            raise cli.UserError(f"{path} has pixels that are no finite numbers")
        image = image.point(lambda value: (value - low) * 255 / ((high - low) or 1)).convert("L")
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB"), None
    image = image.convert("RGBA")
    alpha = image.getchannel("A")
    if alpha.getextrema()[0] == 255:
        return image.convert("RGB"), None
    light = ImageStat.Stat(image.convert("L"), mask=alpha.point(lambda value: 255 * (value > 127))).mean[0] > 150
    ground = "black" if light else "white"
    return Image.alpha_composite(Image.new("RGBA", image.size, ground), image).convert("RGB"), ground
