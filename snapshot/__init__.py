"""What travels: capture, manifest, restore and merge home."""
