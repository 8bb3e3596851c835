"""A user's file -> its series. A file is accepted if this grammar understands every cell of it that is
described. Whatever else is met is refused in one line: what was seen, where, and the flag that decides.

File      Text in UTF-8, UTF-16 with its mark or Windows-1252 (said); .xlsx, of which hidden rows are
          left out (said); .parquet. Numbers and dates that a file types stay what they are. Refused:
          bytes of zero, formulas without values, cells merged over rows, two sheets (--sheet).
Table     One: rows of equally many cells, parted by ; tab | , or blanks (--separator). Lines with # are
          skipped (said). Refused: a blank line between rows, a comma that may be a decimal comma.
Header    None or one line (--skip); a line of units may follow (said). Only R may leave out the first name.
Values    The only column of numbers that does not count evenly, or --column, --all-columns.
Number    One decimal mark, one sign of thousands, one unit or currency in all cells of a column, or what
          the file types. Refused: 1.234 alone (--decimal; between commas it is 1.234, said), 3_5, <0.5,
          12.3*, (12), 5 CR: mend them, or --missing.
Missing   Empty, NA, NaN, null, n/a, . .. : and the words of --missing. Refused: "-" (nothing, or 0?), and
          99, -9999 or a value that comes again far outside of the others (--missing).
Times     One column (--time) in one shape: 2024-03-01, 01.03.2024 (--dates if two orders fit), 1 Mar 2024,
          Mar 1, 2024, with clock and zone; 2024-W09, 2024-03, 03/2024, Mar 2024, 2024Q1, Q1 2024, Mar,
          12:30; 20240301 and 2024; or numbers in a column named as a time, or that rises evenly. Or
          columns that are one time together: year, month, day, hour, minute; date and clock or hour.
          Months are English, German or French. Refused: other digits like dates, as 202352; ages and
          depths; two columns of times.
Order     Times rise, or fall and are turned round (said); numbers that fall are refused. Refused too:
          times that go back and forth, and one that stands twice (--where). The desk puts uneven steps
          on an even grid (said), and refuses a step longer than half of the whole (--from, --to).
Names     Without times, the rows may have names: all different, with numbers that rise if they have any.
          Refused: a last one called Total, Mean, ...; a last value that is the sum of the others.
Rows      --row: the table is turned, and read as above. A file of one row is turned by itself.

--time none takes the rows as they stand. What was read is said in one line: name, count, first and last
value with their times, and each thing that was left out or decided.
"""
