"""Both roads of a carrier, for tests that say what comes of a try and not how."""

import asyncio
from collections.abc import Callable

import pytest

from mailrail.delivery import SmtpCarrier
from mailrail.delivery.parcel import Parcel
from mailrail.model import Attempt


@pytest.fixture(params=["the long road", "the short road where it leads"])
def road(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `carry` go the long road only, and then as a lane of the queue goes: by the short one first."""
    carry = SmtpCarrier.carry

    async def carry_as_a_lane(
        self: SmtpCarrier, parcel: Parcel, ahead: Callable[[], Parcel | None] | None = None
    ) -> Attempt:
        came = asyncio.Event()
        if self.try_begin(parcel, ahead, came.set):
            assert not came.is_set(), "it is told from the loop"
            await came.wait()
            if (attempt := self.attempt()) is not None:
                return attempt
        return await carry(self, parcel, ahead)

    if request.param != "the long road":
        monkeypatch.setattr(SmtpCarrier, "carry", carry_as_a_lane)
