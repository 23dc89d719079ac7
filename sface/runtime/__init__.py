"""The machine and its libraries: what has to be there, and what has to be arranged before Jittor's import."""
