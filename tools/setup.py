"""Make the virtual environment from the lock files, and fetch the real peers.

    python3 tools/setup.py run    what `mailrail` runs on
    python3 tools/setup.py dev    that, and all that tests, checks, docs and benchmarks need (default)
    python3 tools/setup.py fuzz   that, and the fuzzer, where it has a wheel

Runs on a bare machine, so: standard library only, and no syntax newer than Python 3.8 (an older Python must get
as far as the message that says it is too old). Repeating it costs a few milliseconds: a stamp in `.venv` holds a
digest of everything that went in.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
NEWEST_FIRST = ("python3.13", "python3.12", "python3.11", "python3")
LEAST = (3, 11)
LOCKS = {
    "run": ("requirements/run.txt", "requirements/build.txt"),
    "dev": ("requirements/run.txt", "requirements/build.txt", "requirements/dev.txt"),
    "fuzz": (
        "requirements/run.txt",
        "requirements/build.txt",
        "requirements/dev.txt",
        "requirements/fuzz.txt",
    ),
}
# What a level on the left needs, an installed level on the right has.
SERVED_BY = {"run": ("run", "dev", "fuzz"), "dev": ("dev", "fuzz"), "fuzz": ("fuzz",)}
NO_WHEEL = """setup: NO FUZZING HERE: no wheel of atheris fits this system and Python (it has them for Linux on x86-64,
setup: Python 3.11 to 3.13), or it could not be fetched; the lines above are pip's.
setup: The tests replay without it all that was ever found: .venv/bin/pytest tests/fuzz"""
PIP_TIMEOUT_S = 1200


def say(text: str) -> None:
    """Tell the person at the terminal what happens now."""
    print(f"setup: {text}", flush=True)


def version_of(python: str) -> tuple[int, int] | None:
    """Ask an interpreter for its version; None if it does not run (a pyenv shim, say)."""
    ask = "import sys; print(*sys.version_info[:2])"
    try:
        told = subprocess.run([python, "-c", ask], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    major, minor = told.stdout.split()
    return int(major), int(minor)


def find_python() -> str:
    """Return an interpreter new enough: the one that runs this, else the newest on the path."""
    for candidate in (sys.executable, *NEWEST_FIRST):
        version = version_of(candidate)
        if version is not None and version >= LEAST:
            return candidate
    sys.exit("setup: mailrail needs Python 3.11 or newer; none found on the path")


def install_venv_package(python: str) -> None:
    """Debian splits `venv` off Python: get it by apt, or say how."""
    version = version_of(python) or LEAST
    package = f"python{version[0]}.{version[1]}-venv"
    command = ["apt-get", "-qq", "-y", "--no-install-recommends", "install", package]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(f"setup: this Python has no venv module; as root: {' '.join(command)}")
    say(f"installing {package}, which this Python lacks")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for one in (["apt-get", "-qq", "update"], command):
        done = subprocess.run(
            one, stdin=subprocess.DEVNULL, capture_output=True, env=environment, check=False
        )
    if done.returncode != 0:
        sys.exit(f"setup: {' '.join(command)} failed:\n{done.stderr.decode(errors='replace')}")


def make_venv() -> None:
    """Create `.venv` unless a working one is there."""
    version = version_of(str(PYTHON))
    if version is not None and version >= LEAST and (VENV / "bin" / "pip").exists():
        return
    python = find_python()
    if subprocess.run([python, "-c", "import ensurepip, venv"], capture_output=True, check=False).returncode:
        install_venv_package(python)
    say(f"making .venv with {python}")
    subprocess.run([python, "-m", "venv", "--clear", str(VENV)], check=True)


def digest_of(level: str) -> str:
    """Digest everything that decides what a level installs."""
    digest = hashlib.sha256()
    for name in (*LOCKS[level], "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    digest.update(str(VENV).encode())  # an environment that was moved does not work
    return digest.hexdigest()


def is_current(level: str) -> bool:
    """Tell whether *level*, or one that includes it, is installed as locked."""
    if version_of(str(PYTHON)) is None:
        return False
    return any(
        stamp_of(one).exists() and stamp_of(one).read_text() == digest_of(one) for one in SERVED_BY[level]
    )


def stamp_of(level: str) -> Path:
    """Where the digest of an installed level is kept."""
    return VENV / f".installed-{level}"


def pip(*arguments: str) -> None:
    """Run the environment's own pip quietly."""
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
    subprocess.run([*command, *arguments], cwd=ROOT, check=True, timeout=PIP_TIMEOUT_S)


def install(level: str) -> None:
    """Install the locked packages, then the project itself, editable."""
    say(f"installing the packages of {', '.join(LOCKS[level])} ...")
    locks = [word for name in LOCKS[level] for word in ("-r", name)]
    # A wheel of the fuzzer or nothing: its source wants a compiler that brings libFuzzer.
    pip("--require-hashes", "--only-binary=atheris", *locks)
    # Without isolation: the build uses the hatchling of build.txt, not one fetched past the lock.
    pip("--no-deps", "--no-build-isolation", "--editable", ".")
    stamp_of(level).write_text(digest_of(level))


def main() -> int:
    """Bring the environment up to date for the level asked for."""
    level = sys.argv[1] if len(sys.argv) > 1 else "dev"
    if level not in LOCKS:
        sys.exit(f"setup: no such level {level!r}; one of {', '.join(LOCKS)}")
    (ROOT / ".mailrail").mkdir(exist_ok=True)
    with (ROOT / ".mailrail" / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two makes at once would fight over one environment
        for one in ("dev", "fuzz") if level == "fuzz" else (level,):
            if not is_current(one):
                make_venv()
                install(one)
        if level == "dev":
            subprocess.run([sys.executable, str(ROOT / "tools" / "setup_peers.py")], check=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as failed:
        if "requirements/fuzz.txt" in failed.cmd:
            sys.exit(NO_WHEEL)
        sys.exit(f"setup: this failed: {' '.join(str(word) for word in failed.cmd)}")
