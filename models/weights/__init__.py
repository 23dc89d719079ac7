"""Weights on disk ⇄ a network: checkpoints, and files that the published code wrote."""
