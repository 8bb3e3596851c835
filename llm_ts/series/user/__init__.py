"""A user's file, whatever program wrote it -> series that can be described.

read.py is the owner: source.py (and separator.py, typed.py) make a table of texts, layout.py finds its header,
columns.py and kept_rows.py choose, numbers.py and times.py read the cells. grid.py puts a series in order and in equal steps.
"""
