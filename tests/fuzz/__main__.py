"""Replay inputs, or look for new ones:

python -m tests.fuzz TARGET FILE...            each through the target; the first that breaks it shows its traceback
python -m tests.fuzz TARGET --seconds 300      coverage-guided, with atheris; what breaks it is left under .mailrail/fuzz/
python -m tests.fuzz all --seconds 300         every target in turn, each in a process of its own
"""

import argparse
import importlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

WORK = Path(__file__).resolve().parents[2] / ".mailrail" / "fuzz"
NAMES = sorted(file.stem.removeprefix("target_") for file in Path(__file__).parent.glob("target_*.py"))
INSTRUMENTED = ["mailrail", "dns", "idna", "tomllib"]  # whose branches guide the search


def main(arguments: Sequence[str]) -> int:
    words = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m tests.fuzz", description=__doc__, formatter_class=words)
    parser.add_argument("target", choices=["all", *NAMES], metavar="TARGET", help=", ".join(["all", *NAMES]))
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="inputs to replay")
    parser.add_argument("--seconds", type=int, default=0, help="how long to look for new ones")
    asked = parser.parse_args(arguments)
    if bool(asked.files) == bool(asked.seconds) or (asked.files and asked.target == "all"):
        parser.error("give one target FILEs to replay, or --seconds to look for new ones")
    if gone := [str(file) for file in asked.files if not file.is_file()]:
        parser.error(f"there is no file {', '.join(gone)}")
    if asked.target == "all":
        return fuzz_all(asked.seconds)
    if asked.seconds:
        fuzz(asked.target, asked.seconds)
    replay(asked.target, asked.files)
    return 0


def replay(name: str, files: list[Path]) -> None:
    """Put each file through the target."""
    from tests.fuzz.targets import TARGETS

    for file in files:
        TARGETS[name].check(file.read_bytes())
        print(f"{file}: holds")


def fuzz(name: str, seconds: int) -> None:
    """Hand over to libFuzzer, which ends the process."""
    atheris = importlib.import_module("atheris")  # optional: by name, so that checks pass without it
    with atheris.instrument_imports(include=INSTRUMENTED):
        # Only this one, not the table: to instrument the whole house takes a minute.
        target = importlib.import_module(f"tests.fuzz.target_{name}")
    from tests.fuzz.seeds import kept

    folder = WORK / name
    (folder / "corpus").mkdir(parents=True, exist_ok=True)
    inputs = [*target.seeds(), *(file.read_bytes() for file in kept(name))]
    for number, data in enumerate(inputs):
        (folder / "corpus" / f"seed-{number:03}").write_bytes(data)
    options = [
        f"-max_total_time={seconds}",
        "-max_len=4096",
        "-timeout=20",
        "-rss_limit_mb=1024",
        "-print_final_stats=1",
    ]
    atheris.Setup(
        [sys.argv[0], *options, f"-artifact_prefix={folder}/", str(folder / "corpus")], target.check
    )
    atheris.Fuzz()


def fuzz_all(seconds: int) -> int:
    """Go through the targets one after the other; 1 when any was broken."""
    broken = []
    for name in NAMES:
        print(f"== {name}", flush=True)
        command = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(seconds)]
        if subprocess.run(command, check=False).returncode:
            broken.append(name)
    print(f"fuzz: broken: {', '.join(broken)}" if broken else "fuzz: every target held")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
