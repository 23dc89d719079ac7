"""Heads: from embeddings and labels to the loss."""
