"""Installs castoff's runtime on a host. Sent there as text and run by the host's own Python: standard library only.

    python3 -I -c THIS ROOT RUNTIME_ID < payload.zip

The payload holds ``pip/``, ``requirements-host.txt``, castoff's wheel, and in ``wheels/`` the packages themselves if
the host reaches no index. Everything is made in a new directory of ROOT and renamed when it is complete; whatever
happens before that, the directory is removed. Where another runtime there has the same packages, its files are linked
instead of installed again: nothing writes into an installed file. Prints JSON lines: ``{"line": ...}`` for people, last
``{"done": ...}`` or ``{"failed": CODE, "sentence": ..., "detail": ...}``.
"""

import compileall
import errno
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

NEEDED_BYTES = 400_000_000
NEEDED_TO_BEGIN = 40_000_000
"""Enough where the packages are there already."""
STALE_SECONDS = 24 * 3600
MARKER = "complete.json"
LAUNCHER = '#!/bin/sh\nexec "$(dirname -- "$0")/../env/bin/python" -I -m remote.runner_cli "$@"\n'
CHECK = "import agent.runner, snapshot, remote.runner_cli; from remote.wheel import runtime_id; print(runtime_id())"


class Failed(Exception):
    """The end, with a code, a sentence, and what a program said."""

    def __init__(self, code: str, sentence: str, detail: str = "") -> None:
        super().__init__(sentence)
        self.code = code
        self.detail = detail


def say(**message: object) -> None:
    """Print one JSON line; a reader that went away ends everything (`BrokenPipeError`)."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def run(argv: list[str], code: str, sentence: str) -> str:
    """Run a program, pass its lines on, and return them; raises `Failed`."""
    lines: list[str] = []
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/"
    )
    assert process.stdout is not None
    try:
        for raw in process.stdout:
            lines.append(raw.decode(errors="replace").rstrip())
            say(line=lines[-1])
    finally:
        process.stdout.close()
        if process.poll() is None and sys.exc_info()[0] is not None:
            process.kill()
        process.wait()
    if process.returncode != 0:
        text = "\n".join(lines)
        if "No space left on device" in text or "Disk quota exceeded" in text:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise Failed(code, sentence, "\n".join(lines[-12:]))
    return "\n".join(lines)


def check_space(root: Path, needed: int) -> None:
    """Refuse early what cannot end well."""
    facts = os.statvfs(root)
    free = facts.f_bavail * facts.f_frsize
    if free < needed:
        raise Failed("host-full", f"{free // 1_000_000} MB are free under {root}; {needed // 1_000_000} MB are needed")


def sweep(root: Path) -> None:
    """Remove what an installation left that was killed long ago."""
    for path in root.glob(".new-*"):
        try:
            stale = time.time() - path.stat().st_mtime > STALE_SECONDS
        except FileNotFoundError:
            continue  # another installation is complete by now
        if stale:
            shutil.rmtree(path, ignore_errors=True)


def make_environment(new: Path) -> None:
    """A private environment without pip."""
    try:
        import venv
    except ImportError:
        raise Failed("no-venv", f"{sys.executable} has no venv module") from None
    try:
        venv.create(new / "env", with_pip=False, symlinks=True)
    except subprocess.CalledProcessError as error:
        raise Failed("no-venv", f"{sys.executable} cannot make a private environment", str(error)) from error


def describe(new: Path) -> dict[str, str]:
    """What an environment depends on besides castoff itself: two that are equal in this hold the same packages."""
    requirements = (new / "payload" / "requirements-host.txt").read_bytes()
    return {
        "requirements": hashlib.sha256(requirements).hexdigest(),
        "version": sys.version.split()[0],
        "base_prefix": sys.base_prefix,
    }


def find_similar(root: Path, facts: dict[str, str]) -> Path | None:
    """The environment of another complete runtime with the same packages."""
    for marker in root.glob(f"[!.]*/{MARKER}"):
        try:
            told = json.loads(marker.read_text())
        except (OSError, ValueError):
            continue
        if facts.items() <= told.items():
            return marker.parent / "env"
    return None


def take_over(similar: Path, new: Path) -> None:
    """Another runtime's environment without castoff itself, its files linked."""
    site = site_packages(similar)
    (record,) = site.glob("castoff-*.dist-info/RECORD")
    own = {line.split("/")[0] for line in record.read_text().splitlines()}

    def leave_out(directory: str, _names: list[str]) -> set[str]:
        return own if Path(directory) == site else set()

    shutil.copytree(similar, new / "env", symlinks=True, ignore=leave_out, copy_function=link)


def link(source: str, target: str) -> None:
    """One file under another name; copied where the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def site_packages(environment: Path) -> Path:
    """Where an environment keeps its packages."""
    return environment / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def install(new: Path, python: str) -> None:
    """The pinned packages, from what the host reaches or from those sent along."""
    pip = [python, "-I", str(new / "payload" / "pip")]
    common = ["install", "--no-deps", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    common += ["--only-binary", ":all:", "--retries", "1", "--timeout", "10", "--no-compile"]
    wheels = new / "payload" / "wheels"
    source = ["--no-index", "--find-links", str(wheels)] if wheels.is_dir() else []
    requirements = ["--require-hashes", "-r", str(new / "payload" / "requirements-host.txt")]
    run([*pip, *common, *source, *requirements], "no-packages", "pip could not install the pinned packages")
    say(line="compiling")
    # On all processors, unlike pip; a module that is meant for another Python may fail, and is compiled never or later.
    compileall.compile_dir(new / "env" / "lib", quiet=2, workers=0)


def install_own(new: Path) -> None:
    """Castoff itself: its wheel holds plain modules only, so that to unpack it is to install it."""
    (own,) = (new / "payload").glob("castoff-*.whl")
    try:
        with zipfile.ZipFile(own) as wheel:
            wheel.extractall(site_packages(new / "env"))
            packages = {name.split("/")[0] for name in wheel.namelist()}
    except zipfile.BadZipFile as error:
        raise Failed("no-castoff", "castoff's own package arrived damaged", str(error)) from error
    for package in packages:
        compileall.compile_dir(site_packages(new / "env") / package, quiet=2)


def check(python: str, runtime_id: str) -> None:
    """Whether it runs and is what was meant; raises `Failed`."""
    said = run([python, "-I", "-c", CHECK], "no-start", "the installed runtime does not start").splitlines()
    if not said or said[-1] != runtime_id:
        raise Failed("wrong-runtime", f"the installed runtime says that it is {said[-1:]}, not {runtime_id}")


def tags(new: Path, python: str) -> dict[str, object]:
    """What packages fit this host: its Python version and its platform tags, best first."""
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); from pip._vendor.packaging import tags;"
        "print(json.dumps({'python': '%d.%d' % sys.version_info[:2], 'platforms': list(tags.platform_tags())}))"
    )
    argv = [python, "-I", "-c", code, str(new / "payload")]
    return json.loads(subprocess.run(argv, check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL).stdout)


def build(root: Path, new: Path, runtime_id: str, facts: dict[str, str]) -> None:
    """The environment, checked: on the packages of another runtime, or all anew if that does not work."""
    python = str(new / "env" / "bin" / "python")
    similar = find_similar(root, facts)
    if similar is not None:
        try:
            take_over(similar, new)
            install_own(new)
            check(python, runtime_id)
        except (OSError, ValueError, shutil.Error, Failed) as error:
            say(line=f"the packages of {similar.parent.name} cannot be used again: {error}")
            shutil.rmtree(new / "env", ignore_errors=True)
        else:
            return
    check_space(root, NEEDED_BYTES)
    make_environment(new)
    try:
        install(new, python)
    except Failed as error:
        if error.code == "no-packages":
            say(fits=tags(new, python))
        raise
    install_own(new)
    check(python, runtime_id)


def is_whole(runtime: Path) -> bool:
    """Whether a runtime is complete and its interpreter is still the one that its packages were installed for."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    argv = [str(runtime / "env" / "bin" / "python"), "-I", "-S", "-c", code]
    try:
        told = json.loads((runtime / MARKER).read_text())
        said = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/", check=True)
        return said.stdout.strip() == ".".join(told["version"].split(".")[:2])
    except (OSError, ValueError, KeyError, subprocess.CalledProcessError):
        return False


def finish(new: Path, final: Path, runtime_id: str, facts: dict[str, str]) -> None:
    """Complete it and give it its name."""
    shutil.rmtree(new / "payload")
    for path in (new / "env" / "bin").iterdir():
        if not path.name.startswith("python"):  # they name the directory that is renamed below
            path.unlink()
    (new / "bin").mkdir()
    (new / "bin" / "castoff-runner").write_text(LAUNCHER)
    (new / "bin" / "castoff-runner").chmod(0o755)
    (new / MARKER).write_text(json.dumps({"runtime_id": runtime_id, **facts}))
    os.sync()
    if final.exists() and not is_whole(final):
        final.rename(new / "damaged")
    try:
        new.rename(final)
    except OSError as error:
        # Another installation was quicker; it is as good as ours.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not is_whole(final):
            raise
    shutil.rmtree(final / "damaged", ignore_errors=True)


def main(root: Path, runtime_id: str) -> None:
    """Do it all, or nothing."""
    payload = sys.stdin.buffer.read()
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    sweep(root)
    check_space(root, NEEDED_TO_BEGIN)
    new = Path(tempfile.mkdtemp(prefix=".new-", dir=root))
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            archive.extractall(new / "payload")
        facts = describe(new)
        build(root, new, runtime_id, facts)
        finish(new, root / runtime_id, runtime_id, facts)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def leave(number: int, frame: object) -> None:
    """A polite end still removes what was begun."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    for polite in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(polite, leave)
    try:
        main(Path(sys.argv[1]), sys.argv[2])
        say(done=True)
    except Failed as error:
        say(failed=error.code, sentence=str(error), detail=error.detail)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        say(failed="host-full" if full else "os-error", sentence=str(error), detail="")
