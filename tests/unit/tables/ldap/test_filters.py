"""Filters as RFC 4515 writes them become the octets of RFC 4511, and a hole is filled with a value and nothing else."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailrail.model import SettingsError
from mailrail.tables.ldap import SearchFilter, escape_value
from mailrail.tables.ldap import ber as b

KNOWN = ("key", "local_part", "domain")


def octets(text: str, **holes: str) -> bytes:
    return SearchFilter(text, KNOWN).write(holes)


def equal(name: str, value: bytes, tag: int = 0xA3) -> bytes:
    return b.element(tag, b.text(name), b.element(b.OCTETS, value))


# The examples of RFC 4515 §4, and what they are in the grammar of RFC 4511 §4.5.1.7.
CASES: Mapping[str, bytes] = {
    "(cn=Babs Jensen)": equal("cn", b"Babs Jensen"),
    "(!(cn=Tim Howes))": b.element(0xA2, equal("cn", b"Tim Howes")),
    "(&(objectClass=Person)(|(sn=Jensen)(cn=Babs J*)))": b.element(
        0xA0,
        equal("objectClass", b"Person"),
        b.element(
            0xA1,
            equal("sn", b"Jensen"),
            b.element(0xA4, b.text("cn"), b.element(b.SEQUENCE, b.element(0x80, b"Babs J"))),
        ),
    ),
    "(o=univ*of*mich*)": b.element(
        0xA4,
        b.text("o"),
        b.element(b.SEQUENCE, b.element(0x80, b"univ"), b.element(0x81, b"of"), b.element(0x81, b"mich")),
    ),
    "(o=*end)": b.element(0xA4, b.text("o"), b.element(b.SEQUENCE, b.element(0x82, b"end"))),
    "(seeAlso=)": equal("seeAlso", b""),
    "(seeAlso=*)": b.text("seeAlso", 0x87),
    "(cn:caseExactMatch:=Fred Flintstone)": b.element(
        0xA9, b.text("caseExactMatch", 0x81), b.text("cn", 0x82), b.text("Fred Flintstone", 0x83)
    ),
    "(cn:=Betty Rubble)": b.element(0xA9, b.text("cn", 0x82), b.text("Betty Rubble", 0x83)),
    "(sn:dn:2.4.6.8.10:=Barney Rubble)": b.element(
        0xA9,
        b.text("2.4.6.8.10", 0x81),
        b.text("sn", 0x82),
        b.text("Barney Rubble", 0x83),
        b.boolean(True, 0x84),
    ),
    "(:1.2.3:=Wilma Flintstone)": b.element(0xA9, b.text("1.2.3", 0x81), b.text("Wilma Flintstone", 0x83)),
    r"(o=Parens R Us \28for all your parenthetical needs\29)": equal(
        "o", b"Parens R Us (for all your parenthetical needs)"
    ),
    r"(cn=*\2A*)": b.element(0xA4, b.text("cn"), b.element(b.SEQUENCE, b.element(0x81, b"*"))),
    r"(bin=\00\00\00\04)": equal("bin", b"\0\0\0\4"),
    r"(sn=Lu\c4\8di\c4\87)": equal("sn", "Lučić".encode()),
    "(age>=5)": equal("age", b"5", 0xA5),
    "(age<=5)": equal("age", b"5", 0xA6),
    "(sn~=jensen)": equal("sn", b"jensen", 0xA8),
}


@pytest.mark.parametrize("text", CASES)
def test_the_examples_of_the_standard_are_written(text: str) -> None:
    assert octets(text) == CASES[text]


@given(st.text())
def test_what_fills_a_hole_is_one_value_whatever_signs_are_in_it_a74(said: str) -> None:
    """A74: LDAP escaping."""
    value = said.encode("utf-8", "replace")
    assert octets("(|(mail=x-{key})(uid={key}))", key=said) == b.element(
        0xA1, equal("mail", b"x-" + value), equal("uid", value)
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", r"has no \( where one must be, at character 1"),
        ("cn=x", r"has no \( where"),
        ("(cn=x", r"has no \) where one must be, at character 6"),
        ("(cn=x))", "goes on behind its end, at character 7"),
        ("(&)", r"has no \( where"),
        ("(!(a=b)(c=d))", r"has no \) where"),
        ("(=x)", "has no attribute=value"),
        ("(cn)", "has no attribute=value"),
        (r"(cn=\zz)", "without two hexadecimal digits"),
        ("(cn>=a*)", r"has a \* where none can be"),
        ("(cn=a**b)", r"has two \* side by side"),
        ("(cn=**)", r"has two \* side by side"),
        ("(cn:dn=x)", "has a rule with a sign that is not :="),
        ("(cn={user})", r"has \{user\} in it; known is \{key\}, \{local_part\}, \{domain\}"),
        ("(!" * 30 + "(a=b)" + ")" * 30, "is nested too deeply"),
    ],
)
def test_what_is_no_filter_is_told_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        SearchFilter(text, KNOWN)


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ('James "Jim" Smith, III', r"James \22Jim\22 Smith\2c III"),
        ("Before\rAfter", r"Before\0dAfter"),
        ("a+b=c;<d>\\", r"a\2bb\3dc\3b\3cd\3e\5c"),
        ("#a#", r"\23a#"),
        (" a ", r"\20a\20"),
        ("Lučić", "Lučić"),
        ("\0", r"\00"),
    ],
)
def test_a_value_in_a_dn_is_escaped_as_rfc_4514_has_it_a74(value: str, escaped: str) -> None:
    assert escape_value(value) == escaped
