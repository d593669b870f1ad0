"""Imports a directory of tests/corpus/postfix; as a program, writes its golden files anew, to be read before they are committed.

python -m tests.unit.migrate.golden
"""

from pathlib import Path
from unittest.mock import patch

from mailrail.migrate import Postfix, import_postfix, read_postfix

CORPUS = Path(__file__).parents[2] / "corpus" / "postfix"
NAMES = sorted(folder.name for folder in CORPUS.iterdir())
ACCOUNTS = {5000: "vmail"}


def golden(name: str) -> dict[str, str]:
    """Return what the directory *name* becomes, by the names of its golden files, as it would be in /etc/postfix."""
    folder = CORPUS / name
    with (
        patch.object(Postfix, "account_name", lambda _, number: ACCOUNTS.get(number, "")),
        patch.object(Postfix, "group_name", lambda _, number: ACCOUNTS.get(number, "")),
    ):
        # Nothing lies below the root, so that this machine's own files do not count.
        postfix = read_postfix(folder, root=folder / "nowhere", host_name="here.example.net")
        result = import_postfix(postfix, Path("/etc/mailrail"))
    files = {"mailrail.toml": result.toml, "report.txt": result.report.as_text()}
    return {file: text.replace(str(folder), "/etc/postfix") for file, text in files.items()}


if __name__ == "__main__":
    for name in NAMES:
        for file, text in golden(name).items():
            (CORPUS / name / file).write_text(text)
