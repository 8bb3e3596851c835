"""A user's file -> its series. A file is accepted if this grammar understands every cell that is used.

Everything else is refused in one line: what was seen, on which line, and the flag that decides. What
has two readings is refused with both. Whatever was left out or repaired is said in the line of what
was read. cells.py opens the file, layout.py finds the table, read.py chooses; how numbers and times
are written is told in ../spelling.

File      Text in UTF-8, UTF-16 or Windows-1252, .xlsx (what its sheet shows: hidden rows and columns are
          left out, said), .parquet. It is opened once; numbers and dates that it types stay what they
          are. Refused: other codes, bytes of zero, formulas without values, two sheets (--sheet).
Table     One: rows of equally many cells, parted by one sign, that by which most columns are understood
          and no cell holds another. Refused: a row with more or fewer cells, a comma that may be a
          decimal comma (--separator), an open quotation mark, a blank column between two tables (--time
          with --column), a blank line between rows without times.
Header    None, one line, or two whose names are joined; a line of units may follow. It stands where texts
          stand above times or numbers. Titles and comments (#) above it are left out, said; so are
          comments, lines of dashes and the same header between the rows. R may leave the name of the
          first column out. Refused: years that may be names or numbers (--skip).
Values    The only column of numbers, those left aside that count, name or say which series a row belongs
          to. Refused: two (--column, --all-columns), or one that counts evenly beside texts.
Number    All cells of a column have one spelling: one decimal mark, one sign between thousands, one unit
          or currency, or what the file types. (12) and 12- are below 0, 12.3* has a mark; both are said.
          Refused: 1.234 alone (--decimal; between commas it is 1.234, said), two units, 5 CR, <0.5, 3_5.
Missing   Empty cells, NA, n/a, #N/A, .., : and the like; -99.. far outside of the others is taken as
          missing, said. Refused: "-" (nothing, or 0?), 99, 127 and any number that comes again far
          outside of the others (--missing). How many values are 0 is said: nobody knows what they are.
Times     One column, or several that are one time together (year, month, day; date, clock). All cells
          have one shape (grammar.toml); 01/02/2024 or 202401 are decided by the reading that alone goes
          one way, or alone in even steps, else refused (--dates). Numbers are times if they only rise
          or fall and their column says so, or if they rise evenly. Refused: columns of times of
          different orders, ages and depths (--time), texts like times that are none of these shapes.
Order     Times rise; or fall, and are turned round, said. Shuffled even steps are sorted, said. Refused:
          times that go back and forth, as a clock that is set back; a time that stands twice (--where);
          a step longer than half of the whole, as a clock that was set (--from, --to). Other uneven
          steps are put on an even grid, said. --time none takes the rows as they stand, said if another
          column falls.
Names     Without times, texts may name the rows, each row another. Refused: names that repeat or fall.
Totals    A last row called Total, Mean and the like, one without a time that is the sum of the others,
          and remarks below the table are left out, said. Refused: any other row without a time; values
          that are sums of the rows beside them.
Rows      Names of columns that are times or count, or a table wider than high: the series stand in rows.
          Refused without --row; with it the table is turned and read as above.
"""
