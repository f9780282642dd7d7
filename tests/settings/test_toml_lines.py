"""TOML with line numbers."""

from pathlib import Path

import pytest

from phone_daemon.settings.toml_lines import Document, Key, NotToml, dotted, parse, read

SOURCE = '''# a comment = "not a key"
plain = 1
"quoted key".dotted = [
  "one",  # a comment ]
  """a
long one""", { inner = 1, list = [
    1,
    2,
  ] },
]

[table.sub] # the end
literal = 'C:\\no [escape] # here'
text = "an \\"escaped\\" ] quote"
triple = """ends in a quote\\""""
literal3 = \'\'\'
[not a table]
x = 1
\'\'\'
after = 1979-05-27T07:32:00Z
empty = {}
none = []

[[many]]
x = 1
[many.sub]
y = 2
[[many]]
x = 2.5
'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("plain",), 2),
        (("quoted key",), 3),
        (("quoted key", "dotted"), 3),
        (("quoted key", "dotted", 0), 4),
        (("quoted key", "dotted", 1), 5),
        (("quoted key", "dotted", 2), 6),
        (("quoted key", "dotted", 2, "inner"), 6),
        (("quoted key", "dotted", 2, "list", 1), 8),
        (("table", "sub"), 12),
        (("table", "sub", "literal"), 13),
        (("table", "sub", "triple"), 15),
        (("table", "sub", "literal3"), 16),
        (("table", "sub", "after"), 20),
        (("table", "sub", "none"), 22),
        (("many", 0), 24),
        (("many", 0, "x"), 25),
        (("many", 0, "sub", "y"), 27),
        (("many", 1, "x"), 29),
    ],
)
def test_every_value_knows_its_line(key: Key, line: int) -> None:
    assert parse(SOURCE, Path("f.toml")).line(key) == line


def test_a_value_that_is_not_there_has_the_line_of_what_is_around_it() -> None:
    document = parse(SOURCE, Path("f.toml"))
    assert document.line(("table", "sub", "absent", 3)) == 12
    assert document.line(("absent",)) == 1


def test_lines_are_counted_the_same_with_carriage_returns() -> None:
    document = parse(SOURCE.replace("\n", "\r\n"), Path("f.toml"))
    assert document.line(("many", 1, "x")) == 29


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "f.toml").write_bytes(b"\xef\xbb\xbfa = 1\r\n[b]\r\n")
    document = read(tmp_path / "f.toml")
    assert document.data == {"a": 1, "b": {}}
    assert document.line(("b",)) == 2


def _values(value: object, key: Key = ()) -> list[Key]:
    if isinstance(value, dict):
        return [key] + [found for name, each in value.items() for found in _values(each, (*key, name))]
    if isinstance(value, list):
        return [key] + [found for index, each in enumerate(value) for found in _values(each, (*key, index))]
    return [key]


@pytest.mark.parametrize("name", ["dialplans/dental_clinic.toml", "dialplans/parcel_line.toml", "pyproject.toml"])
def test_every_value_of_a_real_file_is_found_on_a_line_that_holds_it(name: str) -> None:
    path = Path(__file__).parents[2] / name
    text = path.read_text()
    document: Document = parse(text, path)
    lines = text.splitlines()
    for key in _values(document.data):
        if not key or (isinstance(document.data, dict) and key not in document.lines):
            # Only tables without a header ("tool" of "tool.ruff") have no line.
            assert not key or isinstance(_at(document.data, key), dict), key
            continue
        value = _at(document.data, key)
        line = lines[document.line(key) - 1]
        if isinstance(value, str) and "\n" not in value and "\\" not in value and '"' not in value:
            assert value in line, key
        elif isinstance(key[-1], str):
            assert key[-1] in line, key


def _at(data: object, key: Key) -> object:
    for part in key:
        data = data[part]  # type: ignore[index]
    return data


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = ", 'f.toml:1: not TOML: invalid value; a text stands in straight quotes ("…"), a list in [ ]'),
        ("a = yes", 'f.toml:1: not TOML: invalid value; a text stands in straight quotes ("…"), a list in [ ]'),
        ("a = 1\na = 2", "f.toml:2: not TOML: cannot overwrite a value; this key is there twice: take one out"),
        ('a = "never closed', "f.toml:1: not TOML: unterminated string; close the quotes"),
        (
            'a = "never closed\n',
            "f.toml:1: not TOML: illegal character '\\n'; close the quotes before the end of the line",
        ),
        (f"a = {'[' * 2000}", "f.toml: not TOML that can be read: lists or tables are nested too deeply"),
        ("\n\na = [1", "f.toml:3: not TOML: unclosed array; fix this line or the one before"),
    ],
)
def test_what_is_not_toml_is_told_in_one_line_with_its_number(text: str, line: str) -> None:
    with pytest.raises(NotToml) as caught:
        parse(text, Path("f.toml"))
    assert str(caught.value) == line


def test_a_path_is_written_as_it_would_be_in_the_file() -> None:
    assert dotted(("intents", "book", "say", 1)) == "intents.book.say[1]"
    assert dotted(("a b", "c")) == '"a b".c'
