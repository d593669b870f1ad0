import pytest

from mailrail.model import Reply
from mailrail.smtp import Offer, Offers
from mailrail.smtp.extensions import Extensions, parse_extensions


def parse(*lines: str) -> Extensions:
    return parse_extensions(Reply(250, "", "\n".join(["mx.example greets", *lines])))


def test_the_first_line_offers_nothing() -> None:
    assert parse_extensions(Reply(250, "", "PIPELINING")) == Extensions()


def test_every_offer_is_seen_in_any_case() -> None:
    offered = parse(
        "pipelining", "SIZE 1000", "8BITMIME", "SMTPUTF8", "Chunking", "BINARYMIME", "DSN", "STARTTLS",
        "ENHANCEDSTATUSCODES", "REQUIRETLS",
    )  # fmt: skip
    assert all(
        (
            offered.has_pipelining, offered.has_size, offered.has_8bitmime, offered.has_smtputf8,
            offered.has_chunking, offered.has_binarymime, offered.has_dsn, offered.has_starttls,
            offered.has_enhanced, offered.has_requiretls,
        )
    )  # fmt: skip


def test_nothing_is_offered_by_silence() -> None:
    offered = Extensions()
    assert not any(
        (
            offered.has_pipelining, offered.has_size, offered.has_8bitmime, offered.has_smtputf8,
            offered.has_chunking, offered.has_binarymime, offered.has_dsn, offered.has_starttls,
            offered.has_enhanced, offered.has_requiretls,
        )
    )  # fmt: skip


def test_binarymime_without_chunking_is_worth_nothing() -> None:
    assert not parse("BINARYMIME").has_binarymime


@pytest.mark.parametrize(
    ("line", "size_bytes"),
    [
        ("SIZE 1000", 1000),
        ("SIZE 0", None),
        ("SIZE", None),
        ("SIZE big", None),
        ("SIZE ²", None),
        ("SIZE " + "9" * 21, None),
    ],
)
def test_a_size_that_is_no_bound_is_none(line: str, size_bytes: int | None) -> None:
    offered = parse(line)
    assert offered.has_size
    assert offered.size_bytes == size_bytes


def test_mechanisms_keep_their_order_and_the_old_form_counts() -> None:
    assert parse("AUTH LOGIN plain", "AUTH=PLAIN XOAUTH2").auth == ("LOGIN", "PLAIN", "XOAUTH2")


def test_limits_are_read_and_bad_ones_passed_over() -> None:
    offered = parse("LIMITS MAILMAX=5 RCPTMAX=20 RCPTDOMAINMAX=0 NEW=1 RCPTMAX=x MAILMAX=1234567 =")
    assert (offered.mail_max, offered.rcpt_max, offered.rcpt_domain_max) == (5, 20, None)


@pytest.mark.parametrize(
    ("line", "least_s"),
    [
        ("DELIVERBY", 0),
        ("DELIVERBY 240", 240),
        ("DELIVERBY 240,FUTURE", 240),
        ("DELIVERBY ,FUTURE", 0),
        ("DELIVERBY -1", 0),
        ("DELIVERBY 1234567890", 0),
    ],
)
def test_the_shortest_time_to_deliver_in_is_read(line: str, least_s: int) -> None:
    """RFC 2852 §2."""
    offered = parse(line)
    assert "DELIVERBY" in offered.keywords
    assert offered.deliver_by_s == least_s


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("FUTURERELEASE 3600 2026-12-01T00:00:00Z", (3600, 1_796_083_200_000_000)),
        ("FUTURERELEASE", (0, 0)),
        ("FUTURERELEASE 3600", (0, 0)),
        ("FUTURERELEASE x 2026-12-01T00:00:00Z", (0, 1_796_083_200_000_000)),
        ("FUTURERELEASE 3600 tomorrow", (0, 0)),
        ("FUTURERELEASE 3600 2026-12-01T00:00:00Z more", (0, 0)),
    ],
)
def test_how_long_a_message_is_kept_back_is_read(line: str, found: tuple[int, int]) -> None:
    """RFC 4865 §3."""
    offered = parse(line)
    assert "FUTURERELEASE" in offered.keywords
    assert (offered.hold_most_s, offered.hold_latest_us) == found


def test_garbage_lines_are_passed_over() -> None:
    assert parse("", "   ", "-x", "\u00e4", "DSN", "?" * 500).keywords == {"DSN"}


def test_what_we_offer_reads_back_and_no_limit_has_more_digits_than_the_rfc_allows() -> None:
    offers = Offers.of(Offer("mx.example", size_bytes=70_000, recipients=500, messages=10**9))
    offered = parse_extensions(offers.in_clear)
    assert (offered.size_bytes, offered.rcpt_max, offered.mail_max) == (70_000, 500, 999_999)
    assert offered.keywords == offers.keywords_in_clear


@pytest.mark.parametrize(("of_strangers", "offered"), [(None, 500), (100, 100), (900, 500)])
@pytest.mark.parametrize("is_tls", [False, True])
def test_strangers_are_offered_fewer_messages_never_more(
    of_strangers: int | None, offered: int, is_tls: bool
) -> None:
    offer = Offer("mx.example", 70_000, 500, 500, has_tls=True, messages_of_strangers=of_strangers)
    offers = Offers.of(offer)
    to_stranger = parse_extensions(offers.hello(is_tls=is_tls, is_stranger=True))
    to_friend = parse_extensions(offers.hello(is_tls=is_tls, is_stranger=False))
    assert (to_stranger.mail_max, to_friend.mail_max) == (offered, 500)
    assert to_stranger.keywords == to_friend.keywords
    assert ("STARTTLS" in to_stranger.keywords) is not is_tls
