"""What you see: the Textual app and the command line."""
