"""From compared pairs to figures: error rates, thresholds, accuracies, and their intervals over people."""
