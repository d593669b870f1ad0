"""Floor 3 · directory — the threads in which passwords are checked and issuers asked."""

from mailrail.directory.api import DirectoryError
from mailrail.tables import Pool


def login_pool(threads: int, waiting: int) -> Pool:
    """Return threads for logins, which refuse what is too much with DirectoryError."""
    return Pool(threads, waiting, name="logins", busy=DirectoryError)
