"""The proof that an exported file is the same function as the network it came from."""
