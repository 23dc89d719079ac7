"""Jittor operators of our own: faster than what Jittor generates."""
