"""Whatever stands in main.cf and master.cf: settings that mean something, and a word on every line."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.migrate.house import imported
from tests.unit.migrate.house import settings as read

from mailrail.config import complaint
from mailrail.migrate import defaults
from mailrail.migrate.lore import lore_of

# Words that mean something somewhere, put where they may mean nothing.
WORDS = """
yes no 0 5 -1 99999999999 1h 5d hash:/etc/postfix/x static:all static:{a:b} pcre:/x mysql:/y.cf pgsql:/y.cf
inline:{a=b,{c.example=smtp:[1.2.3.4]}} unionmap:{hash:/a,inline:{x=y}} proxy:unix:passwd.byname a.example *.a.example
.b.example ü.example [a.example]:587 [::1]:25 a.example:99999 [bad smtp:[1.2.3.4]:25 lmtp:unix:private/x lmtp:inet:h:24
error:5.1.1 error:9.9.9 discard: local: pipe: :: 10.0.0.0/8 !10.0.0.1 300.1.1.1/99 ::1 all loopback-only $myhostname
${a?{b}:{c}} ${a $$ $ permit_mynetworks permit_sasl_authenticated reject reject_rbl_client check_client_access encrypt may
verify dane none >=TLSv1.2 !TLSv1 TLSv1.3 /etc/x.pem /usr/bin/x $USER {y} Maildir/ ../../x a'b"c\\ + @ user@host.example { }
"""
COMMANDS = (
    "smtpd",
    "postscreen",
    "smtpd -o smtpd_sasl_auth_enable=yes",
    "smtpd -o smtpd_tls_wrappermode=yes -o { mynetworks = 1.2.3.4 }",
    "pipe flags=R user=a:b argv=/bin/x ${sender} {z}",
    "pipe",
    "smtp -o smtp_tls_security_level=encrypt",
    "weird",
)
SERVICES = (
    "smtp inet",
    "25 inet",
    "[::1]:25 inet",
    "h:25 inet",
    "submission inet",
    "smtpd pass",
    "pipe unix",
    "local unix",
    ":: inet",
)

# Half of them those that something is decided about.
decided = st.sampled_from([name for name in defaults() if lore_of(name) is None and name != "myhostname"])
lines = st.tuples(
    decided | st.sampled_from(sorted(defaults())),
    st.lists(st.sampled_from(WORDS.split()), max_size=3).map(" ".join),
)
rows = st.tuples(st.sampled_from(SERVICES), st.sampled_from(COMMANDS))


@settings(max_examples=100, deadline=None)
@given(main=st.lists(lines, max_size=12), master=st.lists(rows, max_size=4))
def test_any_configuration_becomes_settings_that_mean_something(
    main: list[tuple[str, str]], master: list[tuple[str, str]]
) -> None:
    text = "".join(f"{name} = {value}\n" for name, value in main if name != "myhostname")
    result = imported(text, "".join(f"{row} n - n - - {command}\n" for row, command in master))
    assert complaint(read(result)) == ""
    told = {entry.subject.name for entry in result.report.entries}
    assert {name for name, _ in main if name != "myhostname"} <= told
