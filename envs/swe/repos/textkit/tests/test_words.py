from textkit import camel_case, ordinal, plural, slugify, snake_case, split_words, title_case


def test_prose_is_split_at_everything_but_letters_and_digits():
    assert split_words("to be, or not--to be") == ["to", "be", "or", "not", "to", "be"]


def test_identifiers_are_split_at_capitals():
    assert split_words("parseReply") == ["parse", "Reply"]


def test_acronyms_stay_together():
    assert split_words("parseHTTPReply") == ["parse", "HTTP", "Reply"]
    assert split_words("HTTP") == ["HTTP"]


def test_numbers_are_words():
    assert split_words("utf8Text42") == ["utf", "8", "Text", "42"]


def test_nothing_has_no_words():
    assert split_words(" - ") == []


def test_snake_case():
    assert snake_case("parseHTTPReply") == "parse_http_reply"


def test_camel_case_begins_with_a_small_letter():
    assert camel_case("parse_http_REPLY") == "parseHttpReply"
    assert camel_case("parse_reply", upper=True) == "ParseReply"


def test_camel_case_of_nothing():
    assert camel_case("") == ""


def test_small_words_of_a_title_are_small_within_it():
    assert title_case("the lord OF the rings") == "The Lord of the Rings"


def test_last_word_of_a_title_has_a_capital():
    assert title_case("what to look for") == "What to Look For"
    assert title_case("of") == "Of"


def test_title_keeps_capitals_within_words():
    assert title_case("new macOS release") == "New MacOS Release"


def test_slug_has_hyphens_between_words():
    assert slugify("Hello,  World 2!") == "hello-world-2"


def test_slug_drops_accents_and_apostrophes():
    assert slugify("Crème d'été") == "creme-dete"


def test_slug_with_a_limit_keeps_whole_words():
    assert slugify("one two three", limit=7) == "one-two"
    assert slugify("one two three", limit=6) == "one"


def test_ordinals_of_small_numbers():
    assert [ordinal(number) for number in (0, 1, 2, 3, 4)] == ["0th", "1st", "2nd", "3rd", "4th"]


def test_ordinals_of_teens():
    assert [ordinal(number) for number in (11, 12, 13, 111)] == ["11th", "12th", "13th", "111th"]


def test_ordinals_of_large_and_negative_numbers():
    assert [ordinal(number) for number in (21, 102, -3, -11)] == ["21st", "102nd", "-3rd", "-11th"]


def test_plural_depends_on_the_ending():
    assert [plural(word) for word in ("cat", "box", "church", "city", "day")] == [
        "cats",
        "boxes",
        "churches",
        "cities",
        "days",
    ]


def test_plural_of_irregular_words():
    assert plural("child") == "children"


def test_one_is_singular():
    assert plural("city", 1) == "city"
    assert plural("city", -1) == "city"
    assert plural("city", 0) == "cities"
