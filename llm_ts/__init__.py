"""What the stages share. Rooms from the ground up: each imports those before it alone (tests/test_rooms.py).

For notebooks: `from llm_ts import describe` (desk/api.py) and `from llm_ts import alt` (desk/alt.py).
"""


def __getattr__(name):
    if name == "describe":
        from llm_ts.desk.api import describe as found
    elif name == "alt":
        from llm_ts.desk.alt import alt as found
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return found
