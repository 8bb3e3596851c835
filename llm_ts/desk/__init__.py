"""Parts of describe.py: files in, text out.

clean.py chooses and fills a series, prepare.py asks about it, shipped.py opens the student, tell.py says the answer, draw.py
draws it; serve.py does all for a page.
"""
