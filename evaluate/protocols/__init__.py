"""Protocols: from a set of photos or crops to compared pairs."""
