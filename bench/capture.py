"""The memory of a capture: a tree of 100,000 files, read by a process that may not use more than 300 MB.

``python bench/capture.py [FOLDER]`` makes the tree below FOLDER (default: a temporary one) and prints what was used.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

FILES, FOLDERS, LIMIT = 100_000, 1_000, 300 << 20


def make(tree: Path) -> None:
    """A repository with everything committed and packed."""
    for number in range(FILES):
        folder = tree / f"package{number % 40}" / f"module{number % FOLDERS}" / "src"
        if number < FOLDERS:
            folder.mkdir(parents=True)
        (folder / f"some_file_{number}.py").write_text(f"{number}\n")
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "gc.auto=0")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "all"), ("gc", "-q")):
        subprocess.run(["git", *identity, *words], cwd=tree, check=True)


def read(tree: Path) -> None:
    """Capture it, with cache and manifest as a handoff does; `MemoryError` above the limit."""
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    from snapshot.capture import capture
    from snapshot.digest import DigestCache
    from snapshot.manifest import write_manifest

    began = time.monotonic()
    manifest = capture(tree, cache=DigestCache(tree.parent / "digests.json"))
    write_manifest(tree.parent / "manifest.json", manifest)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{manifest.files} files, {time.monotonic() - began:.1f} s, {used:.0f} MB at most")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        read(Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory(dir=sys.argv[1] if sys.argv[1:] else None) as name:
            make(Path(name) / "tree")
            for _ in ("cold", "warm"):
                subprocess.run([sys.executable, __file__, "--read", f"{name}/tree"], check=True)
