"""Doubles: stand-ins for what cannot be had in a test, each named for what it stands in for."""
