"""``python -I -m remote.pip_defaults``: where pip fetches from when no setting says otherwise."""


def main() -> None:
    """One address a line; raises `ImportError` where there is no pip."""
    from pip._internal.models.index import PyPI

    print(PyPI.url)  # noqa: T201  # its output is its answer
    print(f"https://{PyPI.file_storage_domain}")  # noqa: T201


if __name__ == "__main__":
    main()
