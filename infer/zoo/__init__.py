"""The zoo: published model files, and how to get them."""
