"""Batches of training images: order, augmentation, processes that decode."""
