"""How much accuracy is lost on degraded pictures."""
