"""The whole check-up."""

from pathlib import Path

from tests.unit.doctor.ward import checkup

from mailrail.doctor import CHECKS, Level, settings_result


def test_every_check_is_done_in_order(tmp_path: Path) -> None:
    results = checkup(tmp_path)
    assert [result.check for result in results] == list(CHECKS)
    assert all(result.findings for result in results)
    assert not all(result.is_good for result in results), "the next hop is not there"


def test_whatever_is_bad_says_why_and_how_to_mend_it(tmp_path: Path) -> None:
    for how in ({"is_down": True}, {"broken": {"example.org", "mx1.example.org"}}, {"own": ["10.0.0.1"]}):
        for result in checkup(tmp_path, **how):
            for finding in result.findings:
                if finding.level in (Level.WARNING, Level.ERROR):
                    assert finding.why, finding
                    assert finding.mend, finding


def test_with_a_silent_resolver_the_dns_is_not_asked_again_and_again(tmp_path: Path) -> None:
    results = {result.check: result.findings for result in checkup(tmp_path, is_down=True)}
    assert results["resolver"][0].level is Level.ERROR
    assert results["mx"][0].what == "not checked: no resolver answers"
    (alone,) = checkup(tmp_path, ["mx"], is_down=True)
    assert alone.findings[0].level is Level.ERROR


def test_a_broken_zone_is_a_warning_of_its_check(tmp_path: Path) -> None:
    (result,) = checkup(tmp_path, ["mx"], broken={"example.org"})
    assert "example.org could not be looked up" in result.findings[0].what


def test_bad_settings_are_findings_with_place_and_mend(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text('hostname = "mx1.example.org"\nrelay.networsk = []\n')
    settings, result = settings_result(file)
    assert settings is None
    assert result is not None
    assert "relay.networsk" in result.findings[0].what
    assert f"{file}:2" in result.findings[0].why
    assert result.findings[0].mend
    assert settings_result(tmp_path / "none.toml")[0] is None
