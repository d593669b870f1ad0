"""What the settings of ACME refuse before anything is asked of an authority."""

from typing import Any

import pytest
from pydantic import ValidationError

from mailrail.acme import AcmeSettings


def test_without_names_nothing_is_fetched() -> None:
    assert not AcmeSettings().is_on


def test_names_are_kept_as_the_dns_spells_them() -> None:
    settings = AcmeSettings(domains=("MX.Example.ORG", "bücher.example"), agree_to_terms=True)
    assert settings.domains == ("mx.example.org", "xn--bcher-kva.example")
    assert settings.is_on


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"domains": ("a.example",)}, "agree_to_terms"),
        ({"domains": ("*.a.example",), "agree_to_terms": True}, "wildcard"),
        ({"domains": ("a.example",), "agree_to_terms": True, "challenge": "dns-01"}, "dns_hook"),
        ({"domains": ("[192.0.2.1]",), "agree_to_terms": True}, "certificates are for names"),
        ({"domains": ("not a name",), "agree_to_terms": True}, "host name"),
        ({"directory_url": "http://ca.example/dir"}, "pattern"),
        ({"http_address": "everywhere"}, "no port"),
    ],
)
def test_what_cannot_work_is_refused_with_words(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        AcmeSettings.model_validate(wrong)
