"""The plot of a series, for the teacher and for students that see."""

from functools import lru_cache

import numpy as np

from llm_ts.base import disk



class Plotter:
    """Draws one plot after another on one canvas: axes and labels are drawn once, then only the line.

    For series of equal length; the y axis is the rescaled 0..99 that the model reads.
    """

    def __init__(self, points):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.canvas = FigureCanvasAgg(Figure(figsize=(6.4, 3.6), dpi=100, layout="constrained"))
        axes = self.canvas.figure.add_subplot()
        axes.set(xlim=(0, points - 1), ylim=(-3, 102), xlabel="time step", ylabel="value (rescaled to 0..99)")
        axes.grid(alpha=0.3)
        (self.line,) = axes.plot(range(points), [0] * points, color="tab:blue", linewidth=1.2, animated=True)
        self.canvas.draw()
        self.background = self.canvas.copy_from_bbox(self.canvas.figure.bbox)

    def picture(self, series):
        """n integers 0..99 -> their plot, a PIL image of 640 x 360 pixels in RGB."""
        from PIL import Image

        self.canvas.restore_region(self.background)
        self.line.set_ydata(series)
        self.line.axes.draw_artist(self.line)
        return Image.fromarray(np.asarray(self.canvas.buffer_rgba())[..., :3])

    def save(self, series, path):
        """Write the plot of n integers 0..99 as a PNG, whole or not at all."""
        with disk.atomic(path) as temporary:
            # few colours: a palette quarters the file, which travels to the teacher once per question
            self.picture(series).quantize(64).save(temporary, "png")


@lru_cache(maxsize=16)
def plotter(points):
    """The Plotter of a length, made once."""
    return Plotter(points)


def picture(series):
    """n integers 0..99 -> the plot that dataset/ holds of them, before its colours are counted (at most 64)."""
    return plotter(len(series)).picture(series)
