"""Files whose cells have types, .xlsx and .parquet -> tables of texts."""

import datetime
import io
import re
import warnings

from llm_ts import cli
from llm_ts.series.user.table import Table


def text_of(value):
    """A typed cell -> its text. A number is written so that its dot can only be a decimal mark: 1.234 -> "1.2340"."""
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        text = value.isoformat(*((" ",) if isinstance(value, datetime.datetime) else ()))
        return text.removesuffix(" 00:00:00")
    if isinstance(value, float):
        return (
            str(int(value))
            if value.is_integer() and abs(value) < 1e15
            else re.sub(r"^(-?\d{1,3}\.\d{3})$", r"\g<1>0", repr(float(value)))
        )
    return str(value).strip()


def read_excel(place, where, sheet, skip):
    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open(place, "rb") as file:
                sheets = pd.read_excel(
                    io.BytesIO(file.read()),
                    sheet_name=None,
                    header=None,
                    dtype=object,
                    engine="openpyxl",
                    na_values=[],
                    keep_default_na=False,
                )
    except Exception as error:  # openpyxl raises BadZipFile, KeyError, ValueError and others for what is no .xlsx
        raise cli.UserError(
            f"{where} is a packed file, but no .xlsx that can be read: save it as .xlsx or CSV ({type(error).__name__})"
        ) from None
    full = {name: frame for name, frame in sheets.items() if frame.size}
    if sheet and sheet not in full:
        raise cli.UserError(f"{where} has no sheet {sheet!r} with cells: it has {', '.join(full) or 'none'}")
    if not full:
        raise cli.UserError(f"{where} is empty: no sheet has a cell")
    if not sheet and len(full) > 1:
        raise cli.UserError(f"{where} has {len(full)} sheets: give --sheet, one of {', '.join(full)}")
    frame = full[sheet or next(iter(full))]
    texts = frame.map(text_of).astype("str").iloc[skip:].reset_index(drop=True)
    texts.columns = range(texts.shape[1])
    return _whole(where, texts, skip + 1)


def read_parquet(place, where):
    import pandas as pd

    try:
        frame = pd.read_parquet(place)
    except Exception as error:  # pyarrow's errors have no common ancestor of their own
        raise cli.UserError(f"{where} cannot be read as parquet: {' '.join(str(error).split())[:150]}") from None
    if frame.index.name or not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    texts = pd.DataFrame({place: _typed_texts(frame[name]) for place, name in enumerate(frame.columns)})
    return _whole(where, texts, 1, [str(name) for name in frame.columns])


def _typed_texts(column):
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column):
        return column.astype("str").fillna("").replace("NaT", "")
    return column.astype(object).map(text_of).astype("str")


def _whole(where, texts, line, names=None):
    def cells(columns=None, rows=None):
        return texts.iloc[:rows] if columns is None else texts.loc[:, columns].iloc[:rows]

    return Table(where, cells, "", line, names=names)
