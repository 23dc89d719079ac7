"""Identification, who is found among many: MegaFace's challenge 1."""
