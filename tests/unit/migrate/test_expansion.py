"""Names in values, as postconf(5) explains them."""

import pytest

from mailrail.migrate.expansion import ExpansionError, expand, names_in

VALUES = {"a": "x", "empty": "", "b": "$a$a", "level": "3.10", "loop": "$loop"}


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("plain", "plain"),
        ("$a.$b", "x.xx"),
        ("${a}b $(a)b", "xb xb"),
        ("$unknown|", "|"),
        ("$$a", "$a"),
        ("${a?yes}${empty?yes}", "yes"),
        ("${a:no}${empty:no}", "no"),
        ("${a?{yes}:{no}} ${empty?{yes}:{no}}", "yes no"),
        ("${a?{$b}:{no}}", "xx"),
        ("${a ? { yes } : { no }}", "yes"),
        ("${empty:{${a}}}", "x"),
        ("${{$a} == {x} ? {same} : {other}}", "same"),
        ("${{$a} != {x} ? {same} : {other}}", "other"),
        ("${{10} > {9} ? {number} : {text}}", "number"),
        ("${{$level} <level {3.6} ? {old} : {new}}", "new"),
        ("${{$level} >=level {3.10} ? {new} : {old}}", "new"),
        ("${{a} < {b} ? {1} : {2}}${{a} >= {b} ? {1} : {2}}${{2} <= {2} ? {1} : {2}}", "121"),
        ("${stress?{10}:{300}}s", "300s"),
    ],
)
def test_a_value_is_what_postconf_says(text: str, meaning: str) -> None:
    assert expand(text, lambda name: VALUES.get(name, "")) == meaning


@pytest.mark.parametrize("text", ["$", "${a", "${}", "${a!b}", "${{a} ~ {b}?{c}}", "$loop", "100$ "])
def test_what_postfix_would_refuse_is_an_error(text: str) -> None:
    with pytest.raises(ExpansionError):
        expand(text, lambda name: VALUES.get(name, ""))


def test_the_names_in_a_value_are_found() -> None:
    assert names_in("$a ${b?{$c}} $(d)") == {"a", "b", "c", "d"}
