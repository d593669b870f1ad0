import errno
from pathlib import Path

import apsw
import pytest

from mailrail.model import StoreError, StoreTrouble
from mailrail.spool.opening import Ground
from mailrail.spool.settings import SpoolSettings
from mailrail.spool.system_disk import SystemDisk
from mailrail.spool.trouble import is_breaking, store_error, with_cause


@pytest.mark.parametrize(
    ("error", "trouble", "breaks"),
    [
        (OSError(errno.ENOSPC, "no space"), StoreTrouble.FULL, False),
        (OSError(errno.EDQUOT, "quota"), StoreTrouble.FULL, False),
        (OSError(errno.EFBIG, "too big"), StoreTrouble.FULL, False),
        (OSError(errno.EIO, "broken"), StoreTrouble.FAILED, True),
        (OSError(errno.EROFS, "read-only"), StoreTrouble.FAILED, True),
        (apsw.exception_for(apsw.SQLITE_FULL), StoreTrouble.FULL, False),
        (apsw.exception_for(apsw.SQLITE_IOERR_WRITE), StoreTrouble.FAILED, False),
        (apsw.exception_for(apsw.SQLITE_READONLY), StoreTrouble.FAILED, False),
        (apsw.exception_for(apsw.SQLITE_IOERR_FSYNC), StoreTrouble.FAILED, True),
        (apsw.exception_for(apsw.SQLITE_IOERR_DIR_FSYNC), StoreTrouble.FAILED, True),
        (apsw.exception_for(apsw.SQLITE_CORRUPT), StoreTrouble.DAMAGED, True),
        (apsw.exception_for(apsw.SQLITE_NOTADB), StoreTrouble.DAMAGED, True),
        (StoreError(StoreTrouble.LOCKED, "in use"), StoreTrouble.LOCKED, False),
    ],
)
def test_each_trouble_is_told_for_what_it_means(
    error: Exception, trouble: StoreTrouble, breaks: bool
) -> None:
    """A68."""
    assert store_error(error, "while writing").trouble is trouble
    assert is_breaking(error) is breaks


def test_a_write_error_of_sqlite_is_full_when_the_system_says_so() -> None:
    """A68: SQLite tells a quota as an unspecific write error."""
    error = apsw.exception_for(apsw.SQLITE_IOERR_WRITE)
    assert store_error(with_cause(error, errno.EDQUOT), "").trouble is StoreTrouble.FULL
    assert with_cause(error, errno.EIO) is error
    full = apsw.exception_for(apsw.SQLITE_FULL)
    assert with_cause(full, errno.ENOSPC) is full


def test_a_forbidden_directory_is_told_with_its_cause(tmp_path: Path) -> None:
    class ForbiddenDisk(SystemDisk):
        def make_directory(self, path: Path) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.raises(StoreError, match="cannot be used") as caught:
        Ground(SpoolSettings(path=tmp_path / "spool"), lambda: 0, ForbiddenDisk())
    assert isinstance(caught.value.__cause__, PermissionError)
