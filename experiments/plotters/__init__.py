"""Programs that draw series, and are not ours: one program, one file.

A program is a module: draw(batch, folder) makes <k>.png of [(Plot, rng), ...] (plot.py) and returns the finished process, or
None; missing() says in one line what must be installed, None where it is there. To add one: write its file, and add it to
PROGRAMS in experiments/other_plots.py.
"""
