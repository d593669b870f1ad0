"""Floor 5 · daemon — the keys of reverse-paths: made at the first start, shared by all workers, looked after, changed under way."""

import asyncio
from pathlib import Path

from mailrail.addresses import SigningKeys, keep_keys, new_secret, read_keys, write_keys
from mailrail.config import MailrailSettings
from mailrail.daemon.events import SigningKeysChanged, SigningKeysRefused
from mailrail.model import Clock, Rng, SettingsError, StoreError, StoreTrouble
from mailrail.observe import Bus


class Keyring:
    """The keys in force, as they are in *file*."""

    def __init__(self, file: Path, clock: Clock, rng: Rng, bus: Bus) -> None:
        self.file = file
        self._clock = clock
        self._rng = rng
        self._bus = bus
        self._keys: SigningKeys | None = None
        self._refused = ""

    def begin(self, settings: MailrailSettings) -> SigningKeys | None:
        """Return the keys in force; where there are none they are read, or one is made if *settings* have something to sign. Blocks.

        Raises:
            SettingsError: they can be neither read nor written.
        """
        if self._keys is not None:
            return self._keys
        signs = bool(settings.domain) and (settings.srs.rewrite or settings.batv.sign)
        self._keys = keep_keys(self.file, self._rng, self._clock.now_us()) if signs else read_keys(self.file)
        return self._keys

    async def look(self) -> SigningKeys | None:
        """Read the file again, and return the keys in force; what cannot be used is told and left."""
        if self._keys is None:  # whoever has nothing to sign has no file to look at
            return None
        loop = asyncio.get_running_loop()
        try:
            found, reason = await loop.run_in_executor(None, read_keys, self.file), ""
        except SettingsError as error:
            found, reason = None, str(error)
        if reason and reason != self._refused:
            self._bus.emit(SigningKeysRefused(reason=reason))
        self._refused = reason
        if found is not None:
            self._take(found)
        return self._keys

    async def rotate(self, keep_us: int) -> SigningKeys:
        """Add a key that signs in some minutes, and forget those that nothing can be signed by any more.

        Args:
            keep_us: how long something signed is good.

        Raises:
            SettingsError: there is nothing to sign.
            StoreError: it cannot be written.
        """
        await self.look()
        if self._keys is None:
            raise SettingsError(
                "nothing is signed here: there is neither a domain with srs.rewrite nor batv.sign"
            )
        keys = self._keys.rotated(new_secret(self._rng), self._clock.now_us(), keep_us)
        try:
            await asyncio.get_running_loop().run_in_executor(None, write_keys, self.file, keys)
        except OSError as error:
            raise StoreError(
                StoreTrouble.FAILED, f"{self.file} cannot be written: {error.strerror}"
            ) from error
        self._take(keys)
        return keys

    def _take(self, keys: SigningKeys) -> None:
        if keys != self._keys:
            self._keys = keys
            self._bus.emit(SigningKeysChanged(file=str(self.file), keys=len(keys.keys)))
