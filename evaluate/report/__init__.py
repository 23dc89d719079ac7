"""What was measured, for people: text, HTML report, plots, model card."""
