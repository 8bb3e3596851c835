"""The user's desk: his files in, descriptions out. prepare.py makes a series ready, tell.py says the answer, draw.py draws it."""
