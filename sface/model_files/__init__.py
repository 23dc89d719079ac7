"""What a model file says of itself, what is known of published ones, and sessions that run them."""
