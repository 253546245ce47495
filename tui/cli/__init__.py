"""The command line: the whole journey without a screen, for scripts and for people who like it so."""
