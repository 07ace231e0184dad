from parsing import Binary, Number, Variable, format_tree, parse


def formatted(text):
    return format_tree(parse(text))


def test_needless_parentheses_are_dropped():
    assert formatted("((a) + (b * c))") == "a + b * c"


def test_needed_parentheses_are_kept():
    assert formatted("(a + b) * c") == "(a + b) * c"
    assert formatted("a - (b - c)") == "a - (b - c)"
    assert formatted("(a - b) - c") == "a - b - c"


def test_parentheses_of_powers():
    assert formatted("(a ^ b) ^ c") == "(a ^ b) ^ c"
    assert formatted("a ^ (b ^ c)") == "a ^ b ^ c"
    assert formatted("(-a) ^ b") == "(-a) ^ b"
    assert formatted("-(a ^ b)") == "-a ^ b"


def test_parentheses_of_minus():
    assert formatted("-(a + b)") == "-(a + b)"
    assert formatted("-a * b") == "-a * b"
    assert formatted("a - -b") == "a - -b"


def test_parentheses_of_logic():
    assert formatted("not (a and b)") == "not (a and b)"
    assert formatted("not a == b") == "not a == b"
    assert formatted("(not a) == b") == "(not a) == b"


def test_parentheses_of_choices():
    assert formatted("(a ? b : c) + 1") == "(a ? b : c) + 1"
    assert formatted("(a ? b : c) ? d : e") == "(a ? b : c) ? d : e"
    assert formatted("a ? b : (c ? d : e)") == "a ? b : c ? d : e"


def test_calls():
    assert formatted("f( a,(b+1) )") == "f(a, b + 1)"


def test_without_spaces():
    assert format_tree(parse("f(a, b) + c and d"), spaces=False) == "f(a,b)+c and d"
    assert format_tree(parse("a ? b : not c"), spaces=False) == "a?b:not c"


def test_numbers():
    assert formatted("2.0 + 0.5 + 1e20") == "2 + 0.5 + 1e+20"


def test_negative_constants_are_enclosed():
    assert format_tree(Binary("^", Number(-2.0), Variable("a"))) == "(-2) ^ a"


def test_formatted_text_is_parsed_as_the_same_tree():
    for text in ("a - (b + c) * -d ^ 2", "not (a or b) and c < d", "x ? f(-1, y % 3) : (p ? q : r) / 2", "-(-a)"):
        tree = parse(text)
        assert parse(format_tree(tree)) == tree
        assert parse(format_tree(tree, spaces=False)) == tree
