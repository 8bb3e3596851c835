"""What a student with eyes of its own sees of a plot: the pictures, below them
the line that was found in each, drawn as ours, and what is left for its tower.

Reads: --model, its finder, and its tower for the size of its pictures; the
series are drawn fresh, one of the pictures as dataset/ holds it, the others in
random styles.
Writes: --out, a picture.
Run: python -m experiments.what_it_sees --out results/sees.png
"""

import os

import numpy as np

from llm_ts import cli, disk, paths
from llm_ts.pairs import fresh
from llm_ts.series import plot, styles
from llm_ts.student import eyes, load

WIDE, HIGH, EDGE = 320, 190, 10  # pixels of a picture's place, and between two


def sheet_of(pictures, side):
    """[(picture, the same drawn as ours)], PIL images -> one image.

    Above each picture as it is, below it as ours, then as a tower of so many pixels each way gets that.
    """
    from PIL import Image

    sheet = Image.new("RGB", (len(pictures) * (WIDE + EDGE) + EDGE, 2 * HIGH + side + 4 * EDGE), (200, 200, 200))
    for k, (drawn, ours) in enumerate(pictures):
        left = EDGE + k * (WIDE + EDGE)
        for row, picture in enumerate((drawn, ours)):
            small = picture.copy()
            small.thumbnail((WIDE, HIGH))
            top = EDGE + row * (HIGH + EDGE)
            sheet.paste(small, (left + (WIDE - small.width) // 2, top + (HIGH - small.height) // 2))
        seen = ours.resize((side, side), Image.Resampling.LANCZOS)
        sheet.paste(seen, (left + (WIDE - side) // 2, 2 * HIGH + 3 * EDGE))
    return sheet


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--out", default="sees.png", help="The picture to write.")
    parser.add_argument("--count", type=cli.positive, default=4, help="How many plots to show.")
    parser.add_argument("--model", default=paths.SHIPPED_SEES, help="Folder of a student that sees, with tower and finder.")
    args = parser.parse_args(argv)
    side = eyes.side_of(eyes.read(os.path.join(args.model, load.TOWER)))
    from llm_ts.student import finder

    as_ours = finder.redrawer(args.model)
    if as_ours is None:
        raise cli.UserError(f"no {load.FINDER} in {args.model}: pretrain_finder.py makes one")
    cli.print_settings(args)
    rows = list(fresh.Rows("validation", [(128, 128, args.count)]))
    drawn = [plot.picture(rows[0]["series"])]
    drawn += [styles.draw(row["series"], np.random.default_rng(k)) for k, row in enumerate(rows[1:], start=1)]
    with disk.atomic(args.out) as temporary:
        sheet_of([(picture, as_ours(picture, 128)) for picture in drawn], side).save(temporary, "png")
    print(f"plots: {args.count}\nout: {args.out}")


if __name__ == "__main__":
    cli.run(main)
