import pytest

from textkit import Column, parse_markdown, render_markdown, render_plain

COLUMNS = [Column("name"), Column("n", "right"), Column("mark", "center")]


def test_plain_table():
    table = render_plain(COLUMNS, [["ann", 5, "x"], ["bo", 12, "xy"]])
    assert table.split("\n") == [
        "name   n  mark",
        "----  --  ----",
        "ann    5   x",
        "bo    12   xy",
    ]


def test_plain_table_without_rows():
    assert render_plain([Column("a"), Column("bb")], []) == "a  bb\n-  --"


def test_gap_between_columns():
    assert render_plain([Column("a"), Column("b")], [["x", "y"]], gap=1) == "a b\n- -\nx y"


def test_fixed_width_cuts_cells_and_titles():
    assert render_plain([Column("title", width=3)], [["abcdef"]]) == "tit\n---\nabc"


def test_missing_value_is_blank():
    assert render_plain([Column("a"), Column("b")], [[None, 0]]) == "a  b\n-  -\n   0"


def test_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="row 2 has 1 cells, not 2"):
        render_plain([Column("a"), Column("b")], [[1, 2], [3]])


def test_markdown_shows_the_alignment():
    assert render_markdown(COLUMNS, [["ann", 5, None]]).split("\n") == [
        "| name | n | mark |",
        "| --- | --: | :-: |",
        "| ann | 5 |  |",
    ]


def test_markdown_escapes_bars():
    assert render_markdown([Column("a")], [["x|y"]]).endswith("| x\\|y |")


def test_markdown_is_read_back():
    rows = [["ann|e", "5", ""], ["bo", "12", "x|"]]
    assert parse_markdown(render_markdown(COLUMNS, rows)) == (COLUMNS, rows)


def test_markdown_without_outer_bars():
    assert parse_markdown("a | b\n--|:--\n1 | 2") == ([Column("a"), Column("b")], [["1", "2"]])


def test_markdown_needs_a_line_of_dashes():
    with pytest.raises(ValueError, match="line of dashes"):
        parse_markdown("| a |\n| b |")
    with pytest.raises(ValueError, match="line of dashes"):
        parse_markdown("| a |")


def test_markdown_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="row 1"):
        parse_markdown("| a |\n|---|\n| 1 | 2 |")
