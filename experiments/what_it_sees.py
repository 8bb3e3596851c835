"""What a student with eyes of its own sees of a plot: the pictures, and below
them what is left for its tower.

Reads: --tower, for the size of its pictures; the series are drawn fresh, one
of the pictures as dataset/ holds it, the others in random styles.
Writes: --out, a picture.
Run: python -m experiments.what_it_sees --out results/sees.png
"""

import os

import numpy as np

from llm_ts import cli, paths, records
from llm_ts.pairs import fresh
from llm_ts.series import plot, styles
from llm_ts.student import eyes, load

WIDE, HIGH, EDGE = 320, 190, 10  # pixels of a picture's place, and between two


def sheet_of(pictures, side):
    """PIL images -> one image: above each as it is, below it as a tower of so many pixels each way gets it."""
    from PIL import Image

    sheet = Image.new("RGB", (len(pictures) * (WIDE + EDGE) + EDGE, HIGH + side + 3 * EDGE), (200, 200, 200))
    for k, drawn in enumerate(pictures):
        left = EDGE + k * (WIDE + EDGE)
        seen = drawn.resize((side, side), Image.Resampling.LANCZOS)
        small = drawn.copy()
        small.thumbnail((WIDE, HIGH))
        sheet.paste(small, (left + (WIDE - small.width) // 2, EDGE + (HIGH - small.height) // 2))
        sheet.paste(seen, (left + (WIDE - side) // 2, HIGH + 2 * EDGE))
    return sheet


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--out", default="sees.png", help="The picture to write.")
    parser.add_argument("--count", type=cli.positive, default=4, help="How many plots to show.")
    parser.add_argument("--tower", default=os.path.join(paths.SHIPPED_SEES, load.TOWER), help="Whose pictures.")
    args = parser.parse_args(argv)
    side = eyes.side_of(eyes.read(args.tower))
    cli.print_settings(args)
    rows = list(fresh.Rows("validation", [(128, 128, args.count)]))
    drawn = [plot.picture(rows[0]["series"])]
    drawn += [styles.draw(row["series"], np.random.default_rng(k)) for k, row in enumerate(rows[1:], start=1)]
    with records.atomic(args.out) as temporary:
        sheet_of(drawn, side).save(temporary, "png")
    print(f"plots: {args.count}\nout: {args.out}")


if __name__ == "__main__":
    cli.run(main)
