"""The user's desk: his files in, descriptions out.

prepare.py makes a series ready, shipped.py opens the student, tell.py says the answer, draw.py draws it; serve.py does all for a
page.
"""
