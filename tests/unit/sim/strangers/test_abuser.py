"""The abusive client: whatever it tries, a mailrail beside it goes on, and nothing is smuggled in."""

from pathlib import Path

import pytest
from tests.acceptance.house import BOB, MX, House, live

from mailrail.sim import seeded
from mailrail.sim.strangers import SMUGGLED, Abuse, Abuser


@pytest.mark.parametrize("kind", list(Abuse))
def test_mail_of_others_passes_while_it_is_abused(tmp_path: Path, kind: Abuse) -> None:
    async def scenario(house: House) -> None:
        abuser = Abuser(house.network, (MX,), BOB, seeded(), "203.0.113.66")
        for _ in range(8):
            await abuser.abuse(kind)
        client = await house.client()
        assert (await client.give(BOB)).startswith("250")
        await house.until(lambda: any(b"A line.\r\n" in content for content in house.hop.contents))

    house = live(tmp_path, scenario, in_memory=True)
    assert not any(SMUGGLED in line for line in house.hop.heard)
