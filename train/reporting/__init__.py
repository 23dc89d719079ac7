"""What a run reports: progress, log, curves, TensorBoard."""
