"""What a student with eyes of its own sees of a plot: the pictures, and below
them what is left for its tower.

Reads: nothing; the series are drawn fresh, one of the pictures as dataset/
holds it, the others in random styles.
Writes: --out, a picture.
Run: python -m experiments.what_it_sees --out results/sees.png
"""

import numpy as np

from llm_ts import cli, records
from llm_ts.pairs import fresh
from llm_ts.series import plot, styles
from llm_ts.student import eyes

WIDE, HIGH, EDGE = 320, 190, 10  # pixels of a picture's place, and between two


def sheet_of(pictures):
    """PIL images -> one image: above each as it is, below it as the tower gets it."""
    from PIL import Image

    sheet = Image.new("RGB", (len(pictures) * (WIDE + EDGE) + EDGE, HIGH + eyes.SIDE + 3 * EDGE), (200, 200, 200))
    for k, drawn in enumerate(pictures):
        left = EDGE + k * (WIDE + EDGE)
        seen = drawn.resize((eyes.SIDE, eyes.SIDE), Image.Resampling.LANCZOS)
        small = drawn.copy()
        small.thumbnail((WIDE, HIGH))
        sheet.paste(small, (left + (WIDE - small.width) // 2, EDGE + (HIGH - small.height) // 2))
        sheet.paste(seen, (left + (WIDE - eyes.SIDE) // 2, HIGH + 2 * EDGE))
    return sheet


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--out", default="sees.png", help="The picture to write.")
    parser.add_argument("--count", type=cli.positive, default=4, help="How many plots to show.")
    args = parser.parse_args(argv)
    cli.print_settings(args)
    rows = list(fresh.Rows("validation", [(128, 128, args.count)]))
    drawn = [plot.picture(rows[0]["series"])]
    drawn += [styles.draw(row["series"], np.random.default_rng(k)) for k, row in enumerate(rows[1:], start=1)]
    with records.atomic(args.out) as temporary:
        sheet_of(drawn).save(temporary, "png")
    print(f"plots: {args.count}\nout: {args.out}")


if __name__ == "__main__":
    cli.run(main)
