"""A user's file -> its series. A file is accepted if this grammar understands every described cell.
Otherwise it is refused in one line: what was seen, where, which flag decides.

File     Text in UTF-8, UTF-16 with its mark, or Windows-1252 (said); .xlsx, of which hidden rows are
         left out (said); .parquet. Numbers and dates that a file types stay what they are. Refused:
         bytes of zero, formulas without values, cells merged over rows, two sheets (--sheet).
Table    One: rows of equally many cells, separated by ; tab | , or blanks (--separator). Lines that begin
         with # are skipped (said). Refused: a blank line between rows, decimal commas between commas.
Header   None or one line (--skip); a line of units may follow (said). R leaves the first name out.
Values   The only column of numbers that does not count evenly, or --column, --all-columns.
Number   All cells of a column have one decimal mark, one thousands separator, one unit or currency.
         Refused: 1.234 alone (--decimal; between commas it is 1.234, said); 3_5, <0.5, 12*, (12).
Missing  Empty, NA, NaN, null, n/a, . .. : and the words of --missing. Refused: "-" (0, or nothing?);
         99, -9999, or a value that comes again, far outside of the others (--missing).
Times    One column (--time), all in one shape: 2024-03-01, 01.03.2024 (--dates if two orders fit),
         1 Mar 2024, Mar 1, 2024, each with clock and zone; 2024-W09, 2024-03, 03/2024, Mar 2024,
         2024Q1, Q1 2024, Mar, 12:30; 20240301, 2024; or numbers, if the name says so or they rise
         evenly. Or columns that are one time together: year, month, day, hour, minute; date, clock.
         Months in English, German, French. Refused: other dates in digits, as 202352; ages, depths.
Order    Times rise; or fall, and are turned round (said). Refused: numbers that fall, times that go
         back and forth, one that stands twice (--where). The desk puts uneven steps on an even grid
         (said), and refuses a step over half of the whole (--from, --to).
Names    Without times, rows may have names, each another; their numbers rise. Refused: a last one
         called Total, Mean, ...; a last or first value that is the sum of the others.
Rows     --row turns the table, which is then read as above. So does a file of one row.

--time none takes the rows as they stand. One line says what was read: name, count, first and last
value with their times, and whatever was left out or decided.
"""
