"""``python -I -m remote.pip_defaults``: where pip fetches from when no setting says otherwise."""

from pip._internal.models.index import PyPI


def main() -> None:
    """One address a line."""
    print(PyPI.url)  # noqa: T201  # its output is its answer
    print(f"https://{PyPI.file_storage_domain}")  # noqa: T201


if __name__ == "__main__":
    main()
