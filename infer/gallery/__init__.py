"""Galleries: enrolled people, and who a face shows (1:N)."""
