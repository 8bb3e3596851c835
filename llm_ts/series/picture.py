"""Reading a picture of a series that somebody else made: any format that Pillow knows, made RGB on an opaque ground."""

import math
import os
import warnings

from llm_ts import cli

LEAST = 32  # pixels of the shorter side
MOST = 50_000_000  # pixels: what unpacks to more is refused before it is unpacked


def read(path):
    """A picture file -> (PIL image in RGB, notes for the user). UserError in one line for what is no single picture.

    What is transparent is laid on white, or on black where what is drawn is light. What a camera marked as sideways is
    turned.
    """
    from PIL import Image, ImageOps

    if not os.path.exists(path):
        raise cli.UserError(f"no {path} here")
    if not os.path.isfile(path):
        raise cli.UserError(f"{path} is no file: give a picture, PNG or JPEG")
    notes = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # MOST stands below Pillow's own limit
            with Image.open(path) as image:
                width, height = image.size
                if width * height > MOST:
                    raise cli.UserError(f"{path} has {width} x {height} pixels: make it smaller ({MOST // 10**6} million at most)")
                if min(width, height) < LEAST:
                    raise cli.UserError(f"{path} has {width} x {height} pixels: {LEAST} each way are the least")
                if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:  # MPO: a telephone's JPEG with its preview
                    raise cli.UserError(f"{path} has {image.n_frames} pictures (animated, or pages): give one")
                opened = ImageOps.exif_transpose(image)
                opened.load()
    except Image.DecompressionBombError:  # Pillow's own limit, by the size that the file states
        raise cli.UserError(f"{path} has more than {MOST // 10**6} million pixels: make it smaller") from None
    except cli.UserError:
        raise
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error and others for a bad file
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise cli.UserError(f"{path} is no picture that can be read (give PNG or JPEG): {reason}") from None
    if opened.size != (width, height):
        notes.append("the picture says that it lies on its side: it was turned")
    if opened.height > opened.width:
        notes.append("the picture is higher than wide: if it lies on its side, turn it")
    image, ground = _rgb(opened, path)
    if ground:
        notes.append(f"the picture is transparent: it was laid on {ground}")
    return image, notes


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
