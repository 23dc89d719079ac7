"""Face detectors, and which of a photo's faces are taken."""
