"""What the stages share. Rooms from the ground up: each imports those before it alone (tests/test_rooms.py).

`from llm_ts import describe` is for notebooks: desk/api.py.
"""


def __getattr__(name):
    if name == "describe":
        from llm_ts.desk.api import describe

        return describe
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
